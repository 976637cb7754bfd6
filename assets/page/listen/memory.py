"""The takes of a visit, and how much of each is kept.

Every analysis is a take. The newest keeps all that another transcript or a part of it needs. Of
older ones the sound and what the encoders heard are kept while all takes together stay below
`ROOM_BYTES`, then the answer and the outline of the sound alone, and nothing once these have no
room either. Bytes are counted, and not takes, because half an hour of speech weighs as much as a
hundred sentences; `MAX_TAKES` only keeps the list readable.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from assets.page.listen.visit import Remembered, Shown
from ser.frames import FramesOnDemand
from ser.plots import envelope
from ser.prediction import Prediction
from ser.recognizer import Analysis

MAX_TAKES: Final = 20
ROOM_BYTES: Final = 64_000_000  # of a visit, beside its newest take
OUTLINE_COLUMNS: Final = 1200  # as many as a picture of the sound has
NUMBER_BYTES: Final = 32  # of a float in a tuple
MAX_NAME: Final = 40  # characters
CORRECTED: Final = ", corrected"
OTHER_WINDOWS: Final = ", other windows"


@dataclass(frozen=True, eq=False)
class Take:
    """One analysis of the visit, under the name that its visitor gives it."""

    number: int  # from 1, never used twice in a visit
    name: str
    made_s: float  # seconds since 1970; the browser tells the time of day where the visitor is
    shown: Shown
    before: int | None = None  # number of the take whose words this one corrects
    whole: int | None = None  # number of the take that this one is a part of

    @property
    def title(self) -> str:
        """Number and name: names may be equal, titles are not."""
        return f"{self.number} {self.name}"


@dataclass(frozen=True, eq=False)
class Takes:
    """All takes of a visit, oldest first. Every change gives a new object."""

    all: tuple[Take, ...] = ()
    ticked: frozenset[int] = frozenset()  # numbers of those that are compared
    current: int | None = None  # number of the one on the page
    given: int = 0  # numbers given so far
    let_go: int = 0  # takes that had no room left

    def find(self, number: int | None) -> Take | None:
        """The take with this number, None when it is gone."""
        return next((take for take in self.all if take.number == number), None)

    @property
    def compared(self) -> tuple[Take, ...]:
        """Those that are ticked."""
        return tuple(take for take in self.all if take.number in self.ticked)

    def seeing(self, shown: Shown | None, now_s: float) -> "Takes":
        """What is on the page now: a take that is known, a new one, or nothing."""
        if shown is None:
            return replace(self, current=None)
        known = self._known(shown)
        if known is not None:
            return replace(self, current=known.number)
        return self._adding(shown, now_s)

    def whole_of(self, part: Shown) -> Take | None:
        """The take that was on the page when this part of it was analysed; None when it is gone."""
        known, origin = self._known(part), self._same_recording(part)
        if known is not None:
            return self.find(known.whole)
        if origin is not None and origin.shown.prediction.stretch:
            return self.find(origin.whole)
        return origin

    def without(self, number: int) -> "Takes":
        """One take less."""
        return replace(
            self,
            all=tuple(take for take in self.all if take.number != number),
            ticked=self.ticked - {number},
            current=None if self.current == number else self.current,
        )

    def ticking(self, number: int, ticked: bool) -> "Takes":
        """With one take added to, or taken from, those that are compared."""
        return replace(self, ticked=self.ticked | {number} if ticked else self.ticked - {number})

    def comparing(self, *numbers: int) -> "Takes":
        """Just these takes compared."""
        return replace(self, ticked=frozenset(numbers))

    def renamed(self, number: int, name: str) -> "Takes":
        """One take under another name; an empty one changes nothing."""
        name = " ".join(name.split())[:MAX_NAME].strip()
        if not name:
            return self
        return replace(
            self,
            all=tuple(replace(t, name=name) if t.number == number else t for t in self.all),
        )

    def _adding(self, shown: Shown, now_s: float) -> "Takes":
        origin = self._same_recording(shown)
        number = self.given + 1
        corrected = origin if origin is not None and _corrects(shown, origin.shown) else None
        whole = self.whole_of(shown) if shown.prediction.stretch else None
        take = Take(
            number=number,
            name=_name(shown, origin, corrected is not None),
            made_s=now_s,
            shown=shown,
            before=corrected.number if corrected is not None else None,
            whole=whole.number if whole is not None else None,
        )
        kept = fitting((*self.all, take))
        numbers = {take.number for take in kept}
        return replace(
            self,
            all=kept,
            ticked=self.ticked & numbers,
            current=number,
            given=number,
            let_go=self.let_go + len(self.all) + 1 - len(kept),
        )

    def _known(self, shown: Shown) -> Take | None:
        return next((take for take in self.all if take.shown is shown), None)

    def _same_recording(self, shown: Shown) -> Take | None:
        """The take that was on the page, where the new one is another answer for its sound."""
        last = self.find(self.current)
        return last if last is not None and last.shown.sound is shown.sound else None


def fitting(takes: Sequence[Take]) -> tuple[Take, ...]:
    """As much of the takes (oldest first) as there is room for; the newest is kept whole."""
    *older, newest = takes[-MAX_TAKES:]
    kept = [newest]
    counted = {part for part, _ in _recording(newest.shown)}  # shared with the newest: no cost
    room = ROOM_BYTES
    for take in reversed(older):
        room -= _answer_bytes(take.shown.prediction)
        if room < 0:
            break
        parts = {part: size for part, size in _recording(take.shown) if part not in counted}
        if sum(parts.values()) <= room:
            room -= sum(parts.values())
            counted |= parts.keys()
        else:
            take = replace(take, shown=remembered(take.shown))
        kept.append(take)
    return tuple(reversed(kept))


def remembered(shown: Shown) -> Shown:
    """The same without its recording."""
    outline = envelope(shown.sound, OUTLINE_COLUMNS)
    return replace(shown, analysis=Remembered(shown.prediction, outline))


def _recording(shown: Shown) -> Iterator[tuple[int, int]]:
    """Identity and bytes of sound and frames: another transcript shares both with the first."""
    if isinstance(shown.analysis, Remembered):
        return
    samples = shown.analysis.waveform.samples
    yield id(samples), samples.nbytes
    yield id(shown.analysis.frames), _frames_bytes(shown.analysis)


def _frames_bytes(analysis: Analysis) -> int:
    if isinstance(analysis.frames, FramesOnDemand):  # made anew whenever they are needed
        return 0
    return sum(tensor.nbytes for window in analysis.frames for tensor in window.values())


def _answer_bytes(prediction: Prediction) -> int:
    """Attention is nearly all of an answer."""
    maps = [prediction.attention, *(window.attention for window in prediction.windows)]
    views = [view for attention in maps for view in attention.values()]
    return NUMBER_BYTES * sum(len(view.times_s) + len(view.weights) for view in views)


def _name(shown: Shown, origin: Take | None, corrects: bool) -> str:
    """The file's name, then what sets this take apart from others of the recording."""
    name = origin.name if origin is not None else PurePath(shown.file).stem
    start_s, end_s = shown.prediction.span
    if (start_s, end_s) != (
        origin.shown.prediction.span if origin else (0.0, shown.prediction.duration_s)
    ):
        ending = f", {start_s:.1f} to {end_s:.1f} s"
    elif corrects:
        ending = CORRECTED
    elif origin is not None:
        ending = OTHER_WINDOWS
    else:
        ending = ""
    return name.removesuffix(ending)[: MAX_NAME - len(ending)] + ending


def _corrects(shown: Shown, before: Shown) -> bool:
    """Whether it is the same stretch of the same sound with other words."""
    words = [answer.prediction.transcript.text for answer in (shown, before)]
    return shown.prediction.span == before.prediction.span and words[0] != words[1]
