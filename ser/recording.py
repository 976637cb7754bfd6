"""A recording as the recogniser works on it: its sound, its speech, its windows."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ser.audio import MIN_SECONDS, Waveform, check_waveform, load_audio
from ser.errors import AudioError, NoSpeechError
from ser.progress import NOBODY, Watch
from ser.speech import (
    NO_SPEECH,
    Segment,
    Sliding,
    Window,
    cut_windows,
    detect_speech,
    slide_windows,
)

Audio = str | os.PathLike[str] | Waveform


@dataclass(frozen=True)
class Stretch:
    """A part of a recording that is analysed on its own, in seconds from the recording's start."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Recording:
    """Sound, the speech found in it and the windows around that speech.

    Segments and windows of a stretch keep their times in the whole recording. `stretch` is None
    where it would be the whole.
    """

    waveform: Waveform
    segments: tuple[Segment, ...]
    windows: tuple[Window, ...]
    stretch: Stretch | None = None

    @property
    def speech_s(self) -> float:
        """Seconds of speech; windows may overlap, speech does not."""
        return sum(segment.end_s - segment.start_s for segment in self.segments)

    @property
    def overlaps(self) -> bool:
        """Whether some sound lies in more than one window."""
        return any(after.start_s < before.end_s for before, after in pairwise(self.windows))

    def cut(self, windows: Sequence[Window]) -> list[Waveform]:
        """The sound of each window."""
        return [self.waveform.slice(window.start_s, window.end_s) for window in windows]

    def pause_windows(self, max_s: float) -> tuple[Window, ...]:
        """Windows of at most `max_s` along the pauses, however the recording's own are cut."""
        return _windows(self.segments, self.place, max_s, None)

    def excerpt(self, stretch: Stretch, max_s: float, sliding: Sliding | None) -> "Recording":
        """The same sound with the speech of a stretch alone, cut where the stretch cuts it."""
        stretch = _inside(stretch, self.waveform.duration_s)
        segments = tuple(
            Segment(max(s.start_s, stretch.start_s), min(s.end_s, stretch.end_s))
            for s in self.segments
            if s.end_s > stretch.start_s and s.start_s < stretch.end_s
        )
        windows = _windows(segments, stretch, max_s, sliding)
        if not windows:
            raise NoSpeechError(NO_SPEECH.format(name="The chosen stretch"))
        return Recording(self.waveform, segments, windows, _if_part(stretch, self.waveform))

    @property
    def place(self) -> Stretch:
        """What is analysed: the stretch, or all of it."""
        return self.stretch or Stretch(0.0, self.waveform.duration_s)


def read(
    audio: Audio,
    max_s: float,
    sliding: Sliding | None = None,
    stretch: Stretch | None = None,
    watch: Watch = NOBODY,
) -> Recording:
    """Decode, find the speech and cut the windows: of at most `max_s`, or sliding ones.

    Raises AudioError for audio that cannot be used and NoSpeechError where nobody speaks.
    """
    watch.tell(0.0, "Looking for speech")
    waveform = check_waveform(audio) if isinstance(audio, Waveform) else load_audio(audio)
    place = _inside(stretch or Stretch(0.0, waveform.duration_s), waveform.duration_s)
    segments = tuple(
        Segment(found.start_s + place.start_s, found.end_s + place.start_s)
        for found in detect_speech(waveform.slice(place.start_s, place.end_s), watch)
    )
    windows = _windows(segments, place, max_s, sliding)
    if not windows:
        name = "The recording" if isinstance(audio, Waveform) else Path(audio).name
        raise NoSpeechError(NO_SPEECH.format(name=name))
    return Recording(waveform, segments, windows, _if_part(place, waveform))


def _inside(stretch: Stretch, duration_s: float) -> Stretch:
    """The stretch clamped to the recording. AudioError when next to nothing is left of it."""
    inside = Stretch(max(0.0, stretch.start_s), min(duration_s, stretch.end_s))
    if not inside.end_s - inside.start_s >= MIN_SECONDS:
        end = "the end" if stretch.end_s == math.inf else f"{stretch.end_s:g} s"
        raise AudioError(
            f"The stretch from {stretch.start_s:g} s to {end} holds less than {MIN_SECONDS} s "
            f"of the recording, which lasts {duration_s:.1f} s. Choose another."
        )
    return inside


def _if_part(stretch: Stretch, waveform: Waveform) -> Stretch | None:
    """The stretch, where it is less than all of the sound."""
    is_part = stretch.end_s - stretch.start_s < waveform.duration_s - 1e-3
    return stretch if is_part else None


def _windows(
    segments: Sequence[Segment], place: Stretch, max_s: float, sliding: Sliding | None
) -> tuple[Window, ...]:
    """Windows that never leave `place`: cutting starts from 0 there."""
    moved = [Segment(s.start_s - place.start_s, s.end_s - place.start_s) for s in segments]
    length_s = place.end_s - place.start_s
    if sliding is None:
        windows = cut_windows(moved, length_s, max_s)
    else:
        windows = slide_windows(moved, length_s, sliding)
    return tuple(
        Window(w.start_s + place.start_s, w.end_s + place.start_s, w.speech_s) for w in windows
    )
