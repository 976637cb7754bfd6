"""Frames kept on disk against the encoder that serves, and an interrupted store."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch

from ser.encoders import EncoderBank, WavlmBranch, WhisperBranch
from tests.tiny import save_wavlm, save_whisper_encoder
from training.embedded.fusion_stage import build_frames
from training.embedded.store import AudioStore

CPU = torch.device("cpu")


def small_store() -> AudioStore:
    """Two clips of two copies each, of four lengths."""
    lengths = np.array([[16_000, 12_345], [8_000, 20_001]])
    ends = np.cumsum(lengths.ravel()).reshape(2, 2)
    random = np.random.default_rng(0)
    samples = random.normal(0, 3000, int(lengths.sum())).astype(np.int16)
    return AudioStore(samples, np.stack([ends - lengths, ends], axis=-1))


def test_cached_frames_equal_live_ones(tmp_path: Path) -> None:
    store = small_store()
    branches: dict[str, Any] = {
        "whisper": WhisperBranch.load(
            save_whisper_encoder(tmp_path / "w"), "real_frames", CPU, torch.float32
        ),
        "wavlm": WavlmBranch.load(save_wavlm(tmp_path / "v"), CPU, torch.float32),
    }
    bank = cast(EncoderBank, SimpleNamespace(**branches))
    for name, branch in branches.items():
        cached = build_frames(tmp_path / "cache", name, store, bank)
        for clip, copy in np.ndindex(2, 2):
            live = branch.encode([store.waveform(clip, copy)]).hidden[0]
            # Kept in float16: about three decimal digits.
            torch.testing.assert_close(cached.get(clip, copy), live, atol=2e-3, rtol=2e-3)


def test_finished_frames_are_read_and_not_computed_again(tmp_path: Path) -> None:
    store = small_store()
    wavlm = WavlmBranch.load(save_wavlm(tmp_path / "v"), CPU, torch.float32)
    bank = cast(EncoderBank, SimpleNamespace(wavlm=wavlm))
    first = build_frames(tmp_path / "cache", "wavlm", store, bank)
    bank_without_encoder = cast(EncoderBank, SimpleNamespace(wavlm=SimpleNamespace(width=24)))
    again = build_frames(tmp_path / "cache", "wavlm", store, bank_without_encoder)
    assert np.array_equal(first.frames, again.frames)
