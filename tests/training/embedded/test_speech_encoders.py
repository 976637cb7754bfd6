"""What the encoders are trained on is what they will serve."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.audio import Waveform
from ser.encoders import WavlmBranch
from training.corpora import Clip
from training.embedded.features import build_mels
from training.embedded.noise import Noises
from training.embedded.speech_data import BalancedBatches, Draw
from training.embedded.speech_encoders import (
    SpeechPretraining,
    Task,
    WavlmPretraining,
    WhisperPretraining,
    new_wavlm,
    new_whisper_encoder,
)
from training.embedded.store import AudioStore

CLASSES = ("angry", "sad")
STEPS = 40
LENGTHS = np.array([[16_000, 14_345], [9_000, 20_001], [0, 0]])


@pytest.fixture(scope="module")
def store() -> AudioStore:
    """A bright clip, a dull one, two copies of each, and one that could not be decoded."""
    ends = np.cumsum(LENGTHS.ravel()).reshape(3, 2)
    random = np.random.default_rng(0)
    bright = random.normal(0, 3000, LENGTHS[0].sum())
    dull = np.convolve(random.normal(0, 9000, LENGTHS[1].sum()), np.ones(40) / 40, "same")
    samples = np.concatenate([bright, dull]).astype(np.int16)
    return AudioStore(samples, np.stack([ends - LENGTHS, ends], axis=-1))


@pytest.fixture(scope="module", params=["whisper", "wavlm"])
def pretraining(
    request: pytest.FixtureRequest, store: AudioStore, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SpeechPretraining, object]:
    torch.manual_seed(0)
    noises = Noises(torch.randn(2, 8_000), torch.zeros(2, 25, 80))
    attributes = torch.tensor([[0.8], [-0.8], [0.0]]).expand(3, 3)
    task = Task(torch.tensor([0, 1, -1]), attributes, CLASSES, noises, STEPS)
    if request.param == "whisper":
        branch = new_whisper_encoder()
        mels = build_mels(tmp_path_factory.mktemp("mels"), store, branch)
        return WhisperPretraining(branch, mels.frames, mels.spans, task), branch
    model, extractor = new_wavlm()
    module = WavlmPretraining(model, store.samples, store.spans, task)
    return module, WavlmBranch(model, extractor)


def test_unchanged_clips_give_the_frames_that_are_served(
    pretraining: tuple[SpeechPretraining, WavlmBranch], store: AudioStore
) -> None:
    module, branch = pretraining
    module.eval()
    with torch.no_grad():
        hidden, mask = module.frames(module.inputs([Draw(0, 0, None), Draw(1, 1, None)]))
    for row, key in enumerate([(0, 0), (1, 1)]):
        served = branch.encode([Waveform(store.waveform(*key).samples)]).hidden[0]
        # Mels are kept in float16: about three decimal digits.
        torch.testing.assert_close(hidden[row][mask[row]], served, atol=0.02, rtol=0.02)


def test_wavlm_hears_that_a_part_of_a_clip_is_soft() -> None:
    torch.manual_seed(0)
    first = new_wavlm()[0].feature_extractor.conv_layers[0]
    noise = torch.randn(1, 16_000)
    with torch.no_grad():
        loud, soft = first(noise[:, None]), first(0.1 * noise[:, None])
    assert (loud - soft).abs().mean() > 0.3 * loud.abs().mean()


def test_a_few_steps_tell_a_bright_clip_from_a_dull_one(
    pretraining: tuple[SpeechPretraining, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.embedded.speech_encoders.MIXED_BATCHES", 0.0)
    module, _ = pretraining
    module.train()
    cycle: Any = module.configure_optimizers()
    optimiser, schedule = cycle["optimizer"], cycle["lr_scheduler"]["scheduler"]
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    for step in range(STEPS):
        loss = module.training_step(module.collate([Draw(0, 0, step), Draw(1, 0, step)]), step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    module.eval()
    with torch.no_grad():
        logits, told = module(module.collate([Draw(0, 1, None), Draw(1, 1, None)]))
    assert logits.argmax(dim=1).tolist() == [0, 1]
    assert (told[0] > told[1]).all()  # the attributes of the bright clip are high


def test_the_draws_alone_say_how_clips_are_mixed(
    pretraining: tuple[SpeechPretraining, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.embedded.speech_encoders.MIXED_BATCHES", 1.0)
    module, _ = pretraining
    draws = [Draw(number % 2, 0, number) for number in range(8)]
    batches = []
    for state in (0, 1):
        np.random.seed(state)
        torch.manual_seed(state)
        batches.append(module.collate(draws))
    assert all(torch.equal(batches[0][name], batches[1][name]) for name in batches[0])
    bright = batches[0]["classes"][:, 0]
    assert ((bright > 0) & (bright < 1)).any()
    torch.testing.assert_close(batches[0]["attributes"][:, 0], 0.8 * bright - 0.8 * (1 - bright))
    plain = module.collate([Draw(0, 0, None), Draw(1, 0, None)])
    assert plain["classes"].tolist() == [[1, 0], [0, 1]]


def test_batches_balance_classes_and_draw_anew_in_every_epoch(store: AudioStore) -> None:
    clips = [Clip(Path(f"{n}.wav"), "ravdess", f"{n}", CLASSES[n % 2]) for n in range(2)]
    batches = BalancedBatches(clips, [0, 1], store, {"ravdess": 40}, 4, seed=1)
    epochs = []
    for epoch in (0, 1, 0):
        batches.set_epoch(epoch)
        epochs.append([draw for batch in batches for draw in batch])
    assert epochs[0] == epochs[2]
    assert epochs[0] != epochs[1]
    assert [draw.clip for draw in epochs[0]].count(0) == 20
    assert {draw.copy for draw in epochs[0]} == {0, 1}
