"""Any audio file or array becomes a 16 kHz mono float32 `Waveform`; all faults are AudioError."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from ser.errors import AudioError
from ser.spool import SampleSpool, blocks_of
from ser.truncation import is_cut_off

SAMPLE_RATE_HZ = 16_000
MIN_SECONDS = 0.3
MAX_SECONDS = 1800.0
MIN_INPUT_RATE_HZ = 4_000  # less holds no speech, and rates of a few hertz are damaged headers
MAX_INPUT_RATE_HZ = 768_000
SILENCE_PEAK = 1e-4  # -80 dB of full scale: a muted microphone with its last bit flickering
MAX_PEAK = 10.0  # 20 dB over full scale: integers that were turned into floats unscaled

# Single files only: playlists name other files and addresses, which a recording never has to.
_CONTAINERS = (
    "wav,w64,aiff,caf,au,flac,mp3,ogg,matroska,webm,mov,mp4,m4a,3gp,aac,ac3,eac3,amr,amrnb,amrwb,"
    "asf,avi,mpegts,mpeg,flv,ape,wv,tta,dsf"
)
_DECLARES_LENGTH = ("flac", "aiff", "au")
_LENGTH_TOLERANCE_S = 0.1


@dataclass(frozen=True, eq=False)
class Waveform:
    """Sound as every part of this package expects it."""

    samples: np.ndarray  # [T] float32, 16 kHz, mono, full scale -1..1

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            found = f"{self.samples.dtype} {list(self.samples.shape)}"
            raise ValueError(f"samples must be float32 [T], got {found}; use waveform_from_array")

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    def slice(self, start_s: float, end_s: float) -> "Waveform":
        """The part from `start_s` to `end_s` in seconds, clamped to the recording; not a copy."""
        start_s = max(0.0, start_s)
        start = round(start_s * SAMPLE_RATE_HZ)
        # Rounding both ends could make the part a sample longer than it was asked to be.
        length = max(0, round((end_s - start_s) * SAMPLE_RATE_HZ))
        return Waveform(self.samples[start : start + length])


def load_audio(path: str | os.PathLike[str], max_seconds: float = MAX_SECONDS) -> Waveform:
    """Decode any audio file, or the sound of a video, to 16 kHz with its channels averaged.

    The content decides on the format, not the name's ending. AudioError, with the file's name and
    what to do about it, for everything that is not between 0.3 and `max_seconds` of whole sound.
    """
    path = Path(path)
    name = path.name or str(path)
    _require_file(path, name)
    if is_cut_off(path):
        raise _cut_off(name)
    mixer = _Mixer(name, max_seconds)
    try:
        with av.open(
            f"file:{path}",  # the prefix keeps names such as "concat:a|b" what they are: names
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",  # a title in Latin-1 is no reason to refuse the sound
        ) as container:
            stream = _sound_of(container, name)
            for frame in _frames(container, stream):
                mixer.add_frame(frame)
            if mixer.input_s < _declared_s(container, stream) - _LENGTH_TOLERANCE_S:
                raise _cut_off(name)
    except FFmpegError as error:
        raise _undecodable(name, began=mixer.input_s > 0) from error
    return _checked(mixer.finish(), name)


def waveform_from_array(samples: np.ndarray, sample_rate_hz: float) -> Waveform:
    """`samples` [T] or [T, channels], integers of full scale or floats of -1..1, at any rate."""
    name = "The recording"
    samples = np.asarray(samples)
    is_transposed = samples.ndim == 2 and samples.shape[1] > len(samples) > 0
    if samples.ndim not in (1, 2) or is_transposed or samples.dtype.kind not in "iuf":
        found = f"{samples.dtype} {list(samples.shape)}"
        raise AudioError(f"{name} must be numbers [T] or [T, channels], but is {found}.")
    mixer = _Mixer(name, MAX_SECONDS)
    if samples.size:
        mixer.add(np.atleast_2d(samples.T), sample_rate_hz)
    return _checked(mixer.finish(), name)


class _Mixer:
    """Averages channels and resamples block by block, so that only 16 kHz mono is kept.

    Decoded frames are a few milliseconds long: they are gathered to a second before resampling,
    for soxr hands every piece out in a buffer of its own with room to spare.
    """

    def __init__(self, name: str, max_seconds: float) -> None:
        self.name = name
        self.max_seconds = max_seconds
        self.input_s = 0.0
        self._rate_hz: float | None = None
        self._resampler: soxr.ResampleStream | None = None
        self._gathered: list[np.ndarray] = []  # mono at the input's rate
        self._gathered_length = 0
        self._resampled = SampleSpool()  # mono at 16 kHz

    def add_frame(self, frame: AudioFrame) -> None:
        try:
            data = frame.to_ndarray()
        except ValueError as error:  # 64-bit integers have no counterpart in PyAV
            raise AudioError(
                f"{self.name} has samples of the unusual type {frame.format.name}. "
                "Convert it to 24-bit WAV."
            ) from error
        if not frame.format.is_planar:
            data = data.reshape(-1, frame.layout.nb_channels).T
        self.add(data, frame.sample_rate)

    def add(self, data: np.ndarray, rate_hz: float) -> None:
        """`data` [channels, T]; rate and channels may change from piece to piece."""
        if rate_hz != self._rate_hz:
            self._start(rate_hz)
        self.input_s += data.shape[1] / rate_hz
        if self.input_s > self.max_seconds + _LENGTH_TOLERANCE_S:
            raise _too_long(self.name, self.max_seconds)
        self._gathered.append(_mean_of_channels(data))
        self._gathered_length += data.shape[1]
        if self._gathered_length >= rate_hz:
            self._resample()

    def finish(self) -> np.ndarray:
        """All samples so far, [T] float32 at 16 kHz."""
        if self._resampler is not None:
            self._resample(last=True)
        return self._resampled.finish()

    def _start(self, rate_hz: float) -> None:
        if not MIN_INPUT_RATE_HZ <= rate_hz <= MAX_INPUT_RATE_HZ:
            raise AudioError(
                f"{self.name} has a sample rate of {rate_hz:g} Hz. "
                "Convert it to a rate between 8000 and 192000 Hz."
            )
        if self._resampler is not None:
            self._resample(last=True)
        self._rate_hz = rate_hz
        self._resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, quality="HQ")

    def _resample(self, last: bool = False) -> None:
        assert self._resampler is not None
        mono = np.concatenate(self._gathered) if self._gathered else np.zeros(0, np.float32)
        if not np.isfinite(mono).all():
            raise AudioError(
                f"{self.name} holds samples that are not finite numbers (NaN or infinity). "
                "Export it again as 16-bit WAV."
            )
        self._resampled.add(self._resampler.resample_chunk(mono, last=last))
        self._gathered, self._gathered_length = [], 0


def _mean_of_channels(data: np.ndarray) -> np.ndarray:
    """[channels, T] of any sample type to [T] float32 with full scale -1..1.

    FFmpeg's own downmix adds 3 dB for correlated channels and can clip; the mean cannot.
    """
    if data.dtype.kind in "iu":
        limits = np.iinfo(data.dtype)
        half = (float(limits.max) - float(limits.min) + 1) / 2
        scaled = (data.astype(np.float32) - (limits.min + half)) / half
    else:
        with np.errstate(over="ignore"):  # becomes infinity, which is refused by name
            scaled = data.astype(np.float32)
    with np.errstate(invalid="ignore"):
        return scaled.mean(axis=0, dtype=np.float32)


def _require_file(path: Path, name: str) -> None:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"{name} is a folder. Choose an audio file inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(f"{name} is not a file. Save the sound to a file first.")
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(f"{name} does not exist. Check its name and folder.") from error
    except PermissionError as error:
        raise AudioError(
            f"{name} may not be read. Change its permissions, or copy it to a folder of yours."
        ) from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{name} cannot be opened ({error}). Check its name and disk.") from error
    if status.st_size == 0:
        raise AudioError(f"{name} is empty. Record or export it again.")


def _sound_of(container: InputContainer, name: str) -> AudioStream:
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise AudioError(f"{name} has no sound. Choose a file with an audio track.")
    if stream.codec_context is None:
        raise AudioError(f"{name} uses an unknown audio codec. Convert it to WAV, FLAC or MP3.")
    return stream


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decoded frames in order; an undecodable packet ends them with its error.

    MP3 alone may have something else around its sound (tags, padding of downloads): there a packet
    is only an error when it lies between two that can be decoded.
    """
    may_have_padding = container.format.name == "mp3"
    began = False
    broken: InvalidDataError | None = None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except InvalidDataError as error:
            if not may_have_padding:
                raise
            broken = error
            continue
        if frames and broken and began:
            raise broken
        began = began or bool(frames)
        broken = None if frames else broken
        yield from frames


def _declared_s(container: InputContainer, stream: AudioStream) -> float:
    """Seconds of sound that the header promises; 0 where it promises nothing or only estimates."""
    is_exact = container.format.name in _DECLARES_LENGTH
    if not is_exact or stream.duration is None or stream.time_base is None:
        return 0.0
    return float(stream.duration * stream.time_base)


def check_waveform(waveform: Waveform, name: str = "The recording") -> Waveform:
    """A waveform made in memory, held to what `load_audio` asks of files. Raises AudioError."""
    if waveform.duration_s > MAX_SECONDS:
        raise AudioError(f"{name} is longer than {MAX_SECONDS / 60:g} minutes. Cut it into parts.")
    if not all(np.isfinite(block).all() for block in blocks_of(waveform.samples)):
        raise AudioError(f"{name} holds samples that are not numbers. Record or export it again.")
    return _checked(waveform.samples, name)


def _checked(samples: np.ndarray, name: str) -> Waveform:
    if len(samples) == 0:
        raise AudioError(f"{name} holds no samples. Record or export it again.")
    if len(samples) < round(MIN_SECONDS * SAMPLE_RATE_HZ):
        raise AudioError(f"{name} is shorter than {MIN_SECONDS} s. Record at least one word.")
    loudest = max(float(block.max()) for block in blocks_of(samples))
    softest = min(float(block.min()) for block in blocks_of(samples))
    if loudest - softest < 2 * SILENCE_PEAK:
        raise AudioError(f"{name} is silent. Check that the microphone is on, and record again.")
    if max(loudest, -softest) > MAX_PEAK:
        raise AudioError(
            f"{name} holds samples far beyond full scale (up to {max(loudest, -softest):.0f}, "
            "where 1 is full scale). Scale them to -1..1, or export it again."
        )
    return Waveform(samples)


def _cut_off(name: str) -> AudioError:
    return AudioError(f"{name} is cut off: its end is missing. Copy, record or export it again.")


def _undecodable(name: str, began: bool) -> AudioError:
    if began:
        return AudioError(f"{name} is damaged: a part cannot be decoded. Copy or export it again.")
    return AudioError(
        f"{name} is not an audio file, or is damaged. Use WAV, FLAC, MP3, OGG, WebM, M4A or MP4."
    )


def _too_long(name: str, max_seconds: float) -> AudioError:
    limit = f"{max_seconds / 60:g} minutes" if max_seconds >= 120 else f"{max_seconds:g} s"
    return AudioError(f"{name} is longer than {limit}, the limit. Cut it into shorter files.")
