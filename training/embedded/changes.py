"""What happens to a batch of training speech, anew each time: warps, tilt, masks, mixtures."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from ser.audio import SAMPLE_RATE_HZ
from ser.encoders.base import length_mask

TEMPO = (0.88, 1.15)
PITCH = (0.87, 1.15)  # of the frequency axis
LEVEL = 0.1  # in the units of Whisper's log-mel frames, of which one is 40 dB
TILT = 0.15  # the same, at either end of the mel axis
MASKS, MASK_BANDS, MASK_SECONDS, MASK_SHARE = 2, 14, 0.4, 0.2
MIX_CONCENTRATION = 0.4  # weights are drawn from Beta(0.4, 0.4)
MELS = 80
HIGHEST_MEL = 2595 * np.log10(1 + SAMPLE_RATE_HZ / 2 / 700)
STOP_BAND_GAIN = 0.01


def stretched(
    flat: np.ndarray, spans: np.ndarray, factors: np.ndarray
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut `spans` [B, 2] out of `flat` [N] or [N, M], each played `factors` [B] times as fast.

    Linear interpolation. Returns values [B, T] or [B, T, M] with zeros behind the end, lengths
    [B] and mask [B, T].
    """
    counts = spans[:, 1] - spans[:, 0]
    lengths = np.maximum(4, ((counts - 1) / factors).astype(np.int64) + 1)
    values = np.zeros((len(spans), lengths.max(), *flat.shape[1:]), dtype=np.float32)
    for row, ((start, end), factor, length) in enumerate(zip(spans, factors, lengths, strict=True)):
        positions = np.minimum(np.arange(length) * factor, end - start - 1)
        values[row, :length] = _interpolated(flat[start:end].astype(np.float32), positions)
    counted = torch.from_numpy(lengths)
    return torch.from_numpy(values), counted, length_mask(counted, values.shape[1])


def _interpolated(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values [N, ...] at `positions` [T] between 0 and N - 1."""
    low = positions.astype(np.int64)
    share = (positions - low).astype(np.float32).reshape(-1, *(1 for _ in values.shape[1:]))
    before = values[low]
    return before + share * (values[np.minimum(low + 1, len(values) - 1)] - before)


def change_mels(mels: Tensor, mask: Tensor, step_s: float, random: np.random.Generator) -> Tensor:
    """Frequency axis, level and tilt of log-mel frames [B, T, M] move; bands and times are masked.

    What is masked becomes the mean of its clip.
    """
    count, time, bands = mels.shape
    shown = mask.unsqueeze(-1)
    mels = torch.bmm(mels, _warp(_uniform(random, *PITCH, count), bands))
    level, tilt = (_tensor(_uniform(random, -at, at, count)) for at in (LEVEL, TILT))
    mels = mels + level[:, None, None] + tilt[:, None, None] * torch.linspace(-1, 1, bands)
    frames = mask.sum(dim=1)
    mean = (mels * shown).sum(dim=(1, 2)) / (bands * frames)
    hidden = torch.zeros(count, time, bands, dtype=torch.bool)
    for _ in range(MASKS):
        width = random.integers(MASK_BANDS + 1, size=count)
        hidden |= _between(random.integers(bands, size=count), width, bands).unsqueeze(1)
        hidden |= _times(frames, time, MASK_SECONDS / step_s, random).unsqueeze(-1)
    return torch.where(hidden, mean[:, None, None], mels) * shown


def change_waves(waves: Tensor, mask: Tensor, random: np.random.Generator) -> Tensor:
    """Tilt and stop bands through the spectrum of waveforms [B, T], then silent stretches."""
    count, time = waves.shape
    size = next_fast_len(time, real=True)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    mel = torch.from_numpy(2595 * np.log10(1 + hertz / 700) / HIGHEST_MEL * MELS).float()
    tilt = _tensor(_uniform(random, -TILT, TILT, count))[:, None] * (2 * mel / MELS - 1)
    gain = 10 ** (2 * tilt)  # one unit of Whisper's scaling is a factor of 100 in amplitude
    for _ in range(MASKS):
        low = _tensor(random.uniform(0, MELS, count))[:, None]
        width = _tensor(random.uniform(0, MASK_BANDS, count))[:, None]
        gain = torch.where((mel >= low) & (mel < low + width), STOP_BAND_GAIN, gain)
    waves = torch.fft.irfft(torch.fft.rfft(waves, size) * gain, size)[:, :time]
    samples, silent = mask.sum(dim=1), torch.zeros_like(mask)
    for _ in range(MASKS):
        silent |= _times(samples, time, MASK_SECONDS * SAMPLE_RATE_HZ, random)
    return waves * (mask & ~silent)


def normalised(waves: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the real samples of each clip [B, T], as WavLM's extractor."""
    count = mask.sum(dim=1, keepdim=True)
    centred = (waves - (waves * mask).sum(dim=1, keepdim=True) / count) * mask
    variance = centred.square().sum(dim=1, keepdim=True) / count
    return centred / (variance + 1e-7).sqrt()


@dataclass(frozen=True)
class Mixture:
    """Mixup (Zhang et al. 2018): each clip of a batch is mixed with another of it."""

    weight: float
    order: Tensor  # [B] which clip comes to each

    @classmethod
    def drawn(cls, count: int, random: np.random.Generator) -> "Mixture":
        """A mixture of `count` clips, mostly of one with a little of another."""
        weight = float(random.beta(MIX_CONCENTRATION, MIX_CONCENTRATION))
        return cls(weight, torch.from_numpy(random.permutation(count)))

    def of(self, values: Tensor) -> Tensor:
        """`values` [B, ...] mixed."""
        return self.weight * values + (1 - self.weight) * values[self.order]

    def of_inputs(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`inputs` mixed; the longer of two clips gives the length in `lengths`."""
        lengths = batch["lengths"]
        return {
            "inputs": self.of(batch["inputs"]),
            "lengths": torch.maximum(lengths, lengths[self.order]),
        }


def _uniform(random: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    return random.uniform(low, high, count)


def tempos(random: np.random.Generator, count: int) -> np.ndarray:
    """How many times as fast each clip is played."""
    return _uniform(random, *TEMPO, count)


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def _warp(factors: np.ndarray, bands: int) -> Tensor:
    """Matrices [B, M, M] that read each band at its place times the factor."""
    positions = np.clip(np.arange(bands)[None] * factors[:, None], 0, bands - 1.001)
    low = torch.from_numpy(positions.astype(np.int64))
    share = _tensor(positions) - low
    warp = torch.zeros(len(factors), bands, bands)
    warp.scatter_(1, low[:, None], (1 - share)[:, None])
    return warp.scatter_(1, low[:, None] + 1, share[:, None])


def _between(starts: np.ndarray, widths: np.ndarray, size: int) -> Tensor:
    """True [B, size] from each start over its width."""
    places = np.arange(size)[None]
    starts = starts[:, None]
    return torch.from_numpy((places >= starts) & (places < starts + widths[:, None]))


def _times(counts: Tensor, size: int, longest: float, random: np.random.Generator) -> Tensor:
    """True [B, size] for a stretch of at most `longest` and a fifth of the clip."""
    real = counts.numpy()
    widths = np.minimum(random.random(len(real)) * longest, MASK_SHARE * real)
    return _between((random.random(len(real)) * real).astype(np.int64), widths, size)
