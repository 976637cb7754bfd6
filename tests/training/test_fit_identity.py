"""A stage that was begun or done with other recordings, labels or weights is not gone on with."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ser.bundle import Bundle
from ser.errors import SerError
from tests.training.fit_world import WorldCache, train_in_world, world_config, world_frame
from training.config import Config
from training.fit import train_stages
from training.identity import hash_of_rows
from training.manifest import read_manifest, write_manifest
from training.runs import FINETUNE, FIT

QUICK = (
    "fit.epochs=1", "fit.samples_per_epoch=16", "fit.warmup_epochs=0",
    "finetune.task1.epochs=1", "finetune.task1.samples_per_epoch=16",
)  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A finished fit."""
    config = world_config(tmp_path_factory.mktemp("work"), QUICK)
    train_in_world(FIT, config)
    return config


def other(row: int, column: str, value: Any) -> pd.DataFrame:
    frame = world_frame()
    assert frame.loc[row, column] != value
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    "frame",
    [
        world_frame().iloc[:-1],
        world_frame().iloc[::-1].reset_index(drop=True),
        other(90, "split", "dev"),
        other(0, "emotion", "sad"),
        other(0, "arousal", 4.25),
        other(0, "votes_sad", 2.0),
        other(0, "transcript", "other words"),
        other(0, "transcript", None),
        other(0, "audio_sha256", "f" * 64),
        other(0, "id", "world/other"),
    ],
)
def test_a_done_stage_is_refused_with_other_rows(fitted: Config, frame: pd.DataFrame) -> None:
    with pytest.raises(SerError, match="run/fit was begun with other recordings, splits, labels"):
        train_stages(fitted, {FIT: fitted.fit}, frame, WorldCache)


def test_where_files_lie_is_no_part_of_it(fitted: Config, tmp_path: Path) -> None:
    train_stages(fitted, {FIT: fitted.fit}, other(0, "path", "elsewhere/0.wav"), WorldCache)
    write_manifest(world_frame(), tmp_path / "manifest.parquet")
    read = read_manifest(tmp_path / "manifest.parquet")
    assert hash_of_rows(read) == hash_of_rows(world_frame())


def test_a_begun_stage_is_refused_with_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = world_config(tmp_path, QUICK)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.fit._finish", killed)
        with pytest.raises(KeyboardInterrupt):
            train_in_world(FIT, config)
    assert not (config.run / FIT / "done.json").exists()
    relabelled = other(0, "emotion", "sad")
    with pytest.raises(SerError, match=r"other recordings.*give this run another name, or delete"):
        train_stages(config, {FIT: config.fit}, relabelled, WorldCache)
    train_in_world(FIT, config)  # with the same rows it goes on
    (config.run / FIT / "data.json").write_text("{")
    with pytest.raises(SerError, match=r"data\.json is damaged"):
        train_in_world(FIT, config)


def test_a_fine_tuning_is_refused_with_a_new_start(tmp_path: Path) -> None:
    config = world_config(tmp_path, QUICK)
    config = config.model_copy(update={"finetune": {"task1": config.finetune["task1"]}})
    train_in_world(FIT, config)
    train_in_world(FINETUNE, config)
    train_in_world(FINETUNE, config)  # done, from this start
    start = Bundle.load(config.run / "fit/macro_f1")
    start.model.output.bias.data += 1.0
    start.save(config.run / "fit/macro_f1")
    with pytest.raises(SerError, match="run/finetune/task1 was begun with other weights of fit/ma"):
        train_in_world(FINETUNE, config)


def test_each_fold_has_rows_of_its_own(tmp_path: Path) -> None:
    config = world_config(tmp_path, [*QUICK, "folds={count: 3}"])
    train_in_world(FIT, config)
    stored = {(config.run / f"fold{k}/fit/data.json").read_text() for k in range(3)}
    assert len(stored) == 3
    train_in_world(FIT, config)
    relabelled = other(0, "emotion", "sad")
    with pytest.raises(SerError, match="run/fold0/fit was begun with other recordings"):
        train_stages(config, {FIT: config.fit}, relabelled, WorldCache)
