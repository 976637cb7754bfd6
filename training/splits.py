"""Splits by speaker, the same for the same seed whatever the order of the recordings."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from training.corpora.base import UNKNOWN_SPEAKER
from training.schema import VOTES

HELD_OUT_SHARE: Final = 0.15  # of a corpus' speakers, for dev and once more for test
ABLATION_SHARE: Final = 0.1  # of the train recordings: 6,833 of 68,428 (paper, section 4.1)


def is_unknown(speaker: str) -> bool:
    """Whether a speaker, with or without its corpus, stands for people nobody named."""
    return speaker.rpartition("/")[2] == UNKNOWN_SPEAKER


def default_split(speakers: Sequence[str], seed: int) -> list[str]:
    """train, dev or test for recordings of one corpus by these speakers.

    15 % of the known speakers are dev and as many test, at least one each; of two speakers one is
    dev, none is test. Unknown speakers train: they may be any of the known ones.
    """
    known = _shuffled(speakers, seed)
    count = max(1, int(HELD_OUT_SHARE * len(known) + 0.5))
    dev = set(known[:count]) if len(known) > 1 else set()
    test = set(known[count : 2 * count]) if len(known) > 2 else set()
    return [
        "dev" if speaker in dev else "test" if speaker in test else "train" for speaker in speakers
    ]


def ablation(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Train divided by speaker, about a tenth of its recordings to dev; the old dev becomes test.

    Rows that were `test` before stay so beside them. Unknown speakers train.
    """
    train = frame["split"] == "train"
    sizes = frame.loc[train, "speaker"].value_counts()
    known = _shuffled(sizes.index, seed)
    if len(known) < 2:
        raise SerError(
            "split: ablation divides the train recordings by speaker, but fewer than two of their "
            "speakers are known; use split: corpus."
        )
    room = ABLATION_SHARE * int(train.sum())
    chosen: list[str] = []
    for speaker in known:
        if sizes[speaker] <= room:
            chosen.append(speaker)
            room -= sizes[speaker]
    chosen = chosen or [min(known, key=lambda speaker: (sizes[speaker], speaker))]
    split = frame["split"].mask(frame["split"] == "dev", "test")
    return frame.assign(split=split.mask(train & frame["speaker"].isin(chosen), "dev"))


def folds_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Every recording with a label is `train`, to be dealt out; the others keep their split."""
    labelled = frame[["emotion", *ATTRIBUTES, *VOTES.values()]].notna().any(axis=1)
    return frame.assign(split=frame["split"].mask(labelled, "train"))


def _shuffled(speakers: Iterable[str], seed: int) -> list[str]:
    """The known ones, each once, in an order that depends on the seed and their names alone."""
    known = {str(speaker) for speaker in speakers if not is_unknown(speaker)}
    return sorted(known, key=lambda name: hashlib.sha256(f"{seed}\n{name}".encode()).digest())
