"""Stands in for the package `spaces` on ZeroGPU: decorated work runs in a fork, pickled."""

import multiprocessing
import pickle
from collections.abc import Callable
from functools import wraps
from typing import Any

durations: list[int] = []
calls: list[str] = []


def GPU(duration: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: N802
    """As `spaces.GPU`: a fault other than gradio's own arrives as one of the machine."""
    durations.append(duration)

    def decorate(work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def borrowed(*arguments: Any, **options: Any) -> Any:
            calls.append(work.__name__)
            receive, send = multiprocessing.Pipe(duplex=False)
            sent = pickle.dumps((arguments, options))

            def run() -> None:
                given, named = pickle.loads(sent)
                send.send_bytes(pickle.dumps(work(*given, **named)))

            fork = multiprocessing.get_context("fork").Process(target=run)
            fork.start()
            send.close()
            try:
                return pickle.loads(receive.recv_bytes())
            except EOFError as error:
                raise RuntimeError("ZeroGPU worker error") from error
            finally:
                fork.join()

        return borrowed

    return decorate
