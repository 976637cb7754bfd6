"""The manifest: built from clips, refused with a sentence, split by speaker."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ser.errors import SerError
from training.config import Config, Corpus, Folds, Stage
from training.corpora import Clip
from training.manifest import (
    SCHEMA,
    VOTES,
    build,
    check,
    load,
    read_manifest,
    write_manifest,
)
from training.splits import ablation, default_split

CLASSES = ("angry", "sad")


def config_of(tmp_path: Path, **settings: Any) -> Config:
    corpora = {
        "mine": Corpus(reader="table", folder=Path("mine")),
        "acted": Corpus(reader="ravdess", folder=Path("acted"), derive_attributes=True),
    }
    return Config(
        **{
            "data": tmp_path / "data",
            "work": tmp_path / "work",
            "classes": CLASSES,
            "corpora": corpora,
            **settings,
        }
    )


def clip(tmp_path: Path, name: str, speaker: str, **fields: Any) -> Clip:
    path = tmp_path / "data" / "mine" / f"{name}.wav"
    return Clip(**{"path": path, "corpus": "table", "speaker": speaker, "emotion": "sad", **fields})


def table(rows: Sequence[tuple[str, str, str | None, str]], tmp_path: Path) -> pd.DataFrame:
    """A manifest of (name, speaker, emotion, split)."""
    clips = [
        clip(tmp_path, name, speaker, emotion=emotion, split=split)
        for name, speaker, emotion, split in rows
    ]
    frame = build({"mine": clips}, config_of(tmp_path))
    return frame.assign(audio_sha256=[f"hash of {row[0]}" for row in rows])


GOOD = (
    ("a", "ann", "angry", "train"),
    ("b", "ann", "sad", "train"),
    ("c", "bob", "sad", "dev"),
    ("d", "cid", "angry", "test1"),
)


def written(frame: pd.DataFrame, config: Config) -> Config:
    write_manifest(frame, config.manifest)
    return config


def test_rows_have_the_schemas_columns_and_the_configurations_name(tmp_path: Path) -> None:
    one = clip(
        tmp_path, "a", "ann", split="train", votes={"sad": 2.0}, attributes=(2.0, math.nan, 3.0)
    )
    frame = build({"mine": [one]}, config_of(tmp_path))
    assert list(frame.columns) == SCHEMA.names
    row = frame.iloc[0]
    assert (row["id"], row["path"], row["speaker"]) == ("mine/mine/a", "mine/a.wav", "mine/ann")
    assert (row["votes_sad"], row["votes_angry"]) == (2.0, 0.0)
    assert (row["arousal"], row["dominance"], row["derived"]) == (2.0, 3.0, False)
    assert math.isnan(row["valence"])


def test_votes_and_ratings_nobody_gave_are_null(tmp_path: Path) -> None:
    frame = table(GOOD, tmp_path)
    assert frame[[*VOTES.values(), "arousal", "valence", "dominance"]].isna().all(axis=None)


def test_ratings_are_derived_only_where_asked_and_where_the_class_has_some(tmp_path: Path) -> None:
    actors = [clip(tmp_path, str(k), str(k), emotion="angry") for k in range(3)]
    other = clip(tmp_path, "x", "0", emotion="other")
    rated = clip(tmp_path, "y", "0", emotion="angry", attributes=(1.0, 1.0, 1.0))
    both = build({"acted": [*actors, other, rated], "mine": actors}, config_of(tmp_path))
    acted, mine = both[both["corpus"] == "acted"], both[both["corpus"] == "mine"]
    assert acted["derived"].tolist() == [True, True, True, False, False]
    # arousal of normally acted anger: 4 + 3 * 0.59 * 0.75 (Russell and Mehrabian 1977)
    assert acted["arousal"].iloc[0] == pytest.approx(5.3275)
    assert acted["arousal"].iloc[3:].tolist() == pytest.approx([math.nan, 1.0], nan_ok=True)
    assert not mine["derived"].any()
    assert mine["arousal"].isna().all()


def test_a_corpus_has_splits_for_all_recordings_or_for_none(tmp_path: Path) -> None:
    clips = [clip(tmp_path, "a", "ann", split="train"), clip(tmp_path, "b", "bob")]
    with pytest.raises(SerError, match=r"1 recordings of mine have no split, b\.wav among them"):
        build({"mine": clips}, config_of(tmp_path))


def test_default_splits_are_by_speaker_and_by_the_seed_alone() -> None:
    speakers = [f"s{k:02}" for k in range(20) for _ in range(3)] + ["unknown"]
    split = default_split(speakers, seed=1)
    of_speaker = dict(zip(speakers, split, strict=True))
    assert [of_speaker[name] for name in speakers] == split  # nobody is in two
    assert sorted(of_speaker.values()).count("dev") == 3
    assert sorted(of_speaker.values()).count("test") == 3
    assert of_speaker["unknown"] == "train"
    backwards = default_split(speakers[::-1], seed=1)[::-1]
    assert backwards == split
    assert default_split(speakers, seed=2) != split


@pytest.mark.parametrize(
    ("speakers", "splits"),
    [(["unknown"], ["train"]), (["a"], ["train"]), (["a", "b"], ["dev", "train"])],
)
def test_few_speakers_give_few_splits(speakers: list[str], splits: list[str]) -> None:
    assert sorted(default_split(speakers, seed=1)) == splits


def test_folds_make_everything_train(tmp_path: Path) -> None:
    clips = [clip(tmp_path, str(k), str(k)) for k in range(5)]
    frame = build({"acted": clips}, config_of(tmp_path, folds=Folds()))
    assert set(frame["split"]) == {"train"}


def test_a_good_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    frame = table(GOOD, tmp_path)
    loaded = load(written(frame, config_of(tmp_path)))
    assert loaded["id"].tolist() == frame["id"].tolist()
    assert loaded["split"].tolist() == ["train", "train", "dev", "test1"]
    assert isinstance(loaded.index, pd.RangeIndex)


def changed(frame: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    values = frame[column].astype(object).to_list()
    values[1] = value
    return frame.assign(**{column: pd.Series(values)})


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("emotion", "wistful", "Recording mine/mine/b: unknown class 'wistful'"),
        ("arousal", 7.01, r"Recording mine/mine/b: arousal is 7\.01, outside 1\.\.7"),
        ("valence", 0.0, r"Recording mine/mine/b: valence is 0, outside 1\.\.7"),
        ("dominance", math.inf, "dominance is inf"),
        ("dominance", "high", "Column dominance .* must hold values of type double"),
        ("id", "mine/mine/a", "more than one recording with the id mine/mine/a"),
        ("split", "exam", "Recording mine/mine/b: unknown split 'exam'; use one of train, dev"),
        ("votes_sad", -1.0, "Recording mine/mine/b: votes_sad is -1"),
        ("speaker", None, "Column speaker of the manifest is empty in row 1"),
    ],
)
def test_wrong_values_are_told_with_their_row(
    tmp_path: Path, column: str, value: object, told: str
) -> None:
    with pytest.raises(SerError, match=told):
        check(changed(table(GOOD, tmp_path), column, value), config_of(tmp_path))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    frame = table(GOOD, tmp_path).drop(columns=["speaker", "votes_sad"])
    with pytest.raises(SerError, match="lacks the columns speaker, votes_sad"):
        check(frame, config_of(tmp_path))
    config = config_of(tmp_path)
    config.work.mkdir()
    frame.to_parquet(config.manifest)
    with pytest.raises(SerError, match="lacks the columns speaker, votes_sad"):
        load(config)


def test_what_is_no_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(SerError, match=r"There is no manifest .*prepare"):
        read_manifest(tmp_path / "manifest.parquet")
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(SerError, match="not a readable Parquet file"):
        read_manifest(tmp_path / "manifest.parquet")


@pytest.mark.parametrize("split", ["train", "dev"])
def test_an_empty_split_is_told(tmp_path: Path, split: str) -> None:
    frame = table([row for row in GOOD if row[3] != split], tmp_path)
    with pytest.raises(SerError, match=f"No recording is in the split {split}"):
        check(frame, config_of(tmp_path))


def test_a_class_without_a_training_sample_is_told(tmp_path: Path) -> None:
    frame = table([("a", "ann", "angry", "train"), *GOOD[2:]], tmp_path)
    with pytest.raises(SerError, match=r"has the class sad.*leaves classes=\[angry\]"):
        check(frame, config_of(tmp_path))


def test_ratings_alone_need_no_class(tmp_path: Path) -> None:
    frame = table([(name, who, None, split) for name, who, _, split in GOOD], tmp_path)
    check(frame, config_of(tmp_path, fit=Stage(alpha=1.0, beta=0.0)))
    with pytest.raises(SerError, match="has the class angry, sad"):
        check(frame, config_of(tmp_path))


SHARING = (*GOOD, ("e", "ann", "sad", "test1"))


def test_speakers_whom_a_corpus_own_splits_share_are_named_in_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        check(table(SHARING, tmp_path), config_of(tmp_path), warn=True)
    assert "mine share speakers: mine/ann (test1, train)" in caplog.text


def test_speakers_in_splits_of_our_making_are_an_error(tmp_path: Path) -> None:
    config = config_of(tmp_path, corpora={"mine": Corpus(reader="ravdess", folder=Path("x"))})
    with pytest.raises(SerError, match=r"share speakers: mine/ann \(test1, train\)"):
        check(table(SHARING, tmp_path), config)


def test_unknown_speakers_may_be_in_any_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [(name, "unknown", emotion, split) for name, _, emotion, split in GOOD]
    with caplog.at_level(logging.WARNING):
        check(table(rows, tmp_path), config_of(tmp_path), warn=True)
    assert not caplog.records


def test_transcripts_are_filled_in_where_the_corpus_has_none(tmp_path: Path) -> None:
    frame = changed(table(GOOD, tmp_path).assign(transcript="own"), "transcript", None)
    frame.loc[2, "transcript"] = None
    config = written(frame, config_of(tmp_path))
    pd.DataFrame(
        {
            "id": ["x", "y", "z"],
            "audio_sha256": ["hash of a", "hash of b", "another"],
            "text": ["not this", "heard", "nor this"],
            "language": "en",
            "source": "told",
        }
    ).to_parquet(config.transcripts)
    assert load(config)["transcript"].fillna("none").tolist() == ["own", "heard", "none", "own"]


def test_classes_that_are_not_learnt_are_no_classes(tmp_path: Path) -> None:
    rows = [*GOOD, ("e", "ann", "calm", "train"), ("f", "dee", "calm", "test1")]
    frame = table(rows, tmp_path)
    frame.loc[frame["id"] == "mine/mine/e", ["arousal", "valence", "dominance"]] = 4.0
    kept = load(written(frame, config_of(tmp_path)))
    assert kept["emotion"].fillna("none").tolist()[-2:] == ["none", "none"]  # rated; to be tested
    frame["arousal"] = frame["valence"] = frame["dominance"] = math.nan
    kept = load(written(frame, config_of(tmp_path)))
    assert kept["id"].tolist() == [f"mine/mine/{name}" for name in "abcdf"]


def big(tmp_path: Path) -> pd.DataFrame:
    rows = [
        (f"t{who}_{k}", f"t{who}" if who else "unknown", CLASSES[k % 2], "train")
        for who in range(41)
        for k in range(5)
    ]
    rest = [(f"d{k}", f"d{k}", "sad", "dev") for k in range(4)]
    return table(
        [*rows, *rest, ("x", "x", "sad", "test1"), ("y", "unknown", None, "test3")], tmp_path
    )


def test_the_ablation_split_divides_train_by_speaker(tmp_path: Path) -> None:
    frame = big(tmp_path)
    loaded = load(written(frame, config_of(tmp_path, split="ablation")))
    counts = loaded["split"].value_counts().to_dict()
    assert counts == {"train": 185, "dev": 20, "test": 4, "test1": 1, "test3": 1}  # of 205 a tenth
    dev = set(loaded.loc[loaded["split"] == "dev", "speaker"])
    assert dev.isdisjoint(loaded.loc[loaded["split"] == "train", "speaker"])
    assert "mine/unknown" not in dev
    assert set(loaded.loc[loaded["split"] == "test", "id"]) == {f"mine/mine/d{k}" for k in range(4)}


def test_the_ablation_split_depends_on_the_seed_and_not_on_the_order(tmp_path: Path) -> None:
    frame = big(tmp_path)
    once, again = ablation(frame, 1), ablation(frame.iloc[::-1], 1).iloc[::-1]
    pd.testing.assert_frame_equal(once, again)
    assert ablation(frame, 2)["split"].tolist() != once["split"].tolist()


def test_the_ablation_split_needs_two_speakers(tmp_path: Path) -> None:
    with pytest.raises(SerError, match="fewer than two"):
        load(written(table(GOOD, tmp_path), config_of(tmp_path, split="ablation")))


def test_folds_take_every_labelled_recording_for_training(tmp_path: Path) -> None:
    loaded = load(written(big(tmp_path), config_of(tmp_path, folds=Folds())))
    assert loaded["split"].value_counts().to_dict() == {"train": 210, "test3": 1}


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.work.mkdir()
    config.manifest.with_name("manifest.parquet.partial").symlink_to("/dev/full")
    with pytest.raises(SerError, match=r"The disk is full: .*manifest\.parquet"):
        write_manifest(table(GOOD, tmp_path), config.manifest)
    assert not config.manifest.exists()
