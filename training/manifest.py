"""The manifest: one row per recording of all corpora, built, written, read and checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from training.checks import check
from training.config import Config
from training.corpora import Clip
from training.files import whole_file
from training.schema import SCHEMA, SPLITS, VOTES
from training.splits import ablation, default_split, folds_only
from training.targets import RUSSELL_MEHRABIAN_1977, derived_attributes

__all__ = ["SCHEMA", "SPLITS", "VOTES", "build", "check", "load", "read_manifest", "write_manifest"]


def write_manifest(frame: pd.DataFrame, path: Path) -> None:
    """Write through a temporary name, so that a half-written manifest is never read."""
    with whole_file(path) as partial:
        frame.to_parquet(partial, schema=SCHEMA, index=False)


def read_manifest(path: Path) -> pd.DataFrame:
    """Rows in the order of the file, unchecked; SerError for what is no manifest."""
    if not path.is_file():
        raise SerError(f"There is no manifest {path}: run `python -m training prepare` first.")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SerError(
            f"{path} is not a readable Parquet file: run `python -m training prepare` again."
        ) from error


def build(corpora: Mapping[str, Sequence[Clip]], config: Config) -> pd.DataFrame:
    """Rows of the manifest for the clips of each corpus, in their order; not yet checked.

    Duration and hash are those of files not yet looked at: 0 and "". A corpus without splits gets
    one by speaker (`training.splits`), or only `train` where the configuration wants folds.
    """
    rows: list[dict[str, Any]] = []
    for corpus, clips in corpora.items():
        splits = _splits(corpus, clips, config)
        derive = config.corpora[corpus].derive_attributes
        for clip, split in zip(clips, splits, strict=True):
            rows.append(_row(replace(clip, corpus=corpus, split=split), config.data, derive))
    return pd.DataFrame(rows, columns=SCHEMA.names)


def load(config: Config) -> pd.DataFrame:
    """The checked manifest as a run sees it, with a RangeIndex.

    - Transcripts of `config.transcripts` stand where the corpus has none.
    - A class that is not among `config.classes` is no class; a train or dev recording that has then
      neither a class nor votes nor ratings is left out.
    - With `split: ablation` train is divided by speaker and the old dev is `test`; with folds every
      labelled recording is `train` until `training.folds` deals them out.
    """
    frame = read_manifest(config.manifest)
    check(frame, config, required=False)
    frame = _with_transcripts(frame, config.transcripts)
    frame["emotion"] = frame["emotion"].where(frame["emotion"].isin(config.classes))
    told = frame[["emotion", *ATTRIBUTES, *(VOTES[name] for name in config.classes)]].notna()
    frame = frame[told.any(axis=1) | ~frame["split"].isin(("train", "dev"))]
    if config.folds is not None:
        frame = folds_only(frame)
    elif config.split == "ablation":
        frame = ablation(frame, config.seed)
    frame = frame.reset_index(drop=True)
    check(frame, config)
    return frame


def _splits(corpus: str, clips: Sequence[Clip], config: Config) -> list[str]:
    own = [clip.split for clip in clips if clip.split is not None]
    if len(own) == len(clips):
        return own
    if own:
        without = next(clip for clip in clips if clip.split is None)
        raise SerError(
            f"{len(clips) - len(own)} recordings of {corpus} have no split, {without.path.name} "
            "among them, but others do: give all of them a split, or none."
        )
    if config.folds is not None:
        return ["train"] * len(clips)
    return default_split([clip.speaker for clip in clips], config.seed)


def _row(clip: Clip, data: Path, derive: bool) -> dict[str, Any]:
    attributes = clip.attributes
    derived = derive and attributes is None and clip.emotion in RUSSELL_MEHRABIAN_1977
    if derived and clip.emotion is not None:
        attributes = derived_attributes(clip.emotion, clip.strong)
    ratings = attributes or (math.nan,) * len(ATTRIBUTES)
    no_vote = 0.0 if clip.votes else math.nan
    return {
        "id": clip.id,
        "path": _relative(clip.path, data),
        "corpus": clip.corpus,
        "split": clip.split,
        "speaker": f"{clip.corpus}/{clip.speaker}",
        "language": clip.language,
        "transcript": clip.text,
        "emotion": clip.emotion,
        "strong": clip.strong,
        **dict(zip(ATTRIBUTES, ratings, strict=True)),
        "derived": derived,
        **{column: clip.votes.get(name, no_vote) for name, column in VOTES.items()},
        "duration_s": 0.0,
        "audio_sha256": "",
    }


def _relative(path: Path, data: Path) -> str:
    """Relative to `data` where the file lies below it, else absolute."""
    return (path.relative_to(data) if path.is_relative_to(data) else path.absolute()).as_posix()


def _with_transcripts(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    if not path.is_file():
        return frame
    try:
        written = pd.read_parquet(path, columns=["audio_sha256", "text"])
    except (OSError, ValueError) as error:
        raise SerError(f"{path} is damaged: run `python -m training transcribe` again.") from error
    texts = written.drop_duplicates("audio_sha256").set_index("audio_sha256")["text"]
    filled = frame["transcript"].fillna(frame["audio_sha256"].map(texts))
    return frame.assign(transcript=filled)
