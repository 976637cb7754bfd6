"""Readers on small trees in the released formats, and counts on the real ones where they are."""

from collections import Counter
from pathlib import Path

import pytest

from training.corpora import (
    Reading,
    read_emobank,
    read_goemotions,
    read_iesc,
    read_nemo,
    read_ravdess,
)

KNOWN, UNKNOWN = "9dd2014cc6e9", "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def told(reading: Reading) -> dict[str, str]:
    return {left.name: left.reason for left in reading.left_out}


def test_ravdess_reads_its_file_names_and_leaves_out_song(tmp_path: Path) -> None:
    touch(
        tmp_path / "Actor_12" / "03-01-06-02-01-01-12.wav",
        tmp_path / "Actor_12" / "03-02-06-02-01-01-12.wav",
    )
    reading = read_ravdess(tmp_path)
    (clip,) = reading.clips
    assert told(reading) == {"03-02-06-02-01-01-12.wav": "song, not speech"}
    assert (clip.emotion, clip.strong, clip.speaker) == ("fear", True, "12")
    assert clip.text == "Kids are talking by the door"


def test_nemo_finds_files_of_another_ending_and_leaves_out_missing_ones(tmp_path: Path) -> None:
    touch(tmp_path / "samples" / "EB0_anger_1.opus")
    (tmp_path / "data.tsv").write_text(
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        "EB0_anger_1.wav\tanger\tTak.\ttak\tEB0\tfemale\t27\n"
        "EB0_anger_2.wav\tanger\tNie.\tnie\tEB0\tfemale\t27\n",
        encoding="utf-8",
    )
    reading = read_nemo(tmp_path)
    (clip,) = reading.clips
    assert told(reading) == {"EB0_anger_2.wav": "no audio file"}
    assert (clip.emotion, clip.speaker, clip.language) == ("angry", "EB0", "pl")


def test_iesc_leaves_out_what_has_no_speech_no_emotion_or_two_labels(tmp_path: Path) -> None:
    house, road = tmp_path / "House", tmp_path / "Near Lake"
    touch(
        house / f"help-safe-calm-1-{KNOWN}.wav",
        house / f"background-safe-None-2-{UNKNOWN}.wav",
        house / f"help-safe-None-3-{UNKNOWN}.wav",
        house / f"no-safe-angry-4-{KNOWN}.wav",
        road / f"no-safe-happy-4-{KNOWN}.wav",
        house / f"unknown-scream-fearful-5-{UNKNOWN}.wav",
        road / f"unknown-scream-fearful-5-{UNKNOWN}.wav",
    )
    reading = read_iesc(tmp_path)
    clips = {clip.emotion: clip for clip in reading.clips}
    assert Counter(told(reading).values()) == {
        "no speech": 1,
        "no emotion": 1,
        "stored twice": 1,
        "stored twice, with two emotions": 2,
    }
    assert set(clips) == {"neutral", "fear"}
    assert clips["neutral"].text == "help"
    assert (clips["fear"].speaker, clips["fear"].text) == ("unknown", None)


def test_goemotions_names_its_groups(tmp_path: Path) -> None:
    folder = tmp_path / "ekman"
    folder.mkdir()
    (folder / "labels.txt").write_text("anger\njoy\nneutral\n")
    for split in ("train", "dev", "test"):
        (folder / f"{split}.tsv").write_text(f"a {split} line\t0,1\tx1\n")
    lines = read_goemotions(tmp_path)
    assert [line.split for line in lines] == ["train", "dev", "test"]
    assert lines[0].emotions == ("angry", "happy")


def test_emobank_maps_1_to_5_onto_1_to_7_by_name(tmp_path: Path) -> None:
    (tmp_path / "emobank.csv").write_text("id,split,V,A,D,text\nx,train,5,1,3,Fine\n")
    (line,) = read_emobank(tmp_path)
    assert line.attributes == (1.0, 7.0, 4.0)  # arousal, valence, dominance


def test_a_folder_that_is_not_the_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is this the corpus' own folder"):
        read_ravdess(tmp_path)


def test_the_real_corpora_have_their_known_sizes(data_dir: Path) -> None:
    ravdess = read_ravdess(data_dir / "ravdess").clips
    nemo, iesc = read_nemo(data_dir / "nemo").clips, read_iesc(data_dir / "iesc").clips
    assert Counter(c.emotion for c in ravdess)["neutral"] == 80
    assert len(ravdess) == 1200
    assert (len(nemo), len({c.speaker for c in nemo})) == (4225, 8)
    assert len({c.speaker for c in iesc}) == 57  # 56 users and the unknown ones
    assert len(read_goemotions(data_dir / "text" / "goemotions")) == 54_263
    assert len(read_emobank(data_dir / "text" / "emobank")) == 10_062
    every = [clip.id for clip in [*ravdess, *nemo, *iesc]]
    assert len(set(every)) == len(every)
