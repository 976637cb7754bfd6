"""A microphone that delivers what it is given, block by block, as fast as it is told to."""

import threading
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


class FakeStreams(ModuleType):
    """Stands in for sounddevice: one microphone whose stream plays `samples` in its own thread."""

    class PortAudioError(Exception):
        pass

    def __init__(self, samples: np.ndarray, rate_hz: int, speed: float = 1.0) -> None:
        super().__init__("sounddevice")
        self.samples = samples  # [T] float32, played again and again
        self.rate_hz = rate_hz
        self.speed = speed  # times real time
        self.sent = 0
        self.overflow_at: int | None = None  # the block that reports lost sound
        self.busy = False

    def query_devices(self, device: Any = None, kind: str | None = None) -> Any:
        found = {
            "index": 0,
            "name": "Fake Mic",
            "max_input_channels": 1,
            "default_samplerate": float(self.rate_hz),
        }
        if device not in (None, 0, "Fake Mic"):
            raise ValueError(f"No input device matching {device!r}")
        return [found] if kind is None else found

    def InputStream(  # noqa: N802 - sounddevice's name
        self, *, blocksize: int, callback: Callable[..., None], **_: Any
    ) -> "FakeStream":
        if self.busy:
            raise self.PortAudioError("Device unavailable", -9985)
        return FakeStream(self, blocksize, callback)


class FakeStream:
    """Calls back from a thread of its own, as PortAudio does."""

    def __init__(self, source: FakeStreams, size: int, callback: Callable[..., None]) -> None:
        self.source, self.size, self.callback = source, size, callback
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.play, daemon=True)

    def __enter__(self) -> "FakeStream":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.thread.join()

    def play(self) -> None:
        """Blocks [size, 1] at the pace of the microphone."""
        began, number = time.monotonic(), 0
        while not self.closing.is_set():
            start = self.source.sent % max(1, len(self.source.samples) - self.size)
            block = self.source.samples[start : start + self.size, None]
            status = SimpleNamespace(input_overflow=number == self.source.overflow_at)
            self.callback(block, self.size, None, status)
            number += 1
            self.source.sent += self.size
            due = began + number * self.size / self.source.rate_hz / self.source.speed
            time.sleep(max(0.0, due - time.monotonic()))
