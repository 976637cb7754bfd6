"""Where somebody speaks, and how a recording is cut into windows along its pauses."""

import importlib
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import SerError
from ser.progress import NOBODY, Watch
from ser.spool import let_go

MARGIN_S = 0.2  # kept before the first and after the last speech of a window
MAX_PAUSE_S = 2.0  # a longer pause never lies inside a window
MIN_SPEECH_MS = 100  # at silero-vad's own 250 a shouted "no" or "stop" is often missed
CHUNK_SAMPLES = 512  # what silero-vad hears at once
CHUNKS_BETWEEN_REPORTS = 512  # 16 s of sound, a tenth of a second of work
LOUD_RMS, LOUD_QUANTILE, MAX_GAIN = 0.05, 0.95, 30.0
"""Soft recordings are heard with their loud chunks at this level, 30 times as loud at most."""
MIN_WINDOW_S, MAX_WINDOW_S = 0.5, 30.0  # Whisper's encoder hears 30 s at most
MIN_HOP_S = 0.1

NO_SPEECH = "{name} holds no speech. Choose a recording in which somebody speaks."

_import_lock = threading.Lock()
_idle_detectors: list[torch.nn.Module] = []


@dataclass(frozen=True)
class Segment:
    """A stretch of speech, in seconds from the start of the recording."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Window:
    """A stretch of the recording that is analysed as a whole, in seconds."""

    start_s: float
    end_s: float
    speech_s: float  # seconds of speech inside


@dataclass(frozen=True)
class Sliding:
    """Windows of one length, one every hop, instead of windows cut along the pauses.

    SerError for lengths that cannot be analysed, and for hops that would leave speech out.
    """

    window_s: float
    hop_s: float

    def __post_init__(self) -> None:
        if not MIN_WINDOW_S <= self.window_s <= MAX_WINDOW_S:
            raise SerError(
                f"A window takes {MIN_WINDOW_S:g} to {MAX_WINDOW_S:g} s, not {self.window_s:g}."
            )
        if not MIN_HOP_S <= self.hop_s <= self.window_s:
            raise SerError(
                f"Windows of {self.window_s:g} s follow each other after {MIN_HOP_S:g} to "
                f"{self.window_s:g} s, not {self.hop_s:g}: a longer hop would leave speech out."
            )


def detect_speech(waveform: Waveform, watch: Watch = NOBODY) -> tuple[Segment, ...]:
    """Stretches of speech in order, found by silero-vad; empty when nobody speaks.

    silero-vad misses much of what is soft, so that a soft recording is heard louder.
    """
    silero_vad = _import_silero_vad()
    gain = _gain(waveform)
    chunks = max(1, len(waveform.samples) // CHUNK_SAMPLES)
    heard = count()

    def report(_percent: float) -> None:
        if (chunk := next(heard)) % CHUNKS_BETWEEN_REPORTS == 0:
            let_go(waveform.samples)
            watch.tell(min(1.0, chunk / chunks), "Looking for speech")

    with _borrowed_detector() as detector:
        found = silero_vad.get_speech_timestamps(
            torch.from_numpy(waveform.samples),
            _Louder(detector, gain),
            sampling_rate=SAMPLE_RATE_HZ,
            min_speech_duration_ms=MIN_SPEECH_MS,
            progress_tracking_callback=report,
        )
    return tuple(
        Segment(stretch["start"] / SAMPLE_RATE_HZ, stretch["end"] / SAMPLE_RATE_HZ)
        for stretch in found
    )


def _gain(waveform: Waveform) -> float:
    """What brings the loud chunks of a soft recording to `LOUD_RMS`; 1 for all others."""
    block = CHUNK_SAMPLES * CHUNKS_BETWEEN_REPORTS
    levels = []
    for start in range(0, len(waveform.samples), block):
        part = waveform.samples[start : start + block]
        part = part[: len(part) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
        levels.append(np.sqrt(np.mean(np.square(part), axis=1)))
        let_go(waveform.samples)
    found = np.concatenate(levels) if levels else np.zeros(0)
    loud = float(np.quantile(found, LOUD_QUANTILE)) if len(found) else LOUD_RMS
    return min(max(LOUD_RMS / max(loud, 1e-9), 1.0), MAX_GAIN)


@dataclass(frozen=True)
class _Louder:
    """A detector that hears everything `gain` times as loud."""

    detector: Any
    gain: float

    def reset_states(self) -> None:
        """Forget what was heard."""
        self.detector.reset_states()

    def __call__(self, chunk: torch.Tensor, rate_hz: int) -> torch.Tensor:
        """Probability of speech."""
        return self.detector(chunk * self.gain, rate_hz)


@contextmanager
def _borrowed_detector() -> Iterator[torch.nn.Module]:
    """A detector for one recording: it keeps its state between chunks, so no two may share it.

    One is loaded at first use and serves from then on; more only while recordings overlap in time.
    """
    try:
        detector = _idle_detectors.pop()
    except IndexError:
        detector = _import_silero_vad().load_silero_vad()
    try:
        yield detector
    finally:
        _idle_detectors.append(detector)


def _import_silero_vad() -> ModuleType:
    """The package, without what importing it does to everybody else: torch limited to a thread."""
    with _import_lock:
        threads = torch.get_num_threads()
        try:
            return importlib.import_module("silero_vad")
        finally:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def cut_windows(segments: Sequence[Segment], duration_s: float, max_s: float) -> tuple[Window, ...]:
    """Windows around the speech: none longer than `max_s`, cut in the longest pauses.

    A window reaches 0.2 s beyond its speech, at most to the middle of a shorter pause and to the
    ends of the recording. A pause of more than 2 s always separates. Windows never overlap and
    hold all speech; no speech gives no window. Speech without any pause is cut into equal parts.
    """
    if max_s <= 0:
        raise ValueError(f"max_s must be positive, got {max_s}")
    if not segments:
        return ()
    pauses = [after.start_s - before.end_s for before, after in pairwise(segments)]
    middles = [(before.end_s + after.start_s) / 2 for before, after in pairwise(segments)]
    limits = [0.0, *middles, duration_s]  # limits[i], limits[i + 1]: room of segments[i]
    windows: list[Window] = []
    waiting = [(0, len(segments))]
    while waiting:
        first, stop = waiting.pop()
        start_s = max(limits[first], segments[first].start_s - MARGIN_S)
        end_s = min(limits[stop], segments[stop - 1].end_s + MARGIN_S)
        if stop - first == 1:
            windows += _cut_speech(segments[first], start_s, end_s, max_s)
            continue
        longest = _longest_pause(pauses, first, stop - 1)
        if end_s - start_s > max_s or pauses[longest] > MAX_PAUSE_S:
            waiting += [(longest + 1, stop), (first, longest + 1)]
        else:
            speech_s = sum(speech.end_s - speech.start_s for speech in segments[first:stop])
            windows.append(Window(start_s, end_s, speech_s))
    return tuple(windows)


def _longest_pause(pauses: Sequence[float], first: int, stop: int) -> int:
    """Index of the longest pause in [first, stop); of equal ones, which are common because speech
    is detected in steps of 32 ms, the one nearest to the middle."""
    middle = (first + stop - 1) / 2
    return max(range(first, stop), key=lambda i: (round(pauses[i], 3), -abs(i - middle)))


def _cut_speech(speech: Segment, start_s: float, end_s: float, max_s: float) -> list[Window]:
    """Speech without a pause: its margins give way first, then it is cut into equal parts."""
    length_s = speech.end_s - speech.start_s
    if length_s > max_s:
        count = math.ceil(length_s / max_s + 1e-9)  # rounding must not make a part too long
        edges = [speech.start_s + length_s * part / count for part in range(count)]
        edges.append(speech.end_s)
        return [Window(left_s, right_s, right_s - left_s) for left_s, right_s in pairwise(edges)]
    margin_s = (max_s - length_s) / 2
    if end_s - start_s > max_s:
        start_s = max(start_s, speech.start_s - margin_s)
        end_s = min(end_s, speech.end_s + margin_s)
    return [Window(start_s, end_s, length_s)]


def slide_windows(
    segments: Sequence[Segment], duration_s: float, sliding: Sliding
) -> tuple[Window, ...]:
    """Windows of one length, one every hop, over each run of speech without a pause above 2 s.

    The last window of a run ends with it, and a run shorter than a window is one window. Windows
    overlap where the hop is shorter than they are; one with less than 0.1 s of speech is left out.
    """
    windows: list[Window] = []
    for run in cut_windows(segments, duration_s, math.inf):
        own = [s for s in segments if run.start_s <= s.start_s < run.end_s]
        latest_s = max(run.start_s, run.end_s - sliding.window_s)
        hops = math.ceil((latest_s - run.start_s) / sliding.hop_s - 1e-9)
        for hop in range(hops + 1):
            start_s = min(run.start_s + hop * sliding.hop_s, latest_s)
            end_s = min(run.end_s, start_s + sliding.window_s)
            speech_s = sum(max(0.0, min(s.end_s, end_s) - max(s.start_s, start_s)) for s in own)
            if hops == 0 or speech_s >= MIN_SPEECH_MS / 1000:
                windows.append(Window(start_s, end_s, speech_s))
    return tuple(windows)
