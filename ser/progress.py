"""Telling how far a piece of work is, and ending it when somebody asks for that."""

from collections.abc import Callable
from dataclasses import dataclass

from ser.errors import Cancelled

Progress = Callable[[float, str], None]
"""Told the share that is done, 0..1, and what is being done."""


@dataclass(frozen=True)
class Watch:
    """Who looks on. `cancelled` is asked between steps, for example `threading.Event().is_set`."""

    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None
    start: float = 0.0  # the stretch of the whole work, 0..1, that this part of it takes
    end: float = 1.0

    def tell(self, share: float, doing: str) -> None:
        """Say that `share` of this part is done. Raises Cancelled when nobody wants the rest."""
        if self.cancelled is not None and self.cancelled():
            raise Cancelled("The analysis was cancelled. Start it again when you like.")
        if self.progress is not None:
            self.progress(self.start + share * (self.end - self.start), doing)

    def part(self, start: float, end: float) -> "Watch":
        """The same onlookers for the stretch `start` to `end` of this part."""
        length = self.end - self.start
        return Watch(
            self.progress, self.cancelled, self.start + start * length, self.start + end * length
        )


NOBODY = Watch()
