"""Measures of the field, from plain arrays; checked against independent formulas in the tests."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

UNSCORED: Final = "other"  # no answer of the challenge: never guessed, its clips do not count
ROUNDING: Final = 1e-12  # of the mean square, relative: below it a variance is 0


def confusion_matrix(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """Counts [true class, guessed class]; a guess outside 0..classes-1 counts in no column."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    inside = (guess >= 0) & (guess < classes)
    np.add.at(matrix, (truth[inside], guess[inside]), 1)
    return matrix


def recalls(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """Recall of each class [classes]; NaN for a class without a sample."""
    counts = np.bincount(truth, minlength=classes).astype(float)
    hits = np.bincount(truth[truth == guess], minlength=classes)
    return np.divide(hits, counts, out=np.full(classes, np.nan), where=counts > 0)


def unweighted_average_recall(truth: np.ndarray, guess: np.ndarray, classes: int) -> float:
    """UAR: the mean recall of the classes that occur."""
    return float(np.nanmean(recalls(truth, guess, classes)))


def f1_scores(hits: np.ndarray, true: np.ndarray, guessed: np.ndarray) -> np.ndarray:
    """F1 of each class from counts [..., C]: 2 hits / (true + guessed).

    NaN for a class that occurs in neither truth nor guess, 0 for one that is only guessed.
    """
    total = np.asarray(true + guessed, dtype=float)
    return np.divide(2 * hits, total, out=np.full(total.shape, np.nan), where=total > 0)


def macro_f1(truth: np.ndarray, guess: np.ndarray, classes: int) -> float:
    """Mean F1 of the classes that occur in truth or guess, as torchmetrics and scikit-learn do.

    A class that is guessed but never true counts as 0. Where all eight classes of the challenge
    occur, as in its test set, this is its score.
    """
    matrix = confusion_matrix(truth, guess, classes)
    true = np.bincount(truth, minlength=classes)
    return float(np.nanmean(f1_scores(np.diag(matrix), true, matrix.sum(axis=0))))


def concordance(truth: np.ndarray, guess: np.ndarray) -> float:
    """CCC = 2 cov / (var_x + var_y + (mean_x - mean_y)^2), population moments; 0 if constant."""
    truth, guess = np.asarray(truth, dtype=float), np.asarray(guess, dtype=float)
    return float(concordance_of_sums(moments(truth, guess).sum(axis=0)))


def moments(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """What sums over recordings need to hold for a CCC: [N, 6] of 1, x, y, x^2, y^2, xy.

    Both are measured from the mean truth, which changes no CCC and keeps the squares small.
    """
    x, y = truth - truth.mean(), guess - truth.mean()
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def concordance_of_sums(sums: np.ndarray) -> np.ndarray:
    """CCC [...] from sums [..., 6] of `moments`; 0 where truth or prediction is constant."""
    count = sums[..., 0]
    x, y, xx, yy, xy = np.moveaxis(sums[..., 1:] / count[..., None], -1, 0)
    covariance, var_x, var_y = xy - x * y, xx - x * x, yy - y * y
    spread = var_x + var_y + (x - y) ** 2
    # what rounding leaves of a variance is no variance: the challenge scores a constant 0
    varied = (var_x > ROUNDING * xx) & (var_y > ROUNDING * yy)
    return np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=varied)


def expected_calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, bins: int = 15
) -> float:
    """ECE over bins of equal mass: mean distance of confidence and accuracy, [N, C] and [N]."""
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(confidence, kind="stable")
    return calibration_gap((confidence - hit)[order], bins)


def calibration_gap(surplus: np.ndarray, bins: int = 15) -> float:
    """ECE from confidence minus hit [N], by rising confidence."""
    least, more = divmod(len(surplus), bins)  # the first bins hold one more, as in array_split
    ends = np.arange(bins + 1) * least + np.minimum(np.arange(bins + 1), more)
    sums = np.concatenate([[0.0], np.cumsum(surplus)])
    return float(np.abs(np.diff(sums[ends])).sum() / len(surplus))


def calibration_floor(probabilities: np.ndarray, draws: int = 200, seed: int = 0) -> float:
    """Mean ECE of a perfectly calibrated model with these confidences [N, C]: chance alone.

    Its answers are right as often as it says: hits are drawn from the confidences.
    """
    random = np.random.default_rng(seed)
    confidence = np.sort(probabilities.max(axis=1))
    hits = (random.random(len(confidence)) < confidence for _ in range(draws))
    return float(np.mean([calibration_gap(confidence - hit) for hit in hits]))


def interval_by_speaker(
    speakers: Sequence[str],
    measure: Callable[[np.ndarray], float],
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % bootstrap interval of `measure(rows)`, drawing whole speakers with replacement."""
    random = np.random.default_rng(seed)
    names = np.asarray(speakers)
    rows_of = [np.flatnonzero(names == name) for name in np.unique(names)]
    values = [
        measure(
            np.concatenate([rows_of[i] for i in random.integers(len(rows_of), size=len(rows_of))])
        )
        for _ in range(draws)
    ]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
