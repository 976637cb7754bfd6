"""What happens to training audio: rooms, noise, channel, speed and level, from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from scipy.signal import fftconvolve

from ser.audio import SAMPLE_RATE_HZ

TELEPHONE_RATE_HZ = 8_000


@dataclass(frozen=True)
class Augmentation:
    """How often and how far. Probabilities are per clip; ranges are drawn uniformly."""

    speed: tuple[float, float] = (0.88, 1.15)  # changes tempo and pitch together
    room_probability: float = 0.35
    noise_probability: float = 0.6
    snr_db: tuple[float, float] = (5.0, 30.0)
    telephone_probability: float = 0.15
    gain_db: tuple[float, float] = (-5.0, 5.0)  # the paper's range


class Augmenter:
    """Draws one changed copy of a clip after another."""

    def __init__(
        self,
        settings: Augmentation,
        noises: Sequence[np.ndarray],
        rooms: Sequence[np.ndarray],
        seed: int,
    ) -> None:
        self.settings = settings
        self.noises = noises
        self.rooms = rooms
        self.random = np.random.default_rng(seed)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """A changed copy of `samples` [T] float32 at 16 kHz; the length follows the speed."""
        draw, settings = self.random, self.settings
        samples = change_speed(samples, draw.uniform(*settings.speed))
        if draw.random() < settings.room_probability:
            samples = reverberate(samples, self.rooms[int(draw.integers(len(self.rooms)))])
        if draw.random() < settings.noise_probability:
            noise = self.noises[int(draw.integers(len(self.noises)))]
            noise = np.roll(noise, int(draw.integers(len(noise))))
            samples = add_noise(samples, noise, draw.uniform(*settings.snr_db))
        if draw.random() < settings.telephone_probability:
            samples = through_telephone(samples)
        return change_gain(samples, draw.uniform(*settings.gain_db))


def change_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """Play `factor` times as fast: shorter and higher for factors above 1."""
    return soxr.resample(samples, SAMPLE_RATE_HZ * factor, SAMPLE_RATE_HZ, quality="MQ")


def reverberate(samples: np.ndarray, impulse_response: np.ndarray) -> np.ndarray:
    """Convolve with a room's impulse response, keeping length, onset and power."""
    direct = int(np.argmax(np.abs(impulse_response)))
    wet = fftconvolve(samples, impulse_response)[direct : direct + len(samples)]
    return (wet * (_rms(samples) / max(_rms(wet), 1e-9))).astype(np.float32)


def add_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add `noise`, repeated or cut to length, at a ratio of signal to noise power in dB."""
    noise = np.resize(noise, len(samples))
    scale = _rms(samples) / max(_rms(noise), 1e-9) * 10 ** (-snr_db / 20)
    return (samples + scale * noise).astype(np.float32)


def through_telephone(samples: np.ndarray) -> np.ndarray:
    """Down to 8 kHz and up again: nothing above 4 kHz is left."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ)
    return soxr.resample(narrow, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ)[: len(samples)]


def change_gain(samples: np.ndarray, gain_db: float) -> np.ndarray:
    """Make louder or softer; clipped to full scale as a recorder would."""
    return np.clip(samples * 10 ** (gain_db / 20), -1.0, 1.0).astype(np.float32)


def simulate_rooms(count: int, seed: int) -> list[np.ndarray]:
    """Impulse responses of random shoebox rooms (image sources, RT60 of 0.15 to 0.7 s)."""
    import pyroomacoustics

    draw = np.random.default_rng(seed)
    responses = []
    for _ in range(count):
        size = draw.uniform([3.0, 3.0, 2.4], [9.0, 8.0, 3.5])
        absorption, order = pyroomacoustics.inverse_sabine(
            max(draw.uniform(0.15, 0.7), 0.04 * float(np.prod(size)) ** (1 / 3)), size
        )
        room = pyroomacoustics.ShoeBox(
            size,
            fs=SAMPLE_RATE_HZ,
            materials=pyroomacoustics.Material(absorption),
            max_order=min(order, 12),
        )
        room.add_source(draw.uniform(0.5, size - 0.5))
        room.add_microphone(draw.uniform(0.5, size - 0.5))
        room.compute_rir()
        responses.append(np.asarray(room.rir[0][0], dtype=np.float32))
    return responses


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
