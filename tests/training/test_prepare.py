"""From corpus folders to a manifest: what is read, what is left out, what stops before decoding."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from rich.table import Table

from ser.errors import SerError
from tests.audio_files import voice
from training import prepare, prepare_table
from training.config import Config, Corpus
from training.files import Journal, told_faults
from training.manifest import load, read_manifest

HEADER = "path,split,speaker,emotion,transcript\n"
ROWS = {
    "a.wav": "train,ann,sad,One.",
    "b.wav": "train,ann,angry,",
    "c.wav": "dev,bob,sad,Three.",
    "d.wav": "test,cid,angry,Four.",
}


def corpus(data: Path, rows: dict[str, str] = ROWS, folder: str = "mine") -> Path:
    """A labelled folder with a second of sound in each file, none twice the same."""
    (data / folder).mkdir(parents=True)
    for number, name in enumerate(rows):
        samples = voice(1.0 + 0.1 * number, 16_000) * (0.5 + 0.1 * number)
        soundfile.write(data / folder / name, samples, 16_000)
    lines = [f"{name},{labels}\n" for name, labels in rows.items()]
    (data / folder / "labels.csv").write_text(HEADER + "".join(lines))
    return data / folder


def config_of(tmp_path: Path, **settings: Any) -> Config:
    return Config(
        **{
            "data": tmp_path / "data",
            "work": tmp_path / "work",
            "classes": ("angry", "sad"),
            "corpora": {"mine": Corpus(reader="table", folder=Path("mine"))},
            **settings,
        }
    )


def test_the_manifest_tells_length_and_hash_of_every_file(tmp_path: Path) -> None:
    folder, config = corpus(tmp_path / "data"), config_of(tmp_path)
    prepare.run(config)
    frame = load(config)
    assert frame["id"].tolist() == ["mine/a", "mine/b", "mine/c", "mine/d"]
    assert frame["duration_s"].tolist() == pytest.approx([1.0, 1.1, 1.2, 1.3], abs=1e-3)
    assert frame["audio_sha256"].tolist() == [
        hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ROWS
    ]


def test_recordings_that_cannot_be_used_are_left_out_with_name_and_reason(tmp_path: Path) -> None:
    unusable = ("mute.wav", "short.wav", "empty.wav", "text.wav")
    rows = ROWS | dict.fromkeys((*unusable, "gone.wav"), "train,ann,sad,")
    folder, config = corpus(tmp_path / "data", rows), config_of(tmp_path)
    soundfile.write(folder / "mute.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "short.wav", voice(0.1, 16_000), 16_000)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("no sound")
    (folder / "gone.wav").unlink()
    prepare.run(config)
    assert len(read_manifest(config.manifest)) == 4
    left_out = pd.read_csv(config.work / prepare.LEFT_OUT)
    assert set(left_out["corpus"]) == {"mine"}
    assert dict(zip(left_out["name"], left_out["reason"], strict=True)) == {
        "gone.wav": "no audio file",
        "mute.wav": "the file is silent",
        "short.wav": "the file is shorter than 0.3 s",
        "empty.wav": "the file is empty",
        "text.wav": "the file is not an audio file, or is damaged",
    }


def test_files_are_decoded_once_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = corpus(tmp_path / "data"), config_of(tmp_path)
    prepare.run(config)
    before = config.manifest.read_bytes()
    looked: list[str] = []
    look_at_one = prepare._look_at_one

    def spy(path: Path) -> prepare.Sound:
        looked.append(path.name)
        return look_at_one(path)

    monkeypatch.setattr(prepare, "_look_at_one", spy)
    prepare.run(config)
    assert looked == []
    assert config.manifest.read_bytes() == before
    soundfile.write(folder / "b.wav", voice(2.0, 16_000), 16_000)
    prepare.run(config)
    assert looked == ["b.wav"]
    assert read_manifest(config.manifest)["duration_s"][1] == pytest.approx(2.0)


def broken(**changes: object) -> dict[str, Any]:
    entry = {"reader": "table", "folder": "mine", **changes}
    return {"corpora": {"mine": Corpus.model_validate(entry)}}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"corpora": {}}, "names no corpora"),
        (
            broken(reader="csv"),
            r"corpora\.mine\.reader is 'csv', but must be one of crema",
        ),
        (broken(folder="elsewhere"), "The folder .*elsewhere of the corpus mine does not exist"),
        (broken(options={"labls": 1}), r"corpora\.mine\.options has labls, but the reader table"),
        (broken(options={"file": "no.csv"}), "The corpus mine cannot be read: .*no.csv"),
        (broken(reader="ravdess"), "The corpus mine cannot be read: no audio files below"),
        ({"classes": ("angry", "sad", "fear")}, "No training recording has the class fear"),
    ],
)
def test_faults_are_told_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], told: str
) -> None:
    corpus(tmp_path / "data")
    monkeypatch.setattr(prepare, "look_at", lambda *_: pytest.fail("decoded"))
    with pytest.raises(SerError, match=told):
        prepare.run(config_of(tmp_path, **settings))


def test_an_id_that_two_recordings_share_is_told(tmp_path: Path) -> None:
    folder, config = corpus(tmp_path / "data"), config_of(tmp_path)
    (folder / "labels.csv").write_text("path,id,split\na.wav,x,train\nb.wav,x,dev\n")
    with pytest.raises(SerError, match="more than one recording with the id mine/x"):
        prepare.run(config)


def test_a_corpus_of_which_nothing_is_left_is_told(tmp_path: Path) -> None:
    folder, config = corpus(tmp_path / "data"), config_of(tmp_path)
    for name in ROWS:
        (folder / name).unlink()
    with pytest.raises(SerError, match=r"No recording of mine can be used \(no audio file: 4\)"):
        prepare.run(config)


def test_a_split_that_decoding_empties_is_told(tmp_path: Path) -> None:
    folder, config = corpus(tmp_path / "data"), config_of(tmp_path)
    (folder / "c.wav").write_bytes(b"")
    with pytest.raises(SerError, match="No recording is in the split dev"):
        prepare.run(config)


def cells(table: Table) -> list[dict[str, str]]:
    """Rows of a table by their headings."""
    columns = [list(column.cells) for column in table.columns]
    headings = [str(column.header) for column in table.columns]
    return [dict(zip(headings, map(str, row), strict=True)) for row in zip(*columns, strict=True)]


def test_the_table_counts_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus(tmp_path / "data", ROWS | {"e.wav": "train,,calm,"})
    config = config_of(tmp_path)
    prepare.run(config)
    frame = read_manifest(config.manifest)
    found = cells(prepare_table.read_table(frame))
    assert [(row["split"], row["clips"], row["speakers"]) for row in found] == [
        ("train", "3", "1 + ?"),
        ("dev", "1", "1"),
        ("test", "1", "1"),
        ("all", "5", "3 + ?"),
    ]
    assert found[3]["transcribed"] == "3"
    (everything,) = (
        row for row in cells(prepare_table.class_table(frame)) if row["split"] == "all"
    )
    assert [everything[name] for name in ("angry", "sad", "calm")] == ["2", "2", "1"]
    told = capsys.readouterr().out
    assert "calm is not among `classes`: 1 recordings" in told
    assert "2 recordings have no transcript" in told


def test_the_real_corpora_are_read_whole(data_dir: Path, tmp_path: Path) -> None:
    """Two actors and their splits; the whole takes minutes."""
    corpora = {"ravdess": Corpus(reader="ravdess", folder=Path("ravdess"), derive_attributes=True)}
    for actor in ("01", "02"):
        target = tmp_path / "data" / "ravdess" / f"Actor_{actor}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(data_dir / "ravdess" / f"Actor_{actor}")
    classes = ("angry", "sad", "happy", "surprise", "fear", "disgust", "neutral", "calm")
    config = config_of(tmp_path, corpora=corpora, classes=classes)
    prepare.run(config)
    frame = load(config)
    assert frame["split"].value_counts().to_dict() == {"train": 60, "dev": 60}
    assert frame.groupby("speaker")["split"].nunique().max() == 1
    assert frame["derived"].all()
    assert frame["duration_s"].between(2.5, 6.0).all()


def test_a_line_that_a_kill_left_half_written_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).add([{"key": "a"}, {"key": "ż"}])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "c')
    assert Journal(path).read() == [{"key": "a"}, {"key": "ż"}]
    Journal(path).add([{"key": "d"}])
    assert [line["key"] for line in Journal(path).read()] == ["a", "ż", "d"]


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(SerError, match="The disk is full"):
        Journal(tmp_path / "journal.jsonl").add([{"key": "a"}])


@pytest.mark.parametrize(
    ("number", "told"), [(errno.EDQUOT, "The disk is full"), (errno.EACCES, "Permission denied")]
)
def test_other_faults_of_the_disk_are_sentences(number: int, told: str, tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    run: Callable[[], None] = fail
    with pytest.raises(SerError, match=told), told_faults(tmp_path):
        run()
