"""Stands in for the package `spaces` on ZeroGPU: decorated work runs in a fork, pickled."""

import multiprocessing
import pickle
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

loans: list[tuple[str, int]] = []  # name of the work, and the seconds asked for
refusal: str | None = None  # why nobody gets a GPU


def GPU(  # noqa: N802
    duration: int | Callable[..., int],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `spaces.GPU`: a fault in the work arrives as its name, all are gradio's errors."""

    def decorate(work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def borrowed(*arguments: Any, **options: Any) -> Any:
            if refusal is not None:
                raise gr.Error(refusal, print_exception=False)
            seconds = duration(*arguments, **options) if callable(duration) else duration
            loans.append((work.__name__, seconds))
            receive, send = multiprocessing.Pipe(duplex=False)
            sent = pickle.dumps((arguments, options))

            def run() -> None:
                given, named = pickle.loads(sent)
                try:
                    answer = work(*given, **named)
                except Exception as error:
                    answer = gr.Error(type(error).__name__, print_exception=False)
                send.send_bytes(pickle.dumps(answer))

            fork = multiprocessing.get_context("fork").Process(target=run)
            fork.start()
            send.close()
            try:
                answer = pickle.loads(receive.recv_bytes())
            except EOFError as error:
                raise gr.Error("GPU task aborted", print_exception=False) from error
            finally:
                fork.join()
            if isinstance(answer, gr.Error):
                raise answer
            return answer

        return borrowed

    return decorate
