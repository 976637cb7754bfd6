"""Background noise from ESC-10, mixed anew into every batch: into waveforms or log-mel frames."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from ser.encoders import WhisperBranch
from training.corpora.base import audio_files

TEST_FOLD: Final = "5-"  # ESC-10 clips of this fold never train, so that they can test
CLIP_SAMPLES: Final = 5 * SAMPLE_RATE_HZ  # ESC-10's clips last 5 s
NOISY_SHARE: Final = 0.35
SNR_DB: Final = (3.0, 20.0)
LOUDER_DB: Final = 30.0  # at most; a silent stretch of a recording would become hiss
DB_PER_UNIT: Final = 40.0  # of Whisper's scaling of log-mel frames
NEPERS_PER_UNIT: Final = DB_PER_UNIT / 10 * math.log(10)  # of power


@dataclass(frozen=True)
class Noises:
    """Recordings of noise; each begins anew where it ends.

    The ratio of powers holds over what is cut from a recording, as in `training.augment.add_noise`.
    """

    waves: Tensor  # [K, N] of power 1 over the whole recording
    mels: Tensor  # [K, T, M] log-mel frames, of the power that the encoder hears speech at

    def into_waves(self, waves: Tensor, mask: Tensor, random: np.random.Generator) -> Tensor:
        """Noise under some of the waveforms [B, T]; what `mask` leaves out stays 0."""
        rows, snr_db = _chosen(len(waves), random)
        speech, samples = waves[rows], mask[rows].sum(dim=1)
        which, places = _stretches(self.waves, len(rows), waves.shape[1], random)
        noise = self.waves[which, places] * mask[rows]
        power, own = (both.square().sum(dim=1) / samples for both in (speech, noise))
        own = own.clamp_min(10 ** (-LOUDER_DB / 10))
        scale = (power * 10 ** (-snr_db / 10) / own).sqrt()
        return waves.index_copy(0, rows, speech + scale[:, None] * noise)

    def into_mels(self, mels: Tensor, mask: Tensor, random: np.random.Generator) -> Tensor:
        """Noise under some of the log-mel frames [B, T, M]: powers add, and the sum stays loud."""
        rows, snr_db = _chosen(len(mels), random)
        which, places = _stretches(self.mels, len(rows), mels.shape[1], random)
        noise = self.mels[which, places] * NEPERS_PER_UNIT
        own = _log_power(noise.masked_fill(~mask[rows].unsqueeze(-1), -math.inf))
        own = own - mask[rows].float().mean(dim=1).log()  # over what is left of the frames
        louder = (self._log_powers[which[:, 0]] - own).clamp_max(LOUDER_DB / 10 * math.log(10))
        louder = louder - snr_db / 10 * math.log(10)
        both = torch.logaddexp(mels[rows] * NEPERS_PER_UNIT, noise + louder[:, None, None])
        gained = torch.log1p(10 ** (-snr_db / 10))[:, None, None]
        return mels.index_copy(0, rows, (both - gained) / NEPERS_PER_UNIT)

    @cached_property
    def _log_powers(self) -> Tensor:
        """Of whole recordings [K]."""
        return _log_power(self.mels * NEPERS_PER_UNIT)


def _stretches(
    recordings: Tensor, count: int, length: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Indexes [count, 1] of recordings drawn, and [count, length] of steps from a place drawn."""
    whole = recordings.shape[1]
    which = torch.from_numpy(random.integers(len(recordings), size=count))
    starts = torch.from_numpy(random.integers(whole, size=count))
    return which[:, None], (starts[:, None] + torch.arange(length)) % whole


def _log_power(frames: Tensor) -> Tensor:
    """Natural logarithm [B] of the mean power of frames [B, T, M], which hold such logarithms."""
    return frames.logsumexp(dim=(1, 2)) - math.log(frames.shape[1] * frames.shape[2])


def _chosen(count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Which rows get noise, and at what ratio of their power to the noise's, in dB."""
    rows = np.flatnonzero(random.random(count) < NOISY_SHARE)
    snr_db = random.uniform(*SNR_DB, len(rows))
    return torch.from_numpy(rows), torch.from_numpy(snr_db).float()


def recordings(esc10: Path, of_tests: bool) -> list[np.ndarray]:
    """ESC-10's sounds [T]: those of the fold that tests, or all others."""
    files = [x for x in audio_files(esc10) if x.name.startswith(TEST_FOLD) == of_tests]
    return [load_audio(file).samples for file in files]


def load_noises(esc10: Path, branch: WhisperBranch) -> Noises:
    """ESC-10 without the fold that tests; frames by the branch that will hear them."""
    sounds = recordings(esc10, of_tests=False)
    waves = np.stack([np.resize(samples, CLIP_SAMPLES) for samples in sounds])
    mels = torch.stack([branch.log_mel(Waveform(wave)).T for wave in waves])
    power = np.square(waves).mean(axis=1, keepdims=True)
    return Noises(torch.from_numpy(waves / np.sqrt(np.maximum(power, 1e-12))), mels)
