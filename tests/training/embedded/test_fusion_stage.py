"""Which encoders a pair of voice and words is heard by in fusion training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from ser.fusion import EncoderOutput, FusionConfig, FusionModel
from training.corpora import Clip, Line
from training.embedded.fusion_stage import BRANCH_DROPOUT, FusionTraining
from training.embedded.pairing import Pair, Pairing
from training.embedded.speech_data import Draw

EMOTIONS = ("angry", "sad")
PAIRS = 3000


class Voice:
    """Two frames of ones for each draw."""

    def inputs(self, draws: Sequence[Draw]) -> int:
        return len(draws)

    def frames(self, count: int) -> tuple[torch.Tensor, torch.Tensor, None]:
        return torch.ones(count, 2, 4), torch.ones(count, 2, dtype=torch.bool), None


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
    voices = cast(Any, {"whisper": Voice(), "wavlm": Voice()})
    return FusionTraining(model, voices, cast(Any, Words()), Pairing(clips, [*lines, rated]), 10)


def heard(training: FusionTraining, pair: Pair) -> dict[str, np.ndarray]:
    """For each encoder whether it has anything, over many pairs like this one."""
    draws = [Draw(0, 0, seed) for seed in range(PAIRS)]
    encoded = training._encoded(draws, [pair] * PAIRS, np.random.default_rng(0))
    return {name: output.mask.any(dim=1).numpy() for name, output in encoded.items()}


def test_without_words_one_voice_is_dropped_at_times_but_never_both(
    training: FusionTraining,
) -> None:
    present = heard(training, Pair(True, None, {"angry": 1.0}, (5.0, 3.0, 4.0)))
    assert (present["whisper"] | present["wavlm"]).all()
    assert not present["roberta"].any()
    for name in ("whisper", "wavlm"):
        assert (~present[name]).mean() == pytest.approx(BRANCH_DROPOUT, abs=0.02)


def test_with_words_both_voices_are_heard_and_without_a_voice_neither(
    training: FusionTraining,
) -> None:
    both = heard(training, Pair(True, "own words", {"angry": 1.0}, (5.0, 3.0, 4.0)))
    assert all(present.all() for present in both.values())
    words = heard(training, Pair(False, "own words", {"angry": 1.0}, (5.0, 3.0, 4.0)))
    assert words["roberta"].all()
    assert not (words["whisper"] | words["wavlm"]).any()


def test_a_step_learns_from_classes_and_ratings(training: FusionTraining) -> None:
    training.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    batch = training.collate([Draw(0, 0, seed) for seed in range(64)])
    assert {0.0, 1.0} == {round(float(total), 4) for total in batch["classes"].sum(dim=1)}
    training.train()
    loss = training.training_step(batch, 0)
    loss.backward()
    assert all(p.grad is not None for p in training.model.parameters() if p.requires_grad)
