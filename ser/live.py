"""Speech as it comes: a rolling window is answered again and again while sound keeps arriving.

Whoever hears the microphone hands over blocks with `Live.receive`, which only notes them and
returns. A thread of its own answers for the last seconds; when it is slower than the sound, it
skips ahead to what is newest. No sound is lost on the way to it: what was received, what was heard
and what was dropped is counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import soxr

from ser.audio import (
    MAX_INPUT_RATE_HZ,
    MIN_INPUT_RATE_HZ,
    MIN_SECONDS,
    SAMPLE_RATE_HZ,
    Waveform,
)
from ser.errors import AudioError, SerError
from ser.labels import most_probable
from ser.prediction import Prediction
from ser.speech import MAX_WINDOW_S, MIN_WINDOW_S

WINDOW_S = 4.0
HOP_S = 0.5
MAX_LIVE_S = 600.0  # a hard stop: nobody forgets an open microphone
QUEUE_S = 60.0  # sound that may wait while an answer takes long; older sound is dropped, counted


class Voice(Protocol):
    """The part of `ser.recognizer.Recognizer` that is used here."""

    def predict(self, audio: Waveform, transcript: str | None = None) -> Prediction: ...


@dataclass(frozen=True)
class Sound:
    """Seconds of sound so far. received = heard + waiting + dropped."""

    received_s: float
    heard_s: float  # taken into the rolling window
    dropped_s: float  # lost because an answer took longer than the queue lasts
    skipped_s: float  # heard, but in no window that was answered


@dataclass(frozen=True)
class Update:
    """The answer for the last seconds."""

    number: int  # from 1
    start_s: float  # of the window, from the start of the stream
    end_s: float
    emotions: dict[str, float] | None  # None where nobody spoke
    attributes: dict[str, float] | None
    speech_s: float
    took_s: float  # seconds of computing
    sound: Sound

    @property
    def emotion(self) -> str | None:
        """The most probable class, None where nobody spoke."""
        return None if self.emotions is None else most_probable(self.emotions)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; times to the millisecond."""
        values = asdict(self)
        told = {**values, **values.pop("sound"), "emotion": self.emotion}
        del told["sound"]
        return {
            name: round(value, 3) if name.endswith("_s") else value for name, value in told.items()
        }


class Live:
    """One stream from its first block to `stop`, used as a context manager.

    `told` is called with each update from the answering thread. The words are left out: writing
    them down takes longer than saying them. With `idle_s` it ends by itself when no sound has come
    for that long, for a sender that went away without a word.
    """

    def __init__(
        self,
        voice: Voice,
        told: Callable[[Update], None],
        *,
        window_s: float = WINDOW_S,
        hop_s: float = HOP_S,
        max_s: float = MAX_LIVE_S,
        idle_s: float | None = None,
    ) -> None:
        check_window(window_s)
        if not 0 < hop_s <= window_s:
            raise SerError(f"Answers follow after more than 0 and at most {window_s:g} s.")
        if not MIN_SECONDS <= max_s <= MAX_LIVE_S:
            raise SerError(
                f"Live listening takes {MIN_SECONDS:g} to {MAX_LIVE_S:g} s, not {max_s:g}."
            )
        self.voice = voice
        self.told = told
        self.hop = round(hop_s * SAMPLE_RATE_HZ)
        self.limit_s = max_s
        self.fault: Exception | None = None
        self.finished = threading.Event()  # stopped, at its end, or failed
        self._window = _Window(round(window_s * SAMPLE_RATE_HZ))
        self._queue = _Queue(QUEUE_S, idle_s)
        self._thread = threading.Thread(target=self._run, daemon=True, name="live")

    def __enter__(self) -> "Live":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def receive(self, samples: np.ndarray, rate_hz: float) -> bool:
        """Note a block [T] or [T, channels] float of -1..1; False when nothing more is taken.

        Never waits for an answer. AudioError for what is no sound.
        """
        if self.finished.is_set():
            return False
        samples = np.asarray(samples)
        if samples.ndim not in (1, 2) or samples.dtype.kind != "f":
            raise AudioError(f"Live sound must be floats [T], not {samples.dtype}.")
        if not MIN_INPUT_RATE_HZ <= rate_hz <= MAX_INPUT_RATE_HZ:
            raise AudioError(
                f"Live sound at {rate_hz:g} Hz cannot be used. "
                f"Take {MIN_INPUT_RATE_HZ} to {MAX_INPUT_RATE_HZ} Hz."
            )
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        room = self.limit_s - self._queue.received_s
        kept = mono[: max(0, round(room * rate_hz))]
        self._queue.put(np.array(kept, np.float32), float(rate_hz))
        if len(kept) < len(mono) or room <= len(mono) / rate_hz:
            self._queue.close()
            return False
        return True

    def resize(self, window_s: float) -> None:
        """From the next answer on, another number of seconds counts. SerError for too many."""
        check_window(window_s)
        self._window.size = round(window_s * SAMPLE_RATE_HZ)

    def close(self) -> None:
        """Take nothing more. The last answer follows by itself; nobody waits for it."""
        self._queue.close()

    def stop(self) -> None:
        """Answer once more for what is waiting, then end. Raises what the answering raised."""
        self.close()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    @property
    def sound(self) -> Sound:
        """How much sound came and what became of it."""
        return Sound(
            received_s=self._queue.received_s,
            heard_s=self._window.heard / SAMPLE_RATE_HZ,
            dropped_s=self._queue.dropped_s,
            skipped_s=self._window.skipped / SAMPLE_RATE_HZ,
        )

    def _run(self) -> None:
        """Take all that waits, answer for the newest window, wait for a hop of new sound."""
        try:
            resampler = _Resampler()
            number, answered = 0, 0
            while True:
                blocks, open_ = self._queue.take()
                for samples, rate_hz in blocks:
                    self._window.add(resampler.resample(samples, rate_hz))
                if not open_:
                    self._window.add(resampler.finish())
                new = self._window.heard - answered
                if new >= self.hop or (not open_ and new > 0):
                    number, answered = number + 1, self._window.heard
                    self.told(self._answer(number))
                if not open_:
                    return
        except Exception as error:  # a thread's traceback reaches nobody: `stop` raises it
            self.fault = error
        finally:
            self._queue.close()
            self._queue.take()  # what a fault left there; no sound outlives the listening
            self._window.forget()
            self.finished.set()

    def _answer(self, number: int) -> Update:
        waveform, start_s = self._window.newest()
        prediction: Prediction | None = None
        began = time.perf_counter()
        with suppress(AudioError):  # silence, no speech, or less than a third of a second
            prediction = self.voice.predict(waveform, "")
        took_s = time.perf_counter() - began
        return Update(
            number=number,
            start_s=start_s,
            end_s=start_s + waveform.duration_s,
            emotions=prediction.emotions if prediction else None,
            attributes=prediction.attributes if prediction else None,
            speech_s=prediction.speech_s if prediction else 0.0,
            took_s=took_s,
            sound=self.sound,
        )


def check_window(window_s: float) -> None:
    """Refuse a window in which nothing can be recognised, or that is longer than memory allows."""
    if not MIN_WINDOW_S <= window_s <= MAX_WINDOW_S:
        raise SerError(
            f"A live window takes {MIN_WINDOW_S:g} to {MAX_WINDOW_S:g} s, not {window_s:g}."
        )


class _Queue:
    """Blocks on their way from the microphone to the answering thread; the oldest go when full."""

    def __init__(self, room_s: float, idle_s: float | None) -> None:
        self.room_s = room_s
        self.idle_s = idle_s
        self.received_s = 0.0
        self.dropped_s = 0.0
        self._waiting: deque[tuple[np.ndarray, float]] = deque()
        self._waiting_s = 0.0
        self._open = True
        self._changed = threading.Condition()

    def put(self, samples: np.ndarray, rate_hz: float) -> None:
        with self._changed:
            if not self._open:
                return
            seconds = len(samples) / rate_hz
            self.received_s += seconds
            self._waiting.append((samples, rate_hz))
            self._waiting_s += seconds
            while self._waiting_s > self.room_s and len(self._waiting) > 1:
                old, old_rate_hz = self._waiting.popleft()
                self._waiting_s -= len(old) / old_rate_hz
                self.dropped_s += len(old) / old_rate_hz
            self._changed.notify()

    def take(self) -> tuple[list[tuple[np.ndarray, float]], bool]:
        """All that waits, when something does; and whether more may come."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting or not self._open, self.idle_s):
                self._open = False
            blocks = list(self._waiting)
            self._waiting.clear()
            self._waiting_s = 0.0
            return blocks, self._open

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify()


class _Resampler:
    """Blocks of any rate to 16 kHz, without seams between blocks of one rate."""

    def __init__(self) -> None:
        self._rate_hz: float | None = None
        self._stream: soxr.ResampleStream | None = None

    def resample(self, samples: np.ndarray, rate_hz: float) -> np.ndarray:
        before = np.zeros(0, np.float32)
        if rate_hz != self._rate_hz:
            before = self.finish()
            self._rate_hz = rate_hz
            self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, quality="HQ")
        assert self._stream is not None
        return np.concatenate([before, self._stream.resample_chunk(samples)])

    def finish(self) -> np.ndarray:
        """What the filter still holds."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._rate_hz = self._stream = None
        return rest


class _Window:
    """The last samples at 16 kHz, and how many have passed through."""

    def __init__(self, size: int) -> None:
        self.heard = 0
        self.skipped = 0
        self.size = size
        self._samples = np.zeros(0, np.float32)
        self._unanswered = 0

    def add(self, samples: np.ndarray) -> None:
        self.heard += len(samples)
        self._unanswered += len(samples)
        self._samples = np.concatenate([self._samples, samples])[-self.size :]

    def forget(self) -> None:
        self._samples = np.zeros(0, np.float32)

    def newest(self) -> tuple[Waveform, float]:
        """The window, and where it starts in seconds; from now on it counts as answered."""
        self.skipped += max(0, self._unanswered - len(self._samples))
        self._unanswered = 0
        start = self.heard - len(self._samples)
        return Waveform(self._samples), start / SAMPLE_RATE_HZ
