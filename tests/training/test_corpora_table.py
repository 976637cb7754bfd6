"""Any labelled folder of speech by a table of documented columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ser.errors import SerError
from training.corpora import read_table


def labelled(root: Path, text: str, *files: str, name: str = "labels.csv") -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / name).write_text(text, encoding="utf-8")
    return root


def test_all_columns_are_read_by_name(tmp_path: Path) -> None:
    labelled(
        tmp_path,
        "votes_sad,speaker,path,emotion,dominance,valence,arousal,transcript,split,id,language,"
        'votes_calm\n2,ann,clips/a.mp3,sad,1,2,3,"Yes, no.",validation,one,de,0.5\n',
        "clips/a.mp3",
    )
    (clip,) = read_table(tmp_path).clips
    assert (clip.emotion, clip.speaker, clip.text) == ("sad", "ann", "Yes, no.")
    assert clip.attributes == (3, 2, 1)  # arousal, valence, dominance
    assert (clip.split, clip.language, clip.votes) == ("dev", "de", {"sad": 2, "calm": 0.5})
    assert clip.id == "table/one"
    assert clip.path == tmp_path / "clips" / "a.mp3"


def test_only_the_path_must_be_there(tmp_path: Path) -> None:
    labelled(tmp_path, "path\nclips/a.wav\n", "clips/a.wav")
    (clip,) = read_table(tmp_path).clips
    assert (clip.emotion, clip.text, clip.split, clip.attributes) == (None, None, None, None)
    assert (clip.speaker, clip.language, clip.votes) == ("unknown", "en", {})
    assert clip.id == "table/clips/a"


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    for file in ("a.wav", "b.wav"):
        (tmp_path / file).touch()
    frame = pd.DataFrame(
        {
            "path": ["a.wav", "b.wav"],
            "emotion": ["happy", None],
            "arousal": [1.5, np.nan],
            "valence": [2, 3],
            "votes_happy": pd.array([3, None], dtype="Int64"),
            "speaker": [7, 8],
        }
    )
    frame.to_parquet(tmp_path / "labels.parquet")
    from_parquet = read_table(tmp_path, file="labels.parquet").clips
    frame.to_csv(tmp_path / "labels.csv", index=False)
    from_csv = read_table(tmp_path, file="labels.csv").clips
    assert repr(from_parquet) == repr(from_csv)  # NaN is not equal to itself
    first, second = from_csv
    assert (first.emotion, second.emotion) == ("happy", None)
    assert (first.votes, second.votes, first.speaker) == ({"happy": 3}, {}, "7")
    np.testing.assert_array_equal(first.attributes or (), [1.5, 2, np.nan])
    np.testing.assert_array_equal(second.attributes or (), [np.nan, 3, np.nan])


def test_other_scales_and_names_are_mapped_by_options(tmp_path: Path) -> None:
    labelled(tmp_path, "path,emotion,arousal,valence,dominance\na.wav,anger,0,0.5,1\n", "a.wav")
    (clip,) = read_table(tmp_path, scale=(0, 1), emotions={"anger": "angry"}).clips
    assert (clip.emotion, clip.attributes) == ("angry", (1, 4, 7))


def test_missing_files_are_left_out_by_name(tmp_path: Path) -> None:
    labelled(tmp_path, "path\na.wav\nb.wav\n", "a.wav")
    (left,) = read_table(tmp_path).left_out
    assert (left.name, left.reason) == ("b.wav", "no audio file")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("path,emotion\na.wav,sad\na.wav,wistful\n", "Row 2 of labels.csv .* class 'wistful'"),
        ("path,arousal\na.wav,7.5\n", "Row 1 .* arousal 7.5, outside 1..7"),
        ("path,arousal\na.wav,loud\n", "arousal in row 1 .* is 'loud', but must be a number"),
        ("path,votes_sad\na.wav,-1\n", "Row 1 .* votes that are no counts"),
        ("path,votes_sad\na.wav,inf\n", "Row 1 .* votes that are no counts"),
        ("path,split\na.wav,holdout\n", "Row 1 .* unknown split 'holdout'"),
        ("path,language\na.wav,English\n", "Row 1 .* language 'English': write an ISO"),
        ("path,emotion\n,sad\n", "Row 1 .* has no path"),
        ("file,emotion\na.wav,sad\n", "lacks the columns path; it has file, emotion"),
    ],
)
def test_a_wrong_value_is_told_with_its_row(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SerError, match=told):
        read_table(labelled(tmp_path, text, "a.wav"))


def test_two_tables_need_a_name(tmp_path: Path) -> None:
    labelled(tmp_path, "path\n", name="a.csv")
    labelled(tmp_path, "path\n", name="b.csv")
    with pytest.raises(SerError, match=r"there are: a\.csv, b\.csv"):
        read_table(tmp_path)


def test_columns_that_are_not_used_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        read_table(labelled(tmp_path, "path,emotoin\na.wav,sad\n", "a.wav"))
    assert "the columns emotoin are not used" in caplog.text


def test_most_votes_make_the_class_of_a_row_without_one(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.wav").touch()
    rows = ("a.wav,,1,3", "b.wav,,2,2", "c.wav,sad,3,1", "d.wav,,0,0")
    text = "path,emotion,votes_angry,votes_sad\n" + "\n".join(rows) + "\n"
    (tmp_path / "labels.csv").write_text(text)
    clips = read_table(tmp_path).clips
    assert [clip.emotion for clip in clips] == ["sad", None, "sad", None]
    assert clips[1].votes == {"angry": 2, "sad": 2}  # still a soft label
