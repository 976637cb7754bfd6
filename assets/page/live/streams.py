"""Who is listened to at this moment: what their browsers send, and what they are told.

A browser sends its sound as numbered samples, one message at a time. A message that comes twice
counts once, and one that never comes is counted as lost.
"""

import base64
import binascii
import secrets
import threading
import time
from collections import deque
from typing import Any, Final

import numpy as np

from assets.page.telling import sentence
from ser.errors import SerError
from ser.live import HOP_S, MAX_LIVE_S, Live, Update, Voice
from ser.plots import trail_figure
from ser.plots.trail import TRAIL_S

MAX_STREAMS: Final = 2
"""Each is answered twice a second, and an answer takes about 0.2 s of one core: on two cores a
third voice would leave nothing for recordings, and no voice would be answered in time."""
IDLE_S: Final = 20.0  # a page that sends nothing for so long is gone, not only busy with drawing
MAX_BLOCK_S: Final = 10.0  # of sound in one message
GRACE_S: Final = 15.0  # beyond the ten minutes by the clock, for sound that comes late

FULL = (
    f"{MAX_STREAMS} voices are being listened to at the moment, and with more of them the answers "
    "would come too late for all. Try again in a few minutes."
)
TIME_IS_UP = (
    f"Listening ended after {MAX_LIVE_S / 60:g} minutes, so that nobody forgets an open "
    "microphone. Start again when you like."
)
GONE = "Listening ended because no sound came from this page. Start again when you like."
NOT_UNDERSTOOD = "This page and its server do not understand each other. Load the page again."

Message = dict[str, Any]


class Stream:
    """One visitor's voice on its way through `ser.live.Live`."""

    def __init__(self, voice: Voice, window_s: float) -> None:
        self.id = secrets.token_urlsafe(16)  # who knows it may send sound, so nobody can guess it
        self.updates: deque[Update] = deque(maxlen=round(TRAIL_S / HOP_S) + 1)
        self.figure: dict[str, Any] | None = None
        self.lost_s = 0.0
        self._taken = 0  # samples, at the browser's rate
        self._window_s = window_s
        self._ends = time.monotonic() + MAX_LIVE_S + GRACE_S
        self._live = Live(voice, self._note, window_s=window_s, idle_s=IDLE_S)

    def start(self) -> None:
        """Listen, in a thread that ends with the sound."""
        self._live.__enter__()

    @property
    def finished(self) -> bool:
        """Whether the thread has done its last work."""
        return self._live.finished.is_set()

    def hear(self, message: Message) -> None:
        """Take the sound of a message, unless it was there before. Never waits for an answer."""
        samples, first, rate_hz, window_s = _read(message)
        if window_s != self._window_s:
            self._live.resize(window_s)
            self._window_s = window_s
        if first > self._taken:
            self.lost_s += (first - self._taken) / rate_hz
        new = samples[max(0, self._taken - first) :]
        if len(new):
            self._live.receive(new, rate_hz)
        self._taken = max(self._taken, first + len(samples))
        if time.monotonic() > self._ends:
            self._live.close()

    def close(self) -> None:
        """Take nothing more; the last answer follows."""
        self._live.close()

    def wait(self, seconds: float) -> bool:
        """Wait for the last answer; False when it takes longer."""
        return self._live.finished.wait(seconds)

    def told_since(self, number: int) -> dict[str, Any]:
        """What the page shows: counts, the answers after this one, and the path in the cube."""
        sound = self._live.sound
        updates = [update for update in list(self.updates) if update.number > number]
        return {
            "received_s": sound.received_s,
            "heard_s": sound.heard_s,
            "lost_s": self.lost_s + sound.dropped_s,
            "skipped_s": sound.skipped_s,
            "updates": [update.to_dict() for update in updates],
            "figure": self.figure if updates else None,
            "ended": self._why_ended() if self.finished else None,
        }

    def _note(self, update: Update) -> None:
        self.updates.append(update)
        self.figure = trail_figure(list(self.updates)).to_plotly_json()

    def _why_ended(self) -> str:
        if self._live.fault is not None:
            return sentence(self._live.fault)
        full = self._live.sound.received_s >= self._live.limit_s - 0.01
        return TIME_IS_UP if full or time.monotonic() > self._ends else GONE


class Streams:
    """All visitors who are being listened to, one stream for each visit."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}  # by visit
        self._lock = threading.Lock()

    def begin(self, voice: Voice, visit: str, window_s: float) -> Stream:
        """Listen to one more. SerError when there are enough, or for a window that is too long."""
        with self._lock:
            self._drop(visit)
            running = [stream for stream in self._streams.values() if not stream.finished]
            if len(running) >= MAX_STREAMS:
                raise SerError(FULL)
            stream = Stream(voice, window_s)
            self._streams[visit] = stream
            stream.start()
            return stream

    def get(self, identity: object) -> Stream | None:
        """The stream with this id, while it is known."""
        with self._lock:
            for stream in self._streams.values():
                if stream.id == identity:
                    return stream
        return None

    def forget(self, identity: object) -> None:
        """Forget the stream with this id, once it has told its last answer."""
        with self._lock:
            for visit, stream in list(self._streams.items()):
                if stream.id == identity:
                    self._drop(visit)

    def leave(self, visit: str | None) -> None:
        """Forget a visit and all that was heard in it; its thread ends by itself."""
        with self._lock:
            self._drop(visit)

    def _drop(self, visit: str | None) -> None:
        stream = self._streams.pop(visit or "", None)
        if stream is not None:
            stream.close()


def _read(message: Message) -> tuple[np.ndarray, int, float, float]:
    """Samples [T] of -1..1, the number of the first, rate and window. SerError for nonsense."""
    try:
        content = base64.b64decode(message["sound"], validate=True)
        first, rate_hz = int(message["first"]), float(message["rate_hz"])
        window_s = float(message["window_s"])
        samples = np.frombuffer(content, "<i2").astype(np.float32) / 32768
        if first < 0 or not len(samples) <= MAX_BLOCK_S * rate_hz:
            raise ValueError("no sound of a page")
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise SerError(NOT_UNDERSTOOD) from error
    return samples, first, rate_hz, window_s
