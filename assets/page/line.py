"""The line in which a visit's requests wait, and how they leave it."""

import asyncio
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any

import gradio as gr
from gradio.queueing import Event, Queue
from gradio.server_messages import ProcessCompletedMessage

from assets.page import uploads
from assets.page.running import Running

LOOK_AGAIN_S = 0.05


class Wanted:
    """What requests in line or at work name: the sweep of old files passes over it.

    Set it as `keep_in_cache` of a component, the only place where gradio's sweep asks.
    """

    def __init__(self, app: gr.Blocks) -> None:
        self.app = app

    def __iter__(self) -> Iterator[str]:
        """Paths of files."""
        line = self.app._queue
        waiting = [each.queue for each in line.event_queue_per_concurrency_id.values()]
        return chain.from_iterable(map(_named_by, chain(*waiting, _at_work(line))))


def _named_by(event: Event) -> Iterator[str]:
    return iter(()) if event.data is None else _paths(event.data.data)


def _at_work(line: Queue) -> Iterator[Event]:
    return chain.from_iterable(job for job in line.active_jobs if job is not None)


def _paths(data: Any) -> Iterator[str]:
    if isinstance(data, dict) and isinstance(data.get("path"), str):
        yield data["path"]
    elif isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _paths(item)


async def leave(
    app: gr.Blocks | None, visit: str | None, functions: Collection[int], running: Running
) -> bool:
    """Take the visit's requests to these functions out of the line; return once none is at work.

    Recordings of those that waited are deleted. True where any still waited. Through `running`
    those at work end. gradio's own `cancels` goes by the number that the line gave to a request:
    who cancels before the number has come back to the page cancels nothing.
    """
    assert app is not None, "the page is made inside gr.Blocks"
    line = app._queue

    def is_meant(event: Event) -> bool:
        return event.session_hash == visit and event.fn._id in functions

    waited = False
    async with line.delete_lock:
        for waiting in line.event_queue_per_concurrency_id.values():
            for event in [*filter(is_meant, waiting.queue)]:
                waited = True
                waiting.queue.remove(event)
                line.event_ids_to_events.pop(event._id, None)
                for path in _named_by(event):
                    uploads.discard(path)
                nothing_new = {"data": [gr.skip() for _ in event.fn.outputs]}
                answer = ProcessCompletedMessage(output=nothing_new, success=True)
                line.send_message(event, answer)

    def at_work() -> set[str]:
        return {event._id for event in filter(is_meant, _at_work(line))}

    ending = at_work()
    while ending & at_work():
        running.stop(visit)  # again, because what has just left the line may not have begun
        await asyncio.sleep(LOOK_AGAIN_S)
    return waited
