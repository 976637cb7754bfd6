"""Who is kept from training: five folds by speaker, and the two ways from corpus to corpus."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser.errors import SerError
from training.corpora import Clip
from training.splits import is_unknown

FOLDS = 5
FOLD_NAMES = tuple(f"fold{number}" for number in range(FOLDS))
SHIPPED = 4  # the fold whose weights are the bundle
NEMO_PAIRS = (("EB0", "IC0"), ("KS0", "MK0"), ("SM0", "TP0"), (), ("KD0", "WR0"))
"""nEMO's eight speakers make four pairs, so one of the five folds keeps none of them out."""


@dataclass(frozen=True)
class Plan:
    """What one training sees, by number of clip; the tests are never looked at before its end."""

    name: str
    train: tuple[int, ...]
    tests: tuple[int, ...]


def folds(clips: Sequence[Clip]) -> list[Plan]:
    """Five plans that together test every known speaker once.

    RAVDESS' actors are kept out by fours in their order, nEMO's speakers by twos, IESC's known
    users by fifths with like shares of every class. Its unknown users train only, as nobody can
    say whether they are among the known ones. SerError for a known speaker without a fold.
    """
    fold = {**_ravdess_folds(clips), **_nemo_folds(), **_iesc_folds(clips)}
    placed = [fold.get((clip.corpus, clip.speaker), -1) for clip in clips]
    known = {(clip.corpus, clip.speaker) for clip in clips if not is_unknown(clip.speaker)}
    if homeless := sorted(f"{corpus}'s {name}" for corpus, name in known - set(fold)):
        raise SerError(
            f"No fold keeps {', '.join(homeless)} from training: give each of them a place in "
            "NEMO_PAIRS of training/embedded/plans.py, or take their recordings away."
        )
    return [
        Plan(
            name,
            tuple(row for row, own in enumerate(placed) if own != number),
            tuple(row for row, own in enumerate(placed) if own == number),
        )
        for number, name in enumerate(FOLD_NAMES)
    ]


def across(clips: Sequence[Clip], source: str, target: str) -> Plan:
    """Train on all of `source` and nothing else, test on `target`, over the classes both have."""
    labels = {name: {c.label for c in clips if c.corpus == name} for name in (source, target)}
    shared = labels[source] & labels[target]
    train = tuple(row for row, clip in enumerate(clips) if clip.corpus == source)
    tests = tuple(
        row for row, clip in enumerate(clips) if clip.corpus == target and clip.label in shared
    )
    return Plan(f"{source}-to-{target}", train, tests)


def _ravdess_folds(clips: Sequence[Clip]) -> dict[tuple[str, str], int]:
    actors = sorted({clip.speaker for clip in clips if clip.corpus == "ravdess"})
    blocks = np.array_split(np.array(actors, dtype=object), FOLDS)
    return {("ravdess", actor): number for number, block in enumerate(blocks) for actor in block}


def _nemo_folds() -> dict[tuple[str, str], int]:
    return {("nemo", name): number for number, pair in enumerate(NEMO_PAIRS) for name in pair}


def _iesc_folds(clips: Sequence[Clip]) -> dict[tuple[str, str], int]:
    """Users with most clips first, each to the fold that leaves the classes most evenly spread."""
    own = [c for c in clips if c.corpus == "iesc" and not is_unknown(c.speaker)]
    classes = sorted({clip.label for clip in own})
    users = sorted({clip.speaker for clip in own})
    counts = np.array(
        [
            [sum(c.speaker == u and c.label == label for c in own) for label in classes]
            for u in users
        ]
    )
    filled = np.zeros((FOLDS, len(classes)))
    placed = {}
    for row in sorted(range(len(users)), key=lambda r: (-counts[r].sum(), users[r])):
        # after[k] is what the folds hold [folds, classes] if this user goes to fold k.
        after = filled + np.eye(FOLDS)[:, :, None] * counts[row]
        number = int((after.std(axis=1) / counts.sum(axis=0)).sum(axis=1).argmin())
        filled[number] += counts[row]
        placed["iesc", users[row]] = number
    return placed
