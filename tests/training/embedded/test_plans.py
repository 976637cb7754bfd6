"""Nobody who is tested has been heard in training."""

from collections import Counter
from pathlib import Path

import pytest

from ser.errors import SerError
from training.corpora import Clip
from training.embedded.plans import FOLDS, NEMO_PAIRS, across, folds

LABELS = ("angry", "neutral", "fear", "happy")


def speech() -> list[Clip]:
    clips = [
        Clip(Path(f"{n}.wav"), "ravdess", f"{n:02}", label)
        for n in range(1, 21)
        for label in (*LABELS, "disgust")
    ]
    clips += [
        Clip(Path("n.wav"), "nemo", name, label)
        for pair in NEMO_PAIRS
        for name in pair
        for label in (*LABELS, "surprise")
    ]
    # User k has k clips of every class, the last one by far the most.
    for user, count in enumerate([1, 2, 3, 4, 5, 6, 7, 8, 9, 40]):
        clips += [
            Clip(Path("i.wav"), "iesc", f"user{user}", x) for x in LABELS for _ in range(count)
        ]
    return [*clips, *(Clip(Path("u.wav"), "iesc", "unknown", "neutral") for _ in range(30))]


def test_every_known_speaker_is_tested_once_and_never_by_weights_that_met_them() -> None:
    clips = speech()
    plans = folds(clips)
    assert len(plans) == FOLDS
    tested = Counter(row for plan in plans for row in plan.tests)
    assert set(tested.values()) == {1}
    assert {clips[row].speaker for row in tested} == {c.speaker for c in clips} - {"unknown"}
    for plan in plans:
        heard, asked = (
            {(clips[row].corpus, clips[row].speaker) for row in rows}
            for rows in (plan.train, plan.tests)
        )
        assert not heard & asked
        assert len(plan.train) + len(plan.tests) == len(clips)
        assert ("iesc", "unknown") in heard
        assert sum(corpus == "ravdess" for corpus, _ in asked) == 4


def test_a_speaker_whom_no_fold_keeps_out_is_named() -> None:
    clips = [*speech(), Clip(Path("n.wav"), "nemo", "XY9", "fear")]
    with pytest.raises(SerError, match="No fold keeps nemo's XY9 from training: "):
        folds(clips)


def test_users_of_many_clips_are_spread_over_the_folds() -> None:
    clips = speech()
    counts = [sum(clips[row].corpus == "iesc" for row in plan.tests) for plan in folds(clips)]
    assert sum(counts) == 4 * 85
    assert sorted(counts)[-1] == 4 * 40  # the one with most is alone
    assert max(sorted(counts)[:-1]) - min(counts) <= 4 * 3


def test_from_one_corpus_to_another_the_classes_of_both_are_tested() -> None:
    clips = speech()
    plan = across(clips, "ravdess", "nemo")
    assert {(clips[row].corpus, clips[row].label) for row in plan.train} == {
        ("ravdess", label) for label in (*LABELS, "disgust")
    }
    assert {(clips[row].corpus, clips[row].label) for row in plan.tests} == {
        ("nemo", label) for label in LABELS
    }
