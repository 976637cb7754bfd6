"""What a stage's bundle says of the machine that it was made on: nothing."""

import logging
from pathlib import Path

import pytest

from ser.bundle import Bundle, BundleConfig
from tests.training.fit_world import train_in_world, world_config
from training.runs import FIT

QUICK = ("fit.epochs=1", "fit.samples_per_epoch=16", "fit.warmup_epochs=0")


def test_a_recogniser_in_a_folder_is_not_named_by_the_bundle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("whisper").mkdir()
    config = world_config(tmp_path, [*QUICK, "transcriber=whisper"])
    with caplog.at_level(logging.INFO):
        train_in_world(FIT, config)
    served = Bundle.load(config.run / "fit/macro_f1").config.transcriber
    assert served == BundleConfig.transcriber
    assert f"whisper is a folder of this machine: the bundle names {served}" in caplog.text
    elsewhere = world_config(tmp_path, [*QUICK, f"transcriber={tmp_path / 'whisper'}"])
    Path("whisper").rmdir()
    train_in_world(FIT, elsewhere, fast_dev_run=True)  # where the folder is not there either
