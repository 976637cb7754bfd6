"""Work that a visit waits for, so that the visitor can end it, and closing the page does too."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock


class Running:
    """Who is at work for which visit."""

    def __init__(self) -> None:
        self._stops: defaultdict[str | None, set[Event]] = defaultdict(set)
        self._lock = Lock()

    @contextmanager
    def work(self, visit: str | None) -> Iterator[Event]:
        """Around the work: what it yields is set once nobody wants the rest."""
        stop = Event()
        with self._lock:
            self._stops[visit].add(stop)
        try:
            yield stop
        finally:
            with self._lock:
                self._stops[visit].discard(stop)
                if not self._stops[visit]:
                    del self._stops[visit]

    def stop(self, visit: str | None) -> None:
        """End all that is at work for the visit."""
        with self._lock:
            for stop in self._stops.get(visit, ()):
                stop.set()
