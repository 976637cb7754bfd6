"""What a manifest must be before hours are spent on it. Every fault is one sentence."""

import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from ser.errors import SerError
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTIONS
from training.config import Config
from training.corpora import OWN_SPLITS
from training.schema import SCHEMA, SPLITS, VOTES
from training.splits import is_unknown

logger = logging.getLogger(__name__)

NAMED = 3  # offenders that a sentence names


def check(frame: pd.DataFrame, config: Config, required: bool = True, warn: bool = False) -> None:
    """Raise SerError, which names rows and a remedy, for what cannot be trained on.

    required: that train, dev and a sample of each class are there, too. warn: name speakers whom
    the corpus' own splits share; where we made the splits, that is an error.
    """
    _check_columns(frame)
    _check_ids(frame)
    _check_values(frame)
    shared = _shared_speakers(frame)
    for corpus, speakers in shared.items():
        entry = config.corpora.get(corpus)
        if entry is None or entry.reader not in OWN_SPLITS:
            raise SerError(
                f"Splits of {corpus} share speakers: {_named(speakers)}. Give each speaker one "
                "split, or run `python -m training prepare` again."
            )
        if warn:
            logger.warning("The splits of %s share speakers: %s.", corpus, "; ".join(speakers))
    if required:
        _check_splits(frame, config)
        _check_classes(frame, config)


def _check_columns(frame: pd.DataFrame) -> None:
    if missing := [name for name in SCHEMA.names if name not in frame.columns]:
        raise SerError(
            f"The manifest lacks the columns {', '.join(missing)}: run "
            "`python -m training prepare` again, or add them."
        )
    for field in SCHEMA:
        try:
            column = pa.Array.from_pandas(frame[field.name], type=field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise SerError(
                f"Column {field.name} of the manifest must hold values of type {field.type}: "
                f"{error}."
            ) from error
        if not field.nullable and column.null_count:
            row = int(np.flatnonzero(frame[field.name].isna())[0])
            raise SerError(f"Column {field.name} of the manifest is empty in row {row}.")


def _check_ids(frame: pd.DataFrame) -> None:
    twice = frame.loc[frame["id"].duplicated(), "id"].unique()
    if len(twice):
        raise SerError(
            f"The manifest has more than one recording with the id {_named(twice)}: give each an "
            "id of its own, or remove all but one."
        )


def _check_values(frame: pd.DataFrame) -> None:
    split = frame[~frame["split"].isin(SPLITS)]
    if len(split):
        raise SerError(
            f"{_rows(split)}: unknown split {split['split'].iloc[0]!r}; use one of "
            f"{', '.join(SPLITS)}."
        )
    emotion = frame[frame["emotion"].notna() & ~frame["emotion"].isin(EMOTIONS)]
    if len(emotion):
        raise SerError(
            f"{_rows(emotion)}: unknown class {emotion['emotion'].iloc[0]!r}; use one of "
            f"{', '.join(EMOTIONS)}."
        )
    for name in ATTRIBUTES:
        known = frame[frame[name].notna()]
        outside = known[~known[name].between(ATTRIBUTE_MIN, ATTRIBUTE_MAX)]
        if len(outside):
            raise SerError(
                f"{_rows(outside)}: {name} is {outside[name].iloc[0]:g}, outside "
                f"{ATTRIBUTE_MIN:g}..{ATTRIBUTE_MAX:g}; map the ratings to that range."
            )
    for column in VOTES.values():
        known = frame[frame[column].notna()]
        wrong = known[~(np.isfinite(known[column]) & (known[column] >= 0))]
        if len(wrong):
            raise SerError(
                f"{_rows(wrong)}: {column} is {wrong[column].iloc[0]:g}; give a count of "
                "annotators, 0 or more."
            )


def _shared_speakers(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Corpus -> "speaker (splits)" for each speaker who is in several splits."""
    named = frame[~frame["speaker"].map(is_unknown).astype(bool)]
    pairs = named[["corpus", "speaker", "split"]].drop_duplicates()
    shared = pairs[pairs.duplicated("speaker", keep=False)]
    found: dict[str, list[str]] = {}
    for (corpus, speaker), splits in shared.groupby(["corpus", "speaker"])["split"]:
        found.setdefault(str(corpus), []).append(f"{speaker} ({', '.join(sorted(splits))})")
    return found


def _check_splits(frame: pd.DataFrame, config: Config) -> None:
    needed = ("train",) if config.folds is not None else ("train", "dev")
    for split in needed:
        if not (frame["split"] == split).any():
            raise SerError(
                f"No recording is in the split {split}: mark some as {split} in the corpus, read "
                "corpora with at least two speakers, or set folds."
            )


def _check_classes(frame: pd.DataFrame, config: Config) -> None:
    """Every class has a training sample, unless classes are not learnt at all."""
    train = frame.loc[frame["split"] == "train", "emotion"]
    if config.fit.beta == 0 and train.isna().all():
        return
    if without := [name for name in config.classes if not (train == name).any()]:
        rest = [name for name in config.classes if name not in without]
        remedy = (
            f"take it out of `classes`, which leaves classes=[{','.join(rest)}]"
            if rest
            else "label some, or set fit.beta=0 to train on attributes alone"
        )
        raise SerError(f"No training recording has the class {_named(without)}: {remedy}.")


def _rows(frame: pd.DataFrame) -> str:
    return f"Recording {_named(frame['id'])}"


def _named(names: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(str, names[:NAMED])) + more
