"""MSP-Podcast in the shapes of its releases, on trees made here."""

import json
from collections import Counter
from pathlib import Path

import pytest

from ser.errors import SerError
from training.corpora import Clip, Reading, read_msp_podcast

A, B, C = "MSP-PODCAST_0001_0001", "MSP-PODCAST_0001_0002", "MSP-PODCAST_0002_0001_0003"
TEST3 = "MSP-PODCAST_test3_0001"
HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
ROWS = (
    f"{A}.wav,A,6.2,1.5,5.0,12,Male,Train",
    f"{B}.wav,X,4.0,4.5,3.0,Unknown,Female,Development",
    f"{C}.wav,O,2.0,3.0,7.0,3,Female,Test1",
)


def tree(root: Path, *names: str, nested: bool = False) -> Path:
    """Recordings and transcripts; returns the labels' folder."""
    audio = root / "Audios"
    texts = root / "Transcripts"
    labels = root / "Labels" / "Labels" if nested else root / "Labels"
    for folder in (audio, texts, labels):
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (audio / f"{name}.wav").touch()
        if "test3" not in name:
            (texts / f"{name}.txt").write_text(f"Said in {name}.\n")
    return labels


def written(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def by_name(reading: Reading) -> dict[str, Clip]:
    return {clip.path.stem: clip for clip in reading.clips}


def left_out(reading: Reading) -> dict[str, str]:
    return {left.name: left.reason for left in reading.left_out}


@pytest.mark.parametrize(
    ("file", "nested"),
    [
        ("labels_consensus.csv", False),
        ("labels_concensus.csv", False),
        ("labels_consensus.csv", True),
    ],
)
def test_labels_are_found_and_read_by_name(tmp_path: Path, file: str, nested: bool) -> None:
    written(tree(tmp_path, A, B, C, nested=nested) / file, HEADER, *ROWS)
    reading = read_msp_podcast(tmp_path)
    clips = by_name(reading)
    assert set(clips) == {A, C}
    assert clips[A].emotion == "angry"
    assert clips[A].attributes == (6.2, 1.5, 5.0)  # arousal, valence, dominance
    assert (clips[A].speaker, clips[A].split, clips[A].text) == ("12", "train", f"Said in {A}.")
    assert (clips[C].emotion, clips[C].split) == ("other", "test1")
    assert left_out(reading) == {f"{B}.wav": "no agreement on a class"}


def test_columns_may_be_in_any_order(tmp_path: Path) -> None:
    written(
        tree(tmp_path, A) / "labels_consensus.csv",
        "Split_Set,EmoDom,SpkrID,EmoVal,FileName,Gender,EmoAct,EmoClass",
        f"Validation,5.0,Unknown,1.5,{A}.wav,Male,6.2,H",
    )
    clip = by_name(read_msp_podcast(tmp_path))[A]
    assert clip.attributes == (6.2, 1.5, 5.0)
    assert (clip.emotion, clip.speaker, clip.split) == ("happy", "unknown", "dev")


def test_clips_without_agreement_are_kept_for_their_ratings_when_asked(tmp_path: Path) -> None:
    written(tree(tmp_path, A, B, C) / "labels_consensus.csv", HEADER, *ROWS)
    clip = by_name(read_msp_podcast(tmp_path, keep_without_class=True))[B]
    assert (clip.emotion, clip.attributes) == (None, (4.0, 4.5, 3.0))


def test_missing_recordings_and_missing_labels_are_named(tmp_path: Path) -> None:
    labels = tree(tmp_path, A, C, "MSP-PODCAST_9999_0001")
    written(labels / "labels_consensus.csv", HEADER, *ROWS)
    assert left_out(read_msp_podcast(tmp_path)) == {
        f"{B}.wav": "no audio file",
        "MSP-PODCAST_9999_0001.wav": "no row in the label file",
    }


def test_the_challenge_test_needs_no_label(tmp_path: Path) -> None:
    written(tree(tmp_path, A, B, C, TEST3) / "labels_consensus.csv", HEADER, *ROWS)
    clip = by_name(read_msp_podcast(tmp_path))[TEST3]
    assert (clip.split, clip.emotion, clip.text, clip.attributes) == ("test3", None, None, None)
    assert (clip.speaker, clip.votes) == ("unknown", {})


def test_a_transcript_of_the_challenge_test_is_read_where_somebody_wrote_one(
    tmp_path: Path,
) -> None:
    written(tree(tmp_path, A, B, C, TEST3) / "labels_consensus.csv", HEADER, *ROWS)
    written(tmp_path / "Transcripts" / f"{TEST3}.txt", "So be it.")
    assert by_name(read_msp_podcast(tmp_path))[TEST3].text == "So be it."


def test_partitions_and_speakers_come_from_their_lists_where_columns_lack(tmp_path: Path) -> None:
    labels = tree(tmp_path, A, C)
    written(
        labels / "labels_consensus.csv",
        "FileName,EmoClass,EmoAct,EmoVal,EmoDom,Gender",
        f"{A}.wav,A,6.2,1.5,5.0,Male",
        f"{C}.wav,N,2.0,3.0,7.0,Female",
    )
    written(tmp_path / "Partitions.txt", f"Train; {A}.wav", f"Test2; {C}.wav")
    with pytest.raises(SerError, match=r"Speaker_ids\.txt .* is missing"):
        read_msp_podcast(tmp_path)
    written(tmp_path / "Speaker_ids.txt", f"{A}.wav; 7", f"{C}.wav; Unknown")
    clips = by_name(read_msp_podcast(tmp_path))
    assert (clips[A].split, clips[A].speaker) == ("train", "7")
    assert (clips[C].split, clips[C].speaker) == ("test2", "unknown")


VOTES = {"neutral": 1.0, "angry": 1.0, "other": 1.0}
PER_ANNOTATOR = (
    ("WORKER0000001", "Neutral", "Neutral,Confused"),
    ("WORKER0000002", "Angry", ""),
    ("WORKER0000003", "Other-mildly put out, really", "Angry"),
)


def columns_of(worker: str) -> list[str]:
    return [
        f"FileName,{worker},EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom",
        *(f'{A}.wav,{who},"{first}","{second}",1,4,1' for who, first, second in PER_ANNOTATOR),
    ]


DETAILS = [
    "FileName,EmoDetail",
    *(
        f'{A}.wav,"{who}; {first}; {second}; A:1.000000; V:4.000000; D:1.000000;"'
        for who, first, second in PER_ANNOTATOR
    ),
]


@pytest.mark.parametrize(
    "lines", [columns_of("Workers"), columns_of("WorkerID"), DETAILS], ids=["1.6", "2.0", "1.7"]
)
def test_votes_are_the_first_choices_of_single_annotators(tmp_path: Path, lines: list[str]) -> None:
    labels = tree(tmp_path, A, B, C)
    written(labels / "labels_consensus.csv", HEADER, *ROWS)
    written(labels / "labels_detailed.csv", *lines)
    clips = by_name(read_msp_podcast(tmp_path))
    assert clips[A].votes == VOTES
    assert clips[C].votes == {}


def test_votes_are_read_from_json(tmp_path: Path) -> None:
    labels = tree(tmp_path, A, B, C)
    written(labels / "labels_consensus.csv", HEADER, *ROWS)
    answers = {
        who: {"EmoClass_Major": first, "EmoClass_Second": second, "EmoAct": 1, "EmoVal": 4}
        for who, first, second in PER_ANNOTATOR
    }
    (labels / "labels_detailed.json").write_text(json.dumps({f"{A}.wav": answers}))
    assert by_name(read_msp_podcast(tmp_path))[A].votes == VOTES


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"{A}.wav,Q,6.2,1.5,5.0,12,Male,Train", rf"{A}.wav .* unknown class 'Q'"),
        (f"{A}.wav,A,high,1.5,5.0,12,Male,Train", rf"EmoAct of {A}.wav .* 'high'"),
        (f"{A}.wav,A,6.2,1.5,5.0,12,Male,Exam", rf"{A}.wav .* unknown split 'Exam'"),
        (ROWS[0], f"more than one row for {A}.wav"),
        (f"{A}.wav,A,6.2", f"{A}.wav .* unknown split ''"),
    ],
)
def test_a_wrong_label_is_told_with_its_row(tmp_path: Path, row: str, told: str) -> None:
    extra = [ROWS[0]] if row == ROWS[0] else []
    written(tree(tmp_path, A) / "labels_consensus.csv", HEADER, row, *extra)
    with pytest.raises(SerError, match=told):
        read_msp_podcast(tmp_path)


def test_missing_columns_and_files_are_told(tmp_path: Path) -> None:
    labels = tree(tmp_path, A)
    with pytest.raises(SerError, match=r"has no Labels/labels_consensus\.csv"):
        read_msp_podcast(tmp_path)
    written(labels / "labels_consensus.csv", "FileName,EmoClass,EmoAct,EmoVal", f"{A}.wav,A,1,1")
    with pytest.raises(SerError, match="lacks the columns EmoDom"):
        read_msp_podcast(tmp_path)


def test_an_unknown_primary_emotion_is_told(tmp_path: Path) -> None:
    labels = tree(tmp_path, A, B, C)
    written(labels / "labels_consensus.csv", HEADER, *ROWS)
    written(labels / "labels_detailed.csv", "FileName,EmoDetail", f'{A}.wav,"W1; Hangry; ; A:1;"')
    with pytest.raises(SerError, match=f"'Hangry' for {A}.wav"):
        read_msp_podcast(tmp_path)


def test_another_audio_ending_does(tmp_path: Path) -> None:
    written(tree(tmp_path) / "labels_consensus.csv", HEADER, ROWS[0])
    (tmp_path / "Audios" / f"{A}.flac").touch()
    assert Counter(c.path.suffix for c in read_msp_podcast(tmp_path).clips) == {".flac": 1}
