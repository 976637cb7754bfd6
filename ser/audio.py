"""Any audio file or array becomes a `Waveform`: 16 kHz, mono, float32. All faults are AudioError."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from ser.errors import AudioError

SAMPLE_RATE_HZ = 16_000
MIN_SECONDS = 0.3
MAX_SECONDS = 1800.0


@dataclass(frozen=True, eq=False)
class Waveform:
    """Sound as every part of this package expects it."""

    samples: np.ndarray  # [T] float32, 16 kHz, mono, about -1..1

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    def slice(self, start_s: float, end_s: float) -> "Waveform":
        """The part from `start_s` to `end_s` in seconds, clamped to the recording."""
        start = max(0, round(start_s * SAMPLE_RATE_HZ))
        end = max(start, round(end_s * SAMPLE_RATE_HZ))
        return Waveform(self.samples[start:end])


def load_audio(path: str | os.PathLike[str], max_seconds: float = MAX_SECONDS) -> Waveform:
    """Decode any audio file (or the sound of a video), average its channels, resample to 16 kHz."""
    path = Path(path)
    name = path.name
    if not path.exists():
        raise AudioError(f"{name} does not exist. Check the file's name and folder.")
    if path.is_dir():
        raise AudioError(f"{name} is a folder. Choose an audio file inside it.")
    samples = np.concatenate([np.zeros(0, np.float32), *_decode(path, max_seconds)])
    return _checked(samples, name)


def waveform_from_array(samples: np.ndarray, sample_rate_hz: int) -> Waveform:
    """`samples` [T] or [T, channels], integers of full scale or floats of -1..1."""
    mono = _mean_of_channels(np.asarray(samples).reshape(len(samples), -1).T)
    return _checked(soxr.resample(mono, sample_rate_hz, SAMPLE_RATE_HZ, "HQ"), "The recording")


def _decode(path: Path, max_seconds: float) -> Iterator[np.ndarray]:
    resampler: soxr.ResampleStream | None = None
    length = 0
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.audio:
                raise AudioError(f"{path.name} holds no sound. Choose a file with an audio track.")
            for frame in container.decode(container.streams.audio[0]):
                if resampler is None:
                    resampler = soxr.ResampleStream(frame.sample_rate, SAMPLE_RATE_HZ, 1)
                chunk = resampler.resample_chunk(_mono(frame))
                length += len(chunk)
                if length > max_seconds * SAMPLE_RATE_HZ:
                    raise AudioError(f"{path.name} is longer than {max_seconds:g} s. Shorten it.")
                yield chunk
    except FFmpegError as error:
        raise AudioError(f"{path.name} is not audio, or is damaged. Export it again.") from error
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono(frame: AudioFrame) -> np.ndarray:
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    return _mean_of_channels(data)


def _mean_of_channels(data: np.ndarray) -> np.ndarray:
    """[channels, T] of any sample type to [T] float32 of -1..1."""
    if data.dtype == np.uint8:
        scaled = (data.astype(np.float32) - 128) / 128
    elif np.issubdtype(data.dtype, np.integer):
        scaled = data.astype(np.float32) / -float(np.iinfo(data.dtype).min)
    else:
        scaled = data.astype(np.float32)
    return scaled.mean(axis=0)


def _checked(samples: np.ndarray, name: str) -> Waveform:
    if not np.isfinite(samples).all():
        raise AudioError(f"{name} holds values that are not numbers. Export it again.")
    if len(samples) < MIN_SECONDS * SAMPLE_RATE_HZ:
        raise AudioError(f"{name} is shorter than {MIN_SECONDS} s. Record at least one word.")
    if np.ptp(samples) < 1e-4:
        raise AudioError(f"{name} is silent. Check the microphone and record again.")
    return Waveform(samples)
