"""What the server remembers of visits: their states, and no values of what was shown."""

import asyncio
from typing import Final

import gradio as gr
from gradio import routes, state_holder

from assets.page.queue import FORGET_AFTER_S

GRACE_S: Final = 120  # a visit whose connection broke may go on within this time
MAX_UNUSED: Final = 200  # visits without an analysis, and calls of the API


class Visit(state_holder.SessionState):
    """gradio keeps the last value of every component for links to a visit, which are not offered.

    These values would be transcripts, answers and recordings sent as text, in memory until fifty
    other visits have come.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(blocks)
        self.STATE_TTL_WHEN_CLOSED = FORGET_AFTER_S

    def _update_value_in_config(self, key: int, value: object) -> None:
        """Keep nothing."""


class Visits(state_holder.StateHolder):
    """gradio lets the oldest visit go; here a crowd of unused ones pushes none out that is used."""

    def update(self, session_id: str) -> None:
        """Make this visit the latest, and let the oldest go where there are too many."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
            used: list[str] = []
            unused: list[str] = []
            for name, visit in self.session_data.items():
                (used if _is_used(visit) else unused).append(name)
            for gone in (*used[: -self.capacity], *unused[:-MAX_UNUSED]):
                self._drop(gone)

    def forget(self, session_id: str) -> None:
        """Let a visit go with all it has."""
        self.delete_state(session_id)
        with self.lock:
            self._drop(session_id)

    def _drop(self, session_id: str) -> None:
        self.session_data.pop(session_id, None)
        self.time_last_used.pop(session_id, None)


def _is_used(visit: state_holder.SessionState) -> bool:
    """Whether something was put into a state; a value of the start was never put."""
    return any(state in visit.state_data for state in visit._state_ttl)


def keep_little() -> None:
    """From now on, remember visits as above; gradio has no setting for it."""
    state_holder.SessionState = Visit  # type: ignore[misc]
    routes.StateHolder = Visits  # type: ignore[attr-defined]


async def forget(visits: Visits, session_id: str | None) -> None:
    """Forget a visit whose page was closed, unless it turns out that only its connection broke."""
    assert session_id is not None, "the page's own requests belong to a visit"
    last = visits.time_last_used.get(session_id)
    await asyncio.sleep(GRACE_S)
    if visits.time_last_used.get(session_id) == last:
        visits.forget(session_id)
