"""Noise in frames and waveforms against noise added to the sound itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.encoders.base import length_mask
from training.augment import add_noise
from training.embedded import noise
from training.embedded.noise import Noises, load_noises
from training.embedded.speech_encoders import new_whisper_encoder

SNR_DB = 6.0


@pytest.fixture(autouse=True)
def _always_at_one_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "NOISY_SHARE", 1.0)
    monkeypatch.setattr(noise, "SNR_DB", (SNR_DB, SNR_DB))


def test_frames_with_noise_are_those_of_the_noisy_sound() -> None:
    random = np.random.default_rng(0)
    branch = new_whisper_encoder()
    times = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    speech = (0.1 * np.sin(2 * np.pi * 440 * times) * (times < 1)).astype(np.float32)
    hiss = random.standard_normal(len(speech)).astype(np.float32)

    def frames(samples: np.ndarray) -> torch.Tensor:
        return branch.log_mel(Waveform(samples)).T

    noises = Noises(torch.from_numpy(hiss)[None], frames(hiss)[None])
    mixed = noises.into_mels(frames(speech)[None], torch.ones(1, 100, dtype=torch.bool), random)[0]
    truth = frames(add_noise(speech, hiss, SNR_DB))
    # One unit is 40 dB. Whisper's floor, 80 dB below the loudest, is another in the clean clip.
    in_db = 40 * (mixed - truth).abs()
    assert in_db.mean() < 5  # the phases of noise that begins elsewhere
    assert 40 * (mixed.mean() - truth.mean()).abs() < 0.3
    assert (mixed - frames(speech)).abs().mean() * 40 > 10


def test_waveforms_get_noise_at_the_ratio_asked_for_and_none_behind_their_end() -> None:
    random = np.random.default_rng(1)
    mask = length_mask(torch.tensor([16_000, 8_000]), 16_000)
    waves = torch.randn(2, 16_000) * torch.tensor([[0.3], [0.01]]) * mask
    noises = Noises(torch.randn(3, 5_000), torch.zeros(3, 10, 80))
    added = noises.into_waves(waves, mask, random) - waves
    for row, length in enumerate((16_000, 8_000)):
        power = [float(part[row, :length].square().mean()) for part in (waves, added)]
        assert 10 * np.log10(power[0] / power[1]) == pytest.approx(SNR_DB, abs=0.3)
        assert (added[row, length:] == 0).all()


def test_the_ratio_is_that_to_what_is_cut_from_a_recording_not_to_all_of_it() -> None:
    random = np.random.default_rng(3)
    count = 8
    mask = torch.ones(count, 1_000, dtype=torch.bool)
    softening = torch.logspace(0, -1.2, 60_000)  # by 24 dB from its beginning to its end
    noises = Noises(softening * torch.randn(3, 60_000), torch.zeros(3, 10, 80))
    waves = torch.randn(count, 1_000)
    added = noises.into_waves(waves, mask, random) - waves
    ratios_db = 10 * (waves.square().mean(dim=1) / added.square().mean(dim=1)).log10()
    torch.testing.assert_close(ratios_db, torch.full((count,), SNR_DB), atol=0.3, rtol=0)

    softening = torch.linspace(0, -0.6, 600)[:, None].expand(3, 600, 80)  # the same, of 40 dB
    mels = torch.zeros(count, 20, 80)
    mixed = Noises(torch.zeros(3, 10), softening).into_mels(mels, mask[:, :20], random)
    assert float(mixed.mean(dim=(1, 2)).std()) * 40 < 0.3


def test_silence_of_a_recording_is_not_made_loud() -> None:
    random = np.random.default_rng(4)
    mask = torch.ones(4, 1_000, dtype=torch.bool)
    waves = torch.randn(4, 1_000)
    faint = Noises(1e-4 * torch.randn(3, 5_000), torch.zeros(3, 10, 80))
    added = faint.into_waves(waves, mask, random) - waves
    assert 10 * added.square().mean().log10() < -40


def test_some_clips_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "NOISY_SHARE", 0.5)
    waves, mask = torch.randn(200, 50), torch.ones(200, 50, dtype=torch.bool)
    noises = Noises(torch.randn(3, 70), torch.randn(3, 10, 4))
    random = np.random.default_rng(2)
    kept = (noises.into_waves(waves, mask, random) == waves).all(dim=1).float().mean()
    assert 0.35 < float(kept) < 0.65
    mels = torch.randn(200, 6, 4)
    mask = torch.ones(200, 6, dtype=torch.bool)
    kept = (noises.into_mels(mels, mask, random) == mels).flatten(1).all(dim=1).float().mean()
    assert 0.35 < float(kept) < 0.65


def test_the_fold_that_tests_is_not_among_the_noises(data_dir: Path) -> None:
    files = sorted((data_dir / "esc10").rglob("*.ogg"))
    training = [file for file in files if not file.name.startswith("5-")]
    noises = load_noises(data_dir / "esc10", new_whisper_encoder())
    assert 0 < len(noises.waves) == len(noises.mels) == len(training) < len(files)
    torch.testing.assert_close(noises.waves.square().mean(dim=1), torch.ones(len(training)))
