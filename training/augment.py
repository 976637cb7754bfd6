"""What happens to training audio: rooms, noise, channel, speed and level, from one seed."""

import hashlib
import struct
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from scipy.io import wavfile
from scipy.signal import fftconvolve

from ser.audio import SAMPLE_RATE_HZ, load_audio
from ser.errors import SerError
from training.config import Augmentation, Config
from training.corpora.base import audio_files

TELEPHONE_RATE_HZ: Final = 8_000
NOISE_COLOURS: Final = {"white": 0, "pink": 1, "brown": 2}  # k of a power spectrum 1 / f^k
LOWEST_NOISE_HZ: Final = 20.0  # below it coloured noise is flat, or brown noise were a slow drift
NOISES_KEPT: Final = 64  # decoded noise files that stay in memory

Noise = Callable[[np.random.Generator, int], np.ndarray]
"""Draws [length] samples of noise at 16 kHz; their level does not matter."""


class Augmenter:
    """Changes clips as its settings say; every chance comes from the generator of the call."""

    def __init__(self, settings: Augmentation, noise: Noise, rooms: Sequence[np.ndarray]) -> None:
        self.settings = settings
        self.noise = noise
        self.rooms = rooms

    def __call__(self, samples: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """A changed copy of `samples` [T] float32 at 16 kHz; the length follows the speed."""
        settings = self.settings
        samples = change_speed(samples, random.uniform(*settings.speed))
        if random.random() < settings.room_probability:
            samples = reverberate(samples, self.rooms[int(random.integers(len(self.rooms)))])
        if random.random() < settings.noise_probability:
            noise = self.noise(random, len(samples))
            samples = add_noise(samples, noise, random.uniform(*settings.snr_db))
        if random.random() < settings.telephone_probability:
            samples = through_telephone(samples)
        return change_gain(samples, random.uniform(*settings.gain_db))


def configured_augmenter(config: Config) -> Augmenter:
    """The augmenter of `config.features`. SerError for folders without usable sounds."""
    settings = config.features.augmentation
    noise: Noise = coloured_noise
    if settings.noise_folder is not None:
        noise = noise_below(config.data / settings.noise_folder)
    rooms: Sequence[np.ndarray] = ()
    if settings.room_folder is not None:
        rooms = read_rooms(config.data / settings.room_folder)
    elif settings.room_probability > 0:
        rooms = simulate_rooms(settings.rooms, config.seed)
    return Augmenter(settings, noise, rooms)


def copy_generator(seed: int, clip_id: str, copy: int) -> np.random.Generator:
    """The chances of one copy of one clip, the same in whatever order or process it is made."""
    digest = hashlib.sha256(f"{seed}\n{copy}\n{clip_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def change_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """Play `factor` times as fast: shorter and higher for factors above 1."""
    if factor == 1.0:
        return samples
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


def coloured_noise(random: np.random.Generator, length: int) -> np.ndarray:
    """White, pink or brown noise [length] float32 of power 1, the colour drawn."""
    exponent = list(NOISE_COLOURS.values())[int(random.integers(len(NOISE_COLOURS)))]
    return noise_of_spectrum(random, length, exponent)


def noise_of_spectrum(random: np.random.Generator, length: int, exponent: float) -> np.ndarray:
    """Noise [length] float32 of power 1 with the power spectrum 1 / f^exponent."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), LOWEST_NOISE_HZ)
    noise = np.fft.irfft(spectrum * frequencies ** (-exponent / 2), length)
    return (noise / max(_rms(noise), 1e-9)).astype(np.float32)


def recorded_noise(count: int, load: Callable[[int], np.ndarray]) -> Noise:
    """Draws one of `count` recordings [T] and where in it to begin; short ones repeat."""

    def draw(random: np.random.Generator, length: int) -> np.ndarray:
        noise = load(int(random.integers(count)))
        start = -int(random.integers(len(noise)))
        # Rolling the recording would copy minutes of it for a few seconds.
        return np.take(noise, np.arange(start, start + length), mode="wrap")

    return draw


def noise_below(folder: Path) -> Noise:
    """Noise from the audio files below a folder, decoded when they are first drawn."""
    files = sounds_below(folder)

    @lru_cache(NOISES_KEPT)
    def load(index: int) -> np.ndarray:
        return load_audio(files[index]).samples

    return recorded_noise(len(files), load)


def sounds_below(folder: Path) -> list[Path]:
    """Audio files below a folder that the configuration names, or SerError."""
    try:
        return audio_files(folder)
    except FileNotFoundError as error:
        raise SerError(
            f"There are no audio files below {folder}, which features.augmentation names: "
            "correct the folder, or leave the setting out to use generated noise and rooms."
        ) from error


def read_rooms(folder: Path) -> list[np.ndarray]:
    """Impulse responses [T] float32 at 16 kHz: the first channel of each WAV below `folder`.

    They may be shorter than any recording of speech, so the reader of recordings is not used.
    """
    responses = []
    for path in sounds_below(folder):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", wavfile.WavFileWarning)  # extra chunks
                rate_hz, samples = wavfile.read(path)
        except (ValueError, OSError, struct.error) as error:
            raise SerError(
                f"{path} is not a WAV file that can be read ({error}): impulse responses of "
                "features.augmentation.room_folder must be WAV."
            ) from error
        first = (samples if samples.ndim == 1 else samples[:, 0]).astype(np.float64)
        if not len(first) or not np.isfinite(first).all() or not np.abs(first).max() > 0:
            raise SerError(f"{path} holds no impulse response: remove it from the folder.")
        response = soxr.resample(first / np.abs(first).max(), rate_hz, SAMPLE_RATE_HZ)
        responses.append(response.astype(np.float32))
    return responses


def simulate_rooms(count: int, seed: int) -> list[np.ndarray]:
    """Impulse responses of random shoebox rooms (image sources, RT60 of 0.15 to 0.7 s)."""
    import pyroomacoustics

    # Each thread sums its own part, so the last bits would depend on the machine's cores.
    pyroomacoustics.constants.set("num_threads", 1)
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
