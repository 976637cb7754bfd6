"""Measures of the embedded bundle, each with its 95 % interval by speaker."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ser.labels import ENCODERS
from training.corpora import Clip
from training.embedded.answers import Answers
from training.metrics import (
    calibration_floor,
    confusion_matrix,
    expected_calibration_error,
    interval_by_speaker,
    macro_f1,
    recalls,
    unweighted_average_recall,
)

POSITIVE_AROUSAL: Final = ("happy", "angry", "fear", "disgust", "surprise")
Measure = Callable[[np.ndarray], float]
"""A figure of some rows."""


def with_interval(name: str, measure: Measure, speakers: Sequence[str]) -> dict[str, Any]:
    """`name` over all rows and `name_interval_95`, whole speakers drawn with replacement."""
    rows = np.arange(len(speakers))
    return {name: measure(rows), f"{name}_interval_95": interval_by_speaker(speakers, measure)}


def truth_of(answers: Answers, clips: Sequence[Clip], classes: Sequence[str]) -> np.ndarray:
    """Index [N] of the true class of each row."""
    return np.array([classes.index(clips[row].label) for row in answers.rows])


def speakers_of(answers: Answers, clips: Sequence[Clip]) -> list[str]:
    """Who speaks in each row."""
    return [clips[row].speaker for row in answers.rows]


def quality(answers: Answers, clips: Sequence[Clip], classes: Sequence[str]) -> dict[str, Any]:
    """UAR, macro-F1, calibration and recalls of the rows where somebody was heard.

    `uar_end_to_end` counts the others, which speech detection refused, as errors.
    `uar_own_classes` is that of a model which knows which classes the corpus has.
    """
    own = answers.among(answers.heard)
    truth, guess = truth_of(own, clips, classes), own.probabilities.argmax(axis=1)
    speakers, count = speakers_of(own, clips), len(classes)
    allowed = np.isin(np.arange(count), truth)
    own_guess = np.where(allowed, own.probabilities, -1.0).argmax(axis=1)
    every = truth_of(answers, clips, classes)
    every_guess = np.where(answers.heard, np.nan_to_num(answers.probabilities).argmax(axis=1), -1)
    return {
        "clips": len(every),
        "speakers": len(set(speakers_of(answers, clips))),
        "clips_without_detected_speech": int((~answers.heard).sum()),
        **with_interval(
            "uar", lambda r: unweighted_average_recall(truth[r], guess[r], count), speakers
        ),
        **with_interval(
            "uar_own_classes",
            lambda r: unweighted_average_recall(truth[r], own_guess[r], count),
            speakers,
        ),
        **with_interval(
            "uar_end_to_end",
            lambda r: unweighted_average_recall(every[r], every_guess[r], count),
            speakers_of(answers, clips),
        ),
        "accuracy": float((truth == guess).mean()),
        **with_interval("macro_f1", lambda r: macro_f1(truth[r], guess[r], count), speakers),
        **with_interval(
            "expected_calibration_error",
            lambda r: expected_calibration_error(own.probabilities[r], truth[r]),
            speakers,
        ),
        "calibration_floor": calibration_floor(own.probabilities),
        "recall": recall_by_class(truth, guess, classes),
        "confusion": {
            "classes": list(classes),
            "counts": confusion_matrix(truth, guess, count).tolist(),
        },
    }


def recall_by_class(
    truth: np.ndarray, guess: np.ndarray, classes: Sequence[str]
) -> dict[str, float]:
    """Recall of each class that occurs."""
    values = recalls(truth, guess, len(classes))
    return {n: float(v) for n, v in zip(classes, values, strict=True) if not np.isnan(v)}


def uar_lost(
    before: Answers, after: Answers, clips: Sequence[Clip], classes: Sequence[str]
) -> dict[str, Any]:
    """UAR of `after` and how much of that of `before` it lost; refusals count as errors."""
    truth = truth_of(before, clips, classes)
    guesses = [
        np.where(one.heard, np.nan_to_num(one.probabilities).argmax(axis=1), -1)
        for one in (before, after)
    ]

    def uar(rows: np.ndarray, which: int) -> float:
        return unweighted_average_recall(truth[rows], guesses[which][rows], len(classes))

    return {
        "uar_end_to_end": uar(np.arange(len(truth)), 1),
        **with_interval("lost", lambda r: uar(r, 0) - uar(r, 1), speakers_of(before, clips)),
    }


def lost_without(
    answers: Answers, clips: Sequence[Clip], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Per encoder: the UAR that is lost when its part is replaced by its mean."""
    return {
        name: uar_lost(
            answers,
            Answers(answers.rows, answers.without[:, index], answers.attributes, answers.without),
            clips,
            classes,
        )
        for index, name in enumerate(ENCODERS)
    }


def arousal_by_intensity(answers: Answers, clips: Sequence[Clip]) -> dict[str, Any]:
    """Share of pairs in which the strongly acted clip has the higher arousal.

    A pair is one actor, emotion, sentence and take of RAVDESS in both intensities.
    """
    values: dict[tuple[str, ...], dict[bool, float]] = {}
    for row, arousal in zip(answers.rows, answers.attributes[:, 0], strict=True):
        clip = clips[row]
        if clip.corpus == "ravdess" and clip.label != "neutral" and not np.isnan(arousal):
            key = (clip.label, clip.speaker, *clip.path.stem.split("-")[4:])
            values.setdefault(key, {})[clip.strong] = float(arousal)
    pairs = [
        (key[0], key[1], pair[True] > pair[False]) for key, pair in values.items() if len(pair) == 2
    ]

    def share(names: Sequence[str], called: str) -> dict[str, Any]:
        hits = np.array([hit for emotion, _, hit in pairs if emotion in names])
        speakers = [speaker for emotion, speaker, _ in pairs if emotion in names]
        return with_interval(called, lambda r: float(hits[r].mean()), speakers)

    return {
        "pairs": sum(emotion in POSITIVE_AROUSAL for emotion, _, _ in pairs),
        **share(POSITIVE_AROUSAL, "strong_above_normal"),
        **share(["sad"], "strong_above_normal_sad"),
        **share(["calm"], "strong_above_normal_calm"),
    }


def fitted_temperature(answers: Answers, clips: Sequence[Clip], classes: Sequence[str]) -> float:
    """The temperature with the least cross-entropy, of 200 between 0.5 and 5.

    Every corpus counts the same, however many clips it has.
    """
    own = answers.among(answers.heard)
    truth = truth_of(own, clips, classes)
    corpora = np.array([clips[row].corpus for row in own.rows])
    weights = 1 / np.array([(corpora == corpus).sum() for corpus in corpora])
    grid = np.geomspace(0.5, 5.0, 200)

    def loss(temperature: float) -> float:
        told = own.at_temperature(temperature).probabilities[np.arange(len(truth)), truth]
        return float(-(weights * np.log(np.maximum(told, 1e-12))).sum())

    return float(grid[np.argmin([loss(value) for value in grid])])
