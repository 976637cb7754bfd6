"""Every analysis of the visit as a take: listed, shown again, compared, removed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import gradio as gr
from gradio.events import Dependency

from assets.page.listen import comparison
from assets.page.listen.memory import Takes as Kept
from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from assets.page.queue import FORGET_AFTER_S, PRIVATE
from assets.page.telling import FORGOTTEN
from ser import fragments, plots

Updates = dict[Any, Any]
IN_TURN: dict[str, Any] = {
    "trigger_mode": "multiple", "concurrency_limit": 1, "concurrency_id": "takes",
    "show_progress": "hidden", **PRIVATE,
}  # fmt: skip
"""Every change of the takes starts from the one before, and a quick hand's second is not lost."""
PATIENCE_S: Final = 2.0  # for what ends only after its batch; all visits take the same turns


class Takes:
    """List and comparison inside `fold`; `offer` is a button that stands beside the transcript.

    `filled` shows an analysis on the page, `emptied` takes everything off it, as updates;
    `ended` ends what the visit waits for.
    """

    def __init__(
        self,
        fold: gr.Accordion,
        offer: gr.Button,
        filled: Callable[[Shown], Updates],
        emptied: Callable[[], Updates],
        ended: Callable[[gr.Request], Awaitable[object]],
    ) -> None:
        self.fold, self.offer = fold, offer
        self.filled, self.emptied, self.ended = filled, emptied, ended
        self.kept = gr.State(Kept(), time_to_live=FORGET_AFTER_S)
        self.problem = gr.HTML()
        self.list = gr.HTML(js_on_load=asset("listen/takes.js"), elem_id="takes-list")
        self.table = gr.HTML(elem_id="side-by-side")
        self.overlay = figure("overlay", "Takes in the cube")

    def connect(self, shown: gr.State) -> Dependency:
        """Keep what is shown, whoever shows it; the event returned ends when a take is back."""
        own, page = [*self._told(Kept())], [*self.emptied()]
        shown.change(self.see, [shown, self.kept], own, **IN_TURN)
        self.list.edit(self.edit, self.kept, [*own, *page], **IN_TURN)
        self.offer.click(self.compare_with_before, self.kept, own, **IN_TURN).then(
            None, js=asset("listen/reveal_takes.js")
        )
        told = [*page, self.kept, self.problem]
        return self.list.choose(self.choose, self.kept, told, **IN_TURN)

    def see(self, shown: Shown | None, kept: Kept) -> Updates:
        """Something else is on the page."""
        return self._told(kept.seeing(shown, time.time()))

    def choose(self, kept: Kept, event: gr.EventData) -> Updates:
        """Show a take again."""
        take = kept.find(event.number)
        if take is None:
            return {self.problem: fragments.problem(FORGOTTEN)}
        seen = kept.seeing(take.shown, time.time())  # not later: a quick hand may edit before
        return {**self.filled(take.shown), self.kept: seen, self.problem: ""}

    async def edit(self, kept: Kept, event: gr.EventData, request: gr.Request) -> Updates:
        """Tick, rename or remove one take, or clear all; what is removed leaves the page too.

        So does what was on its way there: it would bring the recording back.
        """
        if event.does == "clear":
            await self._end(request)
            return self.emptied() | self._told(Kept(given=kept.given))
        if kept.find(event.number) is None:
            return {**self._told(kept), self.problem: fragments.problem(FORGOTTEN)}
        changed = {
            "tick": lambda: kept.ticking(event.number, bool(event.value)),
            "rename": lambda: kept.renamed(event.number, str(event.value)),
            "remove": lambda: kept.without(event.number),
        }
        left = changed[event.does]()
        if left.current == kept.current:
            return self._told(left)
        await self._end(request)
        return self.emptied() | self._told(left)

    async def _end(self, request: gr.Request) -> None:
        """End what the visit waits for; its answer is lost even where that takes longer."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended(request), PATIENCE_S)

    def compare_with_before(self, kept: Kept) -> Updates:
        """The corrected transcript and the one it corrects."""
        take = kept.find(kept.current)
        if take is None or take.before is None:
            return {**self._told(kept), self.problem: fragments.problem(FORGOTTEN)}
        told = self._told(kept.comparing(take.before, take.number))
        return {**told, self.fold: gr.update(label=_label(kept), open=True, visible=True)}

    def _told(self, kept: Kept) -> Updates:
        """Updates of everything that speaks of the takes."""
        take = kept.find(kept.current)
        corrects = take is not None and kept.find(take.before) is not None
        return {
            self.kept: kept,
            self.fold: gr.update(label=_label(kept), visible=bool(kept.all)),
            self.problem: "",
            self.list: comparison.listed(kept),
            self.table: comparison.side_by_side(kept.compared),
            self.overlay: self._overlay(kept),
            self.offer: gr.update(visible=corrects),
        }

    def _overlay(self, kept: Kept) -> dict[str, Any] | None:
        compared = kept.compared
        if len(compared) < 2:
            return None
        points = [plots.Take(str(take.number), take.shown.prediction) for take in compared]
        return plots.takes_figure(points, compared[0].shown.regions).to_plotly_json()


def _label(kept: Kept) -> str:
    return f"Takes of this visit ({len(kept.all)})"
