"""Where somebody speaks, and how a recording is cut into windows along its pauses."""

import functools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from ser.audio import SAMPLE_RATE_HZ, Waveform

MARGIN_S = 0.2  # kept before the first and after the last speech of a window
MAX_PAUSE_S = 2.0  # a longer pause never lies inside a window

_lock = threading.Lock()  # the detector keeps its state between chunks: one recording at a time


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


def detect_speech(waveform: Waveform) -> tuple[Segment, ...]:
    """Stretches of speech in order, found by silero-vad; empty when nobody speaks."""
    from silero_vad import get_speech_timestamps

    with _lock:
        found = get_speech_timestamps(torch.from_numpy(waveform.samples), _detector())
    return tuple(
        Segment(stretch["start"] / SAMPLE_RATE_HZ, stretch["end"] / SAMPLE_RATE_HZ)
        for stretch in found
    )


@functools.cache
def _detector() -> torch.nn.Module:
    from silero_vad import load_silero_vad

    return load_silero_vad()


def cut_windows(
    segments: Sequence[Segment], duration_s: float, max_s: float
) -> tuple[Window, ...]:
    """Windows around the speech: none longer than `max_s`, cut in the longest pauses.

    A window reaches 0.2 s beyond its speech, at most to the middle of a shorter pause and to the
    ends of the recording. A pause of more than 2 s always separates. Windows never overlap and
    hold all speech; no speech gives no window. Speech without any pause is cut into equal parts.
    """
    if max_s <= 0:
        raise ValueError(f"max_s must be positive, got {max_s}")
    if not segments:
        return ()
    return tuple(_cut(tuple(segments), 0.0, duration_s, max_s))


def _cut(
    segments: tuple[Segment, ...], left_s: float, right_s: float, max_s: float
) -> list[Window]:
    """Windows for `segments`, between the limits that the neighbours leave."""
    start_s = max(left_s, segments[0].start_s - MARGIN_S)
    end_s = min(right_s, segments[-1].end_s + MARGIN_S)
    pauses = [after.start_s - before.end_s for before, after in pairwise(segments)]
    longest = max(range(len(pauses)), key=pauses.__getitem__, default=None)
    if longest is None:
        return _cut_speech(segments[0], start_s, end_s, max_s)
    if end_s - start_s <= max_s and pauses[longest] <= MAX_PAUSE_S:
        return [Window(start_s, end_s, sum(part.end_s - part.start_s for part in segments))]
    before, after = segments[: longest + 1], segments[longest + 1 :]
    middle_s = (before[-1].end_s + after[0].start_s) / 2
    return _cut(before, left_s, middle_s, max_s) + _cut(after, middle_s, right_s, max_s)


def _cut_speech(speech: Segment, start_s: float, end_s: float, max_s: float) -> list[Window]:
    """One stretch of speech: margins give way first, then it is cut into equal parts."""
    length_s = speech.end_s - speech.start_s
    if end_s - start_s <= max_s:
        return [Window(start_s, end_s, length_s)]
    count = math.ceil(length_s / max_s)
    edges = [speech.start_s + length_s * part / count for part in range(count + 1)]
    return [Window(a, b, b - a) for a, b in pairwise(edges)]
