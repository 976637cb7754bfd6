"""Measures of the field, from plain arrays; checked against independent formulas in the tests."""

from collections.abc import Callable, Sequence

import numpy as np


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


def macro_f1(truth: np.ndarray, guess: np.ndarray, classes: int) -> float:
    """Mean F1 of the classes that occur in truth or guess."""
    matrix = confusion_matrix(truth, guess, classes)
    hits = np.diag(matrix)
    total = np.bincount(truth, minlength=classes) + matrix.sum(axis=0)
    present = total > 0
    return float(np.mean(2 * hits[present] / total[present]))


def concordance(truth: np.ndarray, guess: np.ndarray) -> float:
    """CCC = 2 cov / (var_x + var_y + (mean_x - mean_y)^2), population moments; 0 if constant."""
    truth, guess = np.asarray(truth, dtype=float), np.asarray(guess, dtype=float)
    covariance = np.mean((truth - truth.mean()) * (guess - guess.mean()))
    spread = truth.var() + guess.var() + (truth.mean() - guess.mean()) ** 2
    return float(2 * covariance / spread) if spread > 0 else 0.0


def expected_calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, bins: int = 15
) -> float:
    """ECE over bins of equal mass: mean distance of confidence and accuracy, [N, C] and [N]."""
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(confidence[part].mean() - hit[part].mean()) for part in parts]
    return float(sum(gaps) / len(truth))


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
