"""Waiting for what happens by itself, on a machine that may be busy."""

import time
from collections.abc import Callable

LOOK_AGAIN_S = 0.05


def eventually(holds: Callable[[], bool], what: str, patience_s: float = 60) -> None:
    """Return once `holds()` is true; fail with `what` when it has not been by then."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(LOOK_AGAIN_S)
