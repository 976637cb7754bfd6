"""Settings of the embedded bundle: wrong ones are told in a sentence, before anything is done."""

from pathlib import Path

import pytest

from ser.errors import SerError
from tests.conftest import REPOSITORY
from training.embedded.config import EmbeddedConfig

FILE = REPOSITORY / "training" / "configs" / "embedded.yaml"


def test_the_shipped_file_is_read_and_parts_of_it_are_changed(tmp_path: Path) -> None:
    told = [f"data={tmp_path}", "epochs.whisper=3", "work=elsewhere", "measure=folds"]
    config = EmbeddedConfig.read(FILE, told)
    assert (config.data, config.work) == (tmp_path, Path("elsewhere"))
    assert config.measure == "folds"
    assert (config.epochs["whisper"], config.epochs["wavlm"]) == (3, 50)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("measure=none", r"measure: .*'all', 'folds' or 'shipped'"),
        ("seed.x=1", r"seed: .* valid integer \(it is {'x': 1}\)"),
        ("epochs.whisper=[", r"The value of epochs\.whisper cannot be read"),
        ("epochs.whisper=0", r"epochs\.whisper: .* greater than or equal to 1"),
        ("epochs.hubert=1", "epochs: give a number for each of whisper, wavlm, roberta, fusion,"),
        ("epochs={whisper: 1}", "epochs: give a number for each of whisper, wavlm, roberta, fus"),
        ("per_epoch.tess=1", "per_epoch: give a number for each of ravdess, nemo, iesc, and"),
        ("per_epoch=5", r"per_epoch: .* dictionary \(it is 5\)"),
        ("copies=abc", r"copies: .* integer.* \(it is 'abc'\)"),
        ("copies=0", "copies: .* greater than or equal to 1"),
        ("max_seconds=31", "max_seconds: .* less than or equal to 30"),
        ("rate=1", "rate is no setting"),
        ("seed", "write key=value"),
        ("data=/nowhere", "data: there is no such folder: give data=FOLDER"),
    ],
)
def test_settings_that_cannot_be_used_are_told(
    tmp_path: Path, override: str, sentence: str
) -> None:
    with pytest.raises(SerError, match=sentence):
        EmbeddedConfig.read(FILE, [f"data={tmp_path}", override])


def test_a_setting_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    short = tmp_path / "short.yaml"
    short.write_text("\n".join(line for line in lines if not line.startswith("seed")))
    with pytest.raises(SerError, match=r"short\.yaml cannot be used: seed is missing\.$"):
        EmbeddedConfig.read(short, [f"data={tmp_path}"])
