"""How many may ask at once, and how long a visit is remembered."""

from typing import Any, Final

MAX_WAITING: Final = 20  # requests to the encoders; the next one is asked to come back later
MAX_EVENTS: Final = 1000  # of all kinds, most of which are answered at once
FORGET_AFTER_S: Final = 1800  # a visit stays in memory this long, or until its page is closed
MAX_VISITS: Final = 50  # visits with an analysis in memory
SWEEP_S: Final = (60, 600)  # every minute: uploads older than ten minutes that nobody analysed

MODEL: Final[dict[str, Any]] = {"concurrency_limit": 1, "concurrency_id": "model"}
"""For every event that runs the encoders: one at a time, all in the same line."""
PRIVATE: Final[dict[str, Any]] = {"api_visibility": "private"}
"""For every event of the page itself: no endpoint."""
