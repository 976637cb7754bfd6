"""Settings: wrong ones are told in a sentence, and stored ones are whole."""

import errno
from pathlib import Path
from typing import Any

import pytest

from ser.errors import SerError
from training.__main__ import main
from training.config import Config


def written(folder: Path, content: bytes) -> Path:
    path = folder / "mine.yaml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"fit: {rat: 1}", "fit.rat is no setting"),
        (b"fit: {rate: 0}", r"fit.rate: .* greater than 0 \(it is 0\)"),
        (b"classes: [sad, wistful]", r"unknown classes \['wistful'\]"),
        (b"classes: [sad, angry, sad]", "sad is there twice"),
        (b"fit: [", "mine.yaml is not a YAML file"),
        (b"\xff\xfe\xfa", "mine.yaml is not a YAML file"),
        (b"- 1", "must hold settings"),
        (b"base: mine.yaml", "mine.yaml has itself as its base"),
    ],
)
def test_settings_that_cannot_be_used_are_told(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(SerError, match=told):
        Config.read(written(tmp_path, content))


def test_overrides_reach_single_entries_and_are_refused_where_they_are_none(tmp_path: Path) -> None:
    path = written(tmp_path, b"fit: {rate: 1.0e-3, epochs: 7}")
    config = Config.read(path, ["fit.rate=1e-4", "encoders.whisper.checkpoint=mine"])
    assert (config.fit.rate, config.fit.epochs) == (1e-4, 7)
    assert config.encoders["whisper"].checkpoint == "mine"
    assert config.encoders["wavlm"].checkpoint == "microsoft/wavlm-large"
    with pytest.raises(SerError, match="write key=value"):
        Config.read(path, ["fit.rate"])


def test_a_kill_while_settings_are_stored_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file would be taken for settings of another run, which is then refused."""
    whole = Path.write_text

    def killed(path: Path, text: str, **options: Any) -> None:
        whole(path, text[: len(text) // 2], **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        Config().save(tmp_path)
    assert not (tmp_path / "config.yaml").exists()
    monkeypatch.undo()
    Config(seed=5).save(tmp_path)
    assert Config.read(tmp_path / "config.yaml") == Config(seed=5)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_what_the_system_refuses_is_a_sentence_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(config: Config) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "runs/report.md")

    monkeypatch.setattr("training.evaluate.run", fail)
    assert main(["evaluate", str(written(tmp_path, b"seed: 1"))]) == 1
    told = capsys.readouterr().err
    assert told == "error: runs/report.md cannot be read or written: Permission denied.\n"
