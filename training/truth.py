"""What is known of each recording, as arrays: class targets, votes, attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from training.manifest import VOTES
from training.metrics import UNSCORED


@dataclass(frozen=True)
class Truth:
    """Row i belongs to row i of the manifest's frame."""

    classes: tuple[str, ...]
    index: np.ndarray  # [N] int64, the class agreed on; -1: none
    votes: np.ndarray  # [N, C] float64, annotators (or weight) per class; zeros: none known
    targets: np.ndarray  # [N, C] float32, what the class loss aims at; zeros: no class
    attributes: np.ndarray  # [N, 3] float32 in 1..7; NaN: not rated

    @classmethod
    def of(cls, frame: pd.DataFrame, classes: Sequence[str], soft: bool = False) -> "Truth":
        """One-hot targets; with `soft` the share of the votes, one-hot where nobody voted.

        Votes for classes that are not among `classes` do not count.
        """
        index = pd.Index(classes).get_indexer(pd.Index(frame["emotion"])).astype(np.int64)
        votes = frame[[VOTES[name] for name in classes]].fillna(0.0).to_numpy(dtype=np.float64)
        targets = np.zeros_like(votes)
        labelled = np.flatnonzero(index >= 0)
        targets[labelled, index[labelled]] = 1.0
        if soft:
            voted = votes.sum(axis=1) > 0
            targets[voted] = votes[voted] / votes[voted].sum(axis=1, keepdims=True)
        attributes = frame[list(ATTRIBUTES)].to_numpy(dtype=np.float32)
        return cls(tuple(classes), index, votes, targets.astype(np.float32), attributes)

    @property
    def rated(self) -> np.ndarray:
        """Whether all three attributes are known, [N] bool."""
        return ~np.isnan(self.attributes).any(axis=1)

    @property
    def scored(self) -> list[int]:
        """Positions in `classes` of those that figures are about: all but "other"."""
        return [k for k, name in enumerate(self.classes) if name != UNSCORED]

    @property
    def scored_index(self) -> np.ndarray:
        """[N] int64, the class agreed on as a position in `scored`; -1: none that counts."""
        positions = np.full(len(self.classes) + 1, -1)  # the last one answers for -1
        positions[self.scored] = np.arange(len(self.scored))
        return positions[self.index]


def fewer_annotators(votes: np.ndarray, chance: float, random: np.random.Generator) -> np.ndarray:
    """Votes [C] after each annotator was dropped with `chance`; one of them always stays.

    The votes must be whole numbers with a sum above 0.
    """
    kept = random.binomial(votes.astype(np.int64), 1.0 - chance)
    if not kept.any():
        kept[random.choice(len(votes), p=votes / votes.sum())] = 1
    return kept.astype(np.float64)


def check_votes(truth: Truth, rows: np.ndarray, ids: Sequence[str]) -> None:
    """Refuse votes from which no single annotator can be dropped; `ids` name the frame's rows."""
    votes = truth.votes[rows]
    if not (votes.sum(axis=1) > 0).any():
        raise SerError(
            "annotation_dropout needs the votes of single annotators, and no training recording "
            "has any; set annotation_dropout=0."
        )
    broken = rows[(votes != np.round(votes)).any(axis=1)]
    if len(broken):
        raise SerError(
            f"annotation_dropout needs whole counts of annotators, but {len(broken)} recordings, "
            f"{ids[broken[0]]} among them, have shares as votes; set annotation_dropout=0."
        )
