"""Figures of the bundle against answers whose quality is known."""

from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip
from training.embedded.answers import Answers, joined
from training.embedded.figures import (
    arousal_by_intensity,
    fitted_temperature,
    lost_without,
    quality,
    uar_lost,
)

CLASSES = ("angry", "sad", "happy")


def clips_of(labels: list[str], speakers: int = 4) -> list[Clip]:
    return [
        Clip(Path(f"{n}.wav"), "ravdess", str(n % speakers), label)
        for n, label in enumerate(labels)
    ]


def answers_for(guesses: list[int | None], sure: float = 0.8) -> Answers:
    """One answer per row with probability `sure`; None where nobody was heard."""
    count = len(guesses)
    told = np.full((count, 3), (1 - sure) / 2)
    for row, guess in enumerate(guesses):
        told[row] = np.nan if guess is None else told[row]
        if guess is not None:
            told[row, guess] = sure
    return Answers(
        np.arange(count), told, np.full((count, 3), 4.0), np.repeat(told[:, None], 3, axis=1)
    )


def test_refused_clips_count_as_errors_end_to_end_only() -> None:
    clips = clips_of(["angry"] * 4 + ["sad"] * 4)
    figures = quality(answers_for([0, 0, 0, None, 1, 1, 1, 0]), clips, CLASSES)
    assert figures["uar"] == pytest.approx((1 + 3 / 4) / 2)
    assert figures["uar_end_to_end"] == pytest.approx((3 / 4 + 3 / 4) / 2)
    assert figures["recall"] == {"angry": 1.0, "sad": 0.75}
    assert figures["confusion"]["counts"] == [[3, 0, 0], [1, 3, 0], [0, 0, 0]]
    assert figures["clips_without_detected_speech"] == 1
    low, high = figures["uar_interval_95"]
    assert low <= figures["uar"] <= high


def test_what_a_condition_costs_is_told_with_refusals_as_errors() -> None:
    clips = clips_of(["angry", "sad", "angry", "sad"])
    before, after = answers_for([0, 1, 0, 1]), answers_for([0, 0, None, 1])
    figures = uar_lost(before, after, clips, CLASSES)
    assert figures["uar_end_to_end"] == pytest.approx(0.5)
    assert figures["lost"] == pytest.approx(0.5)


def test_an_encoder_that_carries_the_answer_costs_its_accuracy() -> None:
    clips = clips_of(["angry", "sad", "angry", "sad"])
    own = answers_for([0, 1, 0, 1])
    own.without[:, 1] = answers_for([1, 0, 1, 0]).probabilities
    lost = lost_without(own, clips, CLASSES)
    assert [lost[name]["lost"] for name in ("whisper", "wavlm", "roberta")] == [0.0, 1.0, 0.0]


def test_arousal_is_compared_within_actor_emotion_sentence_and_take() -> None:
    def clip(name: str, label: str, strong: bool) -> Clip:
        return Clip(Path(f"{name}.wav"), "ravdess", "01", label, strong)

    clips = [
        clip("03-01-05-01-01-01-01", "angry", False),
        clip("03-01-05-02-01-01-01", "angry", True),
        clip("03-01-05-01-02-01-01", "angry", False),
        clip("03-01-05-02-02-01-01", "angry", True),
        clip("03-01-04-01-01-01-01", "sad", False),
        clip("03-01-04-02-01-01-01", "sad", True),
        clip("03-01-02-01-01-01-01", "calm", False),
        clip("03-01-02-02-01-01-01", "calm", True),
    ]
    own = answers_for([0] * 8)
    own.attributes[:, 0] = [4, 5, 5, 4, 3, 2, 2, 3]
    figures = arousal_by_intensity(own, clips)
    assert figures["pairs"] == 2
    assert figures["strong_above_normal"] == 0.5
    assert figures["strong_above_normal_sad"] == 0.0
    assert figures["strong_above_normal_calm"] == 1.0


def test_the_temperature_undoes_too_much_confidence() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = [int(random.choice(3, p=row)) for row in shares]
    sharp = np.exp(2 * logits) / np.exp(2 * logits).sum(axis=1, keepdims=True)
    own = Answers(np.arange(4000), sharp, sharp, np.repeat(sharp[:, None], 3, axis=1))
    clips = clips_of([CLASSES[index] for index in truth])
    temperature = fitted_temperature(own, clips, CLASSES)
    assert temperature == pytest.approx(2, abs=0.15)
    assert own.at_temperature(2.0).probabilities == pytest.approx(shares, abs=1e-6)


def test_answers_are_kept_and_put_together(tmp_path: Path) -> None:
    parts = [answers_for([0, None]), answers_for([1])]
    parts[0].save(tmp_path / "a.npz")
    whole = joined([Answers.load(tmp_path / "a.npz"), parts[1]])
    assert whole.heard.tolist() == [True, False, True]
    assert whole.probabilities.shape == (3, 3)


def test_classes_that_a_corpus_lacks_may_be_left_out() -> None:
    clips = clips_of(["angry", "sad", "angry", "sad"])
    told = np.array([[0.3, 0.1, 0.6], [0.1, 0.3, 0.6], [0.3, 0.1, 0.6], [0.3, 0.1, 0.6]])
    own = Answers(np.arange(4), told, np.full((4, 3), 4.0), np.repeat(told[:, None], 3, axis=1))
    figures = quality(own, clips, CLASSES)
    assert figures["uar"] == 0.0  # always happy, which nobody was
    assert figures["uar_own_classes"] == pytest.approx((1 + 1 / 2) / 2)
