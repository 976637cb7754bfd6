"""Changes of training batches against what they promise, one clip at a time."""

import numpy as np
import pytest
import torch

from ser.encoders.base import length_mask
from training.embedded.changes import (
    MASK_SHARE,
    Mixture,
    change_mels,
    change_waves,
    normalised,
    stretched,
)


def test_a_tone_played_faster_is_shorter_and_higher() -> None:
    rate, seconds = 16_000, 1.0
    tone = np.sin(2 * np.pi * 400 * np.arange(int(rate * seconds)) / rate).astype(np.float32)
    spans = np.array([[0, len(tone)], [0, len(tone)]])
    waves, lengths, mask = stretched(tone, spans, np.array([1.0, 1.25]))
    assert lengths.tolist() == pytest.approx([16_000, 12_800], abs=2)
    assert mask.sum(dim=1).tolist() == lengths.tolist()
    fast = waves[1, : lengths[1]].numpy()
    peak = np.abs(np.fft.rfft(fast)).argmax() * rate / len(fast)
    assert peak == pytest.approx(500, abs=2)
    assert (waves[1, lengths[1] :] == 0).all()


def test_frames_are_read_at_their_own_pace() -> None:
    frames = np.arange(20, dtype=np.float16)[:, None] * np.ones((1, 3), dtype=np.float16)
    values, lengths, _ = stretched(frames, np.array([[5, 15]]), np.array([2.0]))
    assert lengths.tolist() == [5]
    assert values[0, :, 0].tolist() == [5, 7, 9, 11, 13]


def test_mels_change_level_and_lose_stretches_but_nothing_behind_the_end() -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([100, 60])
    mask = length_mask(lengths, 100)
    mels = torch.rand(2, 100, 80) * mask.unsqueeze(-1)
    changed = change_mels(mels, mask, 0.02, np.random.default_rng(1))
    assert changed.shape == mels.shape
    assert (changed[1, 60:] == 0).all()
    # What is masked is one value per clip, its mean; it covers at most two fifths of the frames.
    for clip, length in enumerate(lengths):
        rows = changed[clip, :length]
        flat = (rows - rows[:, :1]).abs().amax(dim=1) < 1e-6
        assert flat.float().mean() <= 2 * MASK_SHARE


def test_the_same_generator_changes_in_the_same_way() -> None:
    mask = length_mask(torch.tensor([4000]), 4000)
    waves = torch.randn(1, 4000)
    one, two, other = (change_waves(waves, mask, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.allclose(one, other)


def test_waveforms_are_normalised_over_their_real_samples() -> None:
    lengths = torch.tensor([500, 300])
    mask = length_mask(lengths, 500)
    waves = normalised((torch.randn(2, 500) * 0.1 + 3) * mask, mask)
    for clip, length in enumerate(lengths):
        real = waves[clip, :length]
        assert float(real.mean()) == pytest.approx(0, abs=1e-4)
        assert float(real.var(unbiased=False)) == pytest.approx(1, abs=1e-3)
        assert (waves[clip, length:] == 0).all()


def test_mixtures_keep_the_classes_a_distribution_and_the_longer_length() -> None:
    random = np.random.default_rng(0)
    lengths = torch.tensor([3, 4, 5, 6])
    inputs = torch.randn(4, 6)
    for _ in range(20):
        mixture = Mixture.drawn(4, random)
        other = mixture.order
        classes = mixture.of(torch.eye(4))
        assert torch.allclose(classes.sum(dim=1), torch.ones(4))
        mixed = mixture.of_inputs({"inputs": inputs, "lengths": lengths})
        assert mixed["lengths"].tolist() == torch.maximum(lengths, lengths[other]).tolist()
        told = torch.einsum("bc,ct->bt", classes, inputs)  # as much of each clip as of its class
        torch.testing.assert_close(mixed["inputs"], told)
