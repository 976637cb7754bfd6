"""Measures against formulas written anew and against examples worked out by hand."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassF1Score
from torchmetrics.functional.regression import concordance_corrcoef

from training.metrics import (
    calibration_floor,
    concordance,
    confusion_matrix,
    expected_calibration_error,
    f1_scores,
    interval_by_speaker,
    macro_f1,
    recalls,
    unweighted_average_recall,
)

TRUTH = np.array([0, 0, 0, 1, 1, 2])
GUESS = np.array([0, 0, 1, 1, 2, 2])


def test_confusion_counts_truth_by_row() -> None:
    assert confusion_matrix(TRUTH, GUESS, 3).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_uar_is_the_mean_of_the_recalls() -> None:
    assert recalls(TRUTH, GUESS, 4).tolist()[:3] == pytest.approx([2 / 3, 1 / 2, 1])
    assert unweighted_average_recall(TRUTH, GUESS, 4) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_a_refused_clip_is_a_miss_of_its_class() -> None:
    refused = np.array([-1, 0, 1, 1, 2, 2])
    assert unweighted_average_recall(TRUTH, refused, 3) == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)


def test_macro_f1_by_precision_and_recall() -> None:
    precision, recall = [2 / 2, 1 / 2, 1 / 2], [2 / 3, 1 / 2, 1 / 1]
    f1 = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True)]
    assert macro_f1(TRUTH, GUESS, 3) == pytest.approx(sum(f1) / 3)


def test_concordance_is_lins_formula_with_population_moments() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(4, 1, 500)
    guess = 0.6 * truth + random.normal(1, 0.5, 500)
    correlation = np.corrcoef(truth, guess)[0, 1]
    lin = (2 * correlation * truth.std() * guess.std()) / (
        truth.std() ** 2 + guess.std() ** 2 + (truth.mean() - guess.mean()) ** 2
    )
    assert concordance(truth, guess) == pytest.approx(lin)
    assert concordance(truth, truth) == pytest.approx(1)
    assert concordance(truth, truth + 1) < 1


def test_concordance_of_a_constant_is_zero() -> None:
    assert concordance(np.ones(5), np.arange(5.0)) == 0
    assert concordance(np.ones(5), np.ones(5)) == 0


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.8, 0.2]] * 10)
    truth = np.array([0] * 6 + [1] * 4)
    assert expected_calibration_error(probabilities, truth, bins=1) == pytest.approx(0.2)


def test_a_calibrated_guesser_has_a_small_calibration_error() -> None:
    random = np.random.default_rng(1)
    first = random.uniform(0, 1, 20_000)
    truth = (random.uniform(0, 1, 20_000) > first).astype(int)
    probabilities = np.stack([first, 1 - first], axis=1)
    assert expected_calibration_error(probabilities, truth) < 0.02


def test_the_interval_draws_whole_speakers() -> None:
    """Two speakers, one always right: only shares 0, 1/2 and 1 can be drawn."""
    hits = np.array([1.0] * 50 + [0.0] * 50)
    low, high = interval_by_speaker(["a"] * 50 + ["b"] * 50, lambda rows: float(hits[rows].mean()))
    assert (low, high) == (0.0, 1.0)


def test_macro_f1_is_that_of_torchmetrics_where_classes_are_absent() -> None:
    random = np.random.default_rng(2)
    truth, guess = random.integers(0, 4, 200), random.integers(1, 6, 200)
    theirs = MulticlassF1Score(num_classes=7, average="macro")
    expected = float(theirs(torch.from_numpy(guess), torch.from_numpy(truth)))
    assert macro_f1(truth, guess, 7) == pytest.approx(expected)


def test_f1_of_a_class_nobody_names_is_no_number_and_of_one_only_guessed_is_zero() -> None:
    f1 = f1_scores(np.array([1, 0, 0]), np.array([2, 0, 0]), np.array([1, 1, 0]))
    assert f1[:2].tolist() == pytest.approx([2 / 3, 0])
    assert np.isnan(f1[2])


def test_concordance_is_that_of_torchmetrics_for_many_samples() -> None:
    """Theirs takes sample variances, which differ by 1 / N."""
    random = np.random.default_rng(3)
    truth = random.normal(4, 1, 100_000)
    guess = 0.5 * truth + random.normal(2, 0.3, 100_000)
    theirs = concordance_corrcoef(torch.from_numpy(guess), torch.from_numpy(truth))
    assert concordance(truth, guess) == pytest.approx(float(theirs), abs=1e-4)


def test_concordance_of_a_constant_prediction_that_rounds_is_zero() -> None:
    truth = np.random.default_rng(4).normal(4, 1, 1001)
    assert concordance(truth, np.full(1001, 4.1)) == 0


def test_the_calibration_floor_is_what_calibrated_models_reach() -> None:
    """Larger sets have a lower floor, and a calibrated model of that size lies about there."""
    random = np.random.default_rng(5)
    first = random.uniform(0.5, 1, 3000)
    probabilities = np.stack([first, 1 - first], axis=1)
    errors = [
        expected_calibration_error(probabilities, (random.uniform(size=3000) > first).astype(int))
        for _ in range(100)
    ]
    floor = calibration_floor(probabilities)
    assert floor == pytest.approx(np.mean(errors), rel=0.1)
    assert calibration_floor(probabilities[:300]) > 2 * floor
