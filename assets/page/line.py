"""The line in which a visit's requests wait, and how they leave it."""

import asyncio
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any

import gradio as gr
from gradio.queueing import Event, Queue
from gradio.server_messages import ProcessCompletedMessage

from assets.page import uploads
from assets.page.queue import MAX_WAITING, MODEL
from assets.page.running import Running
from assets.page.sounds import named

LOOK_AGAIN_S = 0.05
FULL = "The line is full: {waiting} requests wait in it. Try again in a minute."


def limit(app: gr.Blocks) -> None:
    """Refuse requests to the encoders while MAX_WAITING of them wait, and no others.

    gradio counts every event of the page: while its line is full, nobody can see a take again or
    clear what is kept, and an answer that arrives becomes no take.
    """
    line = app._queue
    push = line.push

    async def push_where_room_is(body: Any, request: Any, username: str | None) -> Any:
        waiting = line.event_queue_per_concurrency_id.get(MODEL["concurrency_id"])
        asked = app.fns.get(body.fn_index)
        wants_encoders = asked is not None and asked.concurrency_id == MODEL["concurrency_id"]
        if wants_encoders and waiting is not None and len(waiting.queue) >= MAX_WAITING:
            return False, FULL.format(waiting=len(waiting.queue)), "queue_full"
        return await push(body, request, username)

    line.push = push_where_room_is  # type: ignore[method-assign]


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
    sent = event.data
    return iter(()) if sent is None else chain(named(sent.data), named(sent.event_data))


def _at_work(line: Queue) -> Iterator[Event]:
    return chain.from_iterable(job for job in line.active_jobs if job is not None)


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
