"""Which encoders a pair of voice and words is heard by in fusion training."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from ser.fusion import EncoderHead, EncoderOutput, FusionConfig, FusionModel
from ser.pooling import AttentiveStatisticsPooling
from training.corpora import Clip, Line
from training.embedded.fusion_stage import (
    ATTRIBUTE_WEIGHT,
    BRANCH_DROPOUT,
    CLASS_WEIGHT,
    INTENSITY_WEIGHT,
    NO_VOICE,
    FusionTraining,
    intensity_loss,
)
from training.embedded.pairing import VOICE_ALONE, WORDS_ALONE, Pair, Pairing, Weights
from training.embedded.speech_data import Draw

EMOTIONS = ("angry", "sad")
VOICES = ("whisper", "wavlm")
ANGRY = {"angry": 1.0}, (5.0, 3.0, 4.0)
PAIRS = 3000


class Voice:
    """Two frames of ones for each draw; its head hears the class with these chances."""

    def __init__(self, chances: tuple[float, float], arousal: float) -> None:
        self.task = SimpleNamespace(
            classes=torch.tensor([0]), attributes=torch.tensor([[1 / 3, -1 / 3, 0.0]])
        )
        self.pooling = AttentiveStatisticsPooling(4, 4)
        self.says = torch.tensor(chances).log(), torch.tensor([arousal, 0.0, 0.0])

    def told(self, hidden: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, attributes = (one.expand(len(hidden), -1) for one in self.says)
        return logits, attributes

    def inputs(self, draws: Sequence[Draw]) -> int:
        return len(draws)

    def frames(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones(count, 2, 4), torch.ones(count, 2, dtype=torch.bool)


class Words:
    """One token for each text, none for an empty one."""

    def encode(self, texts: Sequence[str]) -> EncoderOutput:
        said = torch.tensor([[bool(text)] for text in texts])
        return EncoderOutput(torch.ones(len(texts), 1, 4), said, None)


@pytest.fixture(scope="module")
def training() -> FusionTraining:
    model = FusionModel(
        FusionConfig(
            encoder_widths=dict.fromkeys(("whisper", "wavlm", "roberta"), 4), emotions=EMOTIONS,
            attention_width=4, projection_width=4, lstm_width=4,
        )
    )  # fmt: skip
    lines = [Line(f"a line of {name}", "train", (name,)) for name in (*EMOTIONS, "neutral")]
    rated = Line("a rated line", "train", attributes=(2.0, 3.0, 5.0))
    clips = [Clip(Path("x.wav"), "ravdess", "01", "angry", text="own words")]
    voices = cast(Any, {"whisper": Voice((0.8, 0.2), 0.6), "wavlm": Voice((0.6, 0.4), 0.2)})
    return FusionTraining(model, voices, cast(Any, Words()), Pairing(clips, [*lines, rated]), 10)


def test_the_fusion_begins_with_what_each_voice_encoder_attends_to(
    training: FusionTraining,
) -> None:
    for name in VOICES:
        head = cast(EncoderHead, training.model.heads[name])
        learnt = training.hearing[0][name].pooling.state_dict()
        for key, value in head.pooling.state_dict().items():
            torch.testing.assert_close(value, learnt[key])


def heard(training: FusionTraining, pair: Pair) -> dict[str, np.ndarray]:
    """For each encoder whether it has anything, over many pairs like this one."""
    frames = {name: (torch.ones(PAIRS, 2, 4), torch.ones(PAIRS, 2).bool()) for name in VOICES}
    encoded = training._encoded(frames, [pair] * PAIRS, np.random.default_rng(0))
    return {name: output.mask.any(dim=1).numpy() for name, output in encoded.items()}


def test_without_words_one_voice_is_dropped_at_times_but_never_both(
    training: FusionTraining,
) -> None:
    present = heard(training, Pair(True, None, *ANGRY, VOICE_ALONE))
    assert (present["whisper"] | present["wavlm"]).all()
    assert not present["roberta"].any()
    for name in VOICES:
        assert (~present[name]).mean() == pytest.approx(BRANCH_DROPOUT, abs=0.02)


def test_with_words_both_voices_are_heard_and_without_a_voice_neither(
    training: FusionTraining,
) -> None:
    both = heard(training, Pair(True, "own words", *ANGRY, VOICE_ALONE))
    assert all(present.all() for present in both.values())
    words = heard(training, Pair(False, "own words", *ANGRY, WORDS_ALONE))
    assert words["roberta"].all()
    assert not (words["whisper"] | words["wavlm"]).any()


def targets(training: FusionTraining, pair: Pair) -> tuple[list[float], list[float]]:
    """Classes and attributes that a pair like this one is to give."""
    frames = {name: (torch.ones(1, 2, 4), torch.ones(1, 2).bool()) for name in VOICES}
    told = training._targets(frames, [0], [pair])
    return told["classes"][0].tolist(), told["attributes"][0].tolist()


def test_the_class_is_half_as_labelled_and_attributes_are_as_the_encoders_hear_them(
    training: FusionTraining,
) -> None:
    classes, attributes = targets(training, Pair(True, None, *ANGRY, VOICE_ALONE))
    assert classes == pytest.approx([(1 + 0.7) / 2, (0 + 0.3) / 2])  # heads: 0.8 and 0.6
    assert attributes == pytest.approx([5.2, 4, 4])  # heads: 4 + 3 * 0.4


def test_words_are_to_be_told_as_written_and_a_contradiction_by_its_share(
    training: FusionTraining,
) -> None:
    classes, attributes = targets(training, Pair(False, "words", *ANGRY, WORDS_ALONE))
    assert (classes, attributes) == ([1, 0], [5, 3, 4])
    mixed = {"angry": 0.6, "sad": 0.4}, (4.5, 3.0, 4.0)
    pull = Weights(emotion=0.4, arousal=0.5, valence=1.0)
    classes, attributes = targets(training, Pair(True, "words", *mixed, pull))
    assert classes == pytest.approx([0.6 * 0.85, 0.4 + 0.6 * 0.15])
    assert attributes == pytest.approx([4.5 + 0.5 * 0.2, 3, 4])


def test_a_step_learns_from_classes_attributes_and_intensity(training: FusionTraining) -> None:
    logged: dict[str, torch.Tensor] = {}
    training.log_dict = lambda told, **_: logged.update(told)  # type: ignore[method-assign]
    batch = training.collate([Draw(0, 0, seed) for seed in range(64)])
    assert {0.0, 1.0} == {round(float(total), 4) for total in batch["classes"].sum(dim=1)}
    training.train()
    loss = training.training_step(batch, 0)
    weights = {
        "classes": CLASS_WEIGHT, "attributes": ATTRIBUTE_WEIGHT, "intensity": INTENSITY_WEIGHT,
    }  # fmt: skip
    assert all(value > 0 for value in logged.values())
    total = sum(weight * float(logged[name].detach()) for name, weight in weights.items())
    assert float(loss.detach()) == pytest.approx(total)
    loss.backward()
    assert all(p.grad is not None for p in training.model.parameters() if p.requires_grad)


def test_voices_are_told_by_their_class_and_words_alone_are_none(training: FusionTraining) -> None:
    batch = training.collate([Draw(0, 0, seed) for seed in range(64)])
    spoken = batch["encoded"]["whisper"].mask.any(dim=1) | batch["encoded"]["wavlm"].mask.any(dim=1)
    assert batch["voices"].tolist() == [0 if heard else NO_VOICE for heard in spoken]


def test_only_differences_within_a_class_cost_intensity() -> None:
    voices = torch.tensor([0, 0, 0, 1, 1, NO_VOICE, NO_VOICE])
    shared = torch.tensor([2.0, 2, 2, -1, -1, 5, 0])
    assert intensity_loss(shared, voices) == 0
    apart = shared + torch.tensor([1.0, 0, 0, 0, 3, 0, 0])
    # Four pairs: two differ by 1, one by 0, that of the other class by 3.
    assert intensity_loss(apart, voices) == pytest.approx((1 + 1 + 0 + 9) / 4)
    assert intensity_loss(apart[2:4], voices[2:4]) == 0
