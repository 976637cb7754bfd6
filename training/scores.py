"""How good predictions are, by the challenge's rules, with intervals by speaker.

"Other" is no answer of the challenge: it is never guessed, and recordings whose class it is do
not count for the classes. Attributes count where all three are rated.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from ser.labels import ATTRIBUTES
from training.bootstrap import DRAWS, groups_of, interval, per_group, resamples
from training.metrics import (
    UNSCORED,
    calibration_floor,
    calibration_gap,
    concordance_of_sums,
    f1_scores,
    moments,
)
from training.predictions import Predictions

F1_PREFIX: Final = "f1_"
CLASS_MEASURES: Final = ("macro_f1", "accuracy", "uar", "ece")
ATTRIBUTE_MEASURES: Final = (*(f"ccc_{name}" for name in ATTRIBUTES), "ccc")
TITLES: Final = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "uar": "UAR",
    "ece": "ECE",
    **{f"ccc_{name}": f"CCC {name}" for name in ATTRIBUTES},
    "ccc": "mean CCC",
}


@dataclass(frozen=True)
class Measure:
    """A figure and its 95 % interval; NaN where a class does not occur.

    The interval of a single group is NaN: drawing it again and again gives the same.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "-"
        if np.isnan(self.low):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class ClassView:
    """The recordings that count for the classes, and what was guessed."""

    classes: tuple[str, ...]  # without "other"
    rows: np.ndarray  # [n] of the predictions' frame
    truth: np.ndarray  # [n], index into classes
    guess: np.ndarray  # [n]
    probabilities: np.ndarray  # [n, C], of the classes that can be guessed

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the guess [n]."""
        return self.probabilities.max(axis=1)


@dataclass(frozen=True)
class Scores:
    """All figures of one model on one split."""

    recordings: int
    classified: int  # of them, how many count for the classes
    rated: int  # of them, how many count for the attributes
    groups: int  # speakers; each recording of an unknown speaker is one
    measures: dict[str, Measure] = field(default_factory=dict)  # what the split has labels for
    ece_floor: float | None = None  # mean ECE of a calibrated model of this confidence

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; a class that does not occur has null."""
        values = asdict(self)
        values["measures"] = {
            name: {k: None if np.isnan(v) else v for k, v in measure.items()}
            for name, measure in values["measures"].items()
        }
        return values


def class_view(predictions: Predictions) -> ClassView:
    """What counts for the classes; empty where the split has no labels."""
    classes = tuple(name for name in predictions.classes if name != UNSCORED)
    truth = np.array(
        [classes.index(e) if e in classes else -1 for e in predictions.frame["emotion"]], dtype=int
    )
    rows = np.flatnonzero(truth >= 0)
    probabilities = without_unscored(predictions)[rows]
    return ClassView(classes, rows, truth[rows], probabilities.argmax(axis=1), probabilities)


def without_unscored(predictions: Predictions) -> np.ndarray:
    """Probabilities [N, C] of the classes that can be guessed, given that it is one of them."""
    kept = [k for k, name in enumerate(predictions.classes) if name != UNSCORED]
    shares = predictions.probabilities[:, kept]
    total = shares.sum(axis=1, keepdims=True)
    return np.divide(shares, total, out=np.full_like(shares, 1 / len(kept)), where=total > 0)


def rated_rows(predictions: Predictions) -> np.ndarray:
    """Rows whose attributes are all known [n]."""
    known = predictions.frame[list(ATTRIBUTES)].notna().all(axis=1)
    return np.flatnonzero(known.to_numpy())


def score(predictions: Predictions, draws: int = DRAWS, seed: int = 0) -> Scores:
    """Every measure the split has labels for, with intervals from `draws` draws of speakers."""
    groups = groups_of(predictions.frame["speaker"].tolist())
    view, rated = class_view(predictions), rated_rows(predictions)
    measures: dict[str, Measure] = {}
    if len(view.rows):
        measures |= _of_classes(view, groups[view.rows], draws, seed)
    if len(rated):
        measures |= _of_attributes(predictions, rated, groups[rated], draws, seed)
    return Scores(
        recordings=len(predictions.frame),
        classified=len(view.rows),
        rated=len(rated),
        groups=len(np.unique(groups)),
        measures=measures,
        ece_floor=calibration_floor(view.probabilities) if draws and len(view.rows) else None,
    )


def points(predictions: Predictions) -> dict[str, float]:
    """The figures alone, without intervals."""
    return {name: measure.value for name, measure in score(predictions, draws=0).measures.items()}


def _of_classes(view: ClassView, groups: np.ndarray, draws: int, seed: int) -> dict[str, Measure]:
    groups = np.unique(groups, return_inverse=True)[1]
    count = len(view.classes)
    cells = np.zeros((groups.max() + 1, count, count))
    np.add.at(cells, (groups, view.truth, view.guess), 1)
    order = np.argsort(view.confidence, kind="stable")
    surplus = (view.confidence - (view.truth == view.guess))[order]
    flat, sorted_groups = cells.reshape(len(cells), -1), groups[order]

    def of(times: np.ndarray) -> np.ndarray:  # [chunk, G] -> [chunk, measures]
        matrices = (times @ flat).reshape(-1, count, count)
        gaps = [calibration_gap(np.repeat(surplus, row[sorted_groups])) for row in times]
        return np.column_stack([_from_confusions(matrices), gaps])

    names = ("macro_f1", "accuracy", "uar", *(F1_PREFIX + name for name in view.classes), "ece")
    return _with_intervals(names, of, len(cells), draws, seed)


def _from_confusions(matrices: np.ndarray) -> np.ndarray:
    """Macro-F1, accuracy, UAR and the F1 of each class [n, 3 + C] from counts [n, C, C]."""
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    true, guessed = matrices.sum(axis=2), matrices.sum(axis=1)
    f1 = f1_scores(hits, true, guessed)
    recall = np.divide(hits, true, out=np.full(hits.shape, np.nan), where=true > 0)
    accuracy = hits.sum(axis=1) / true.sum(axis=1)
    return np.column_stack([np.nanmean(f1, axis=1), accuracy, np.nanmean(recall, axis=1), f1])


def _of_attributes(
    predictions: Predictions, rows: np.ndarray, groups: np.ndarray, draws: int, seed: int
) -> dict[str, Measure]:
    groups = np.unique(groups, return_inverse=True)[1]
    truth = predictions.frame[list(ATTRIBUTES)].to_numpy(dtype=float)[rows]
    guess = predictions.attributes[rows]
    sums = np.stack(
        [per_group(moments(truth[:, k], guess[:, k]), groups) for k in range(len(ATTRIBUTES))]
    )  # [3, G, 6]

    def of(times: np.ndarray) -> np.ndarray:  # [chunk, G] -> [chunk, 4]
        each = concordance_of_sums(np.moveaxis(times.astype(float) @ sums, 0, 1))
        return np.column_stack([each, each.mean(axis=1)])

    return _with_intervals(ATTRIBUTE_MEASURES, of, sums.shape[1], draws, seed)


def _with_intervals(
    names: Sequence[str],
    of: Callable[[np.ndarray], np.ndarray],
    groups: int,
    draws: int,
    seed: int,
) -> dict[str, Measure]:
    """`of` all recordings once, and of each draw of speakers."""
    values = of(np.ones((1, groups), dtype=np.int64))[0]
    low = high = np.full(len(names), np.nan)
    if draws and groups > 1:
        with warnings.catch_warnings():  # a class that occurs nowhere: its interval is NaN too
            warnings.filterwarnings("ignore", message="All-NaN")
            drawn = [of(times) for times in resamples(groups, draws, seed)]
            low, high = interval(np.concatenate(drawn))
    return {
        name: Measure(float(values[k]), float(low[k]), float(high[k]))
        for k, name in enumerate(names)
    }
