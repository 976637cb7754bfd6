"""The answer in one look: headline and distribution."""

from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from ser import fragments, plots


class Result:
    """Headline, runners-up, notes, and the bars of the distribution."""

    def __init__(self) -> None:
        gr.HTML("<h2>Result</h2>")
        self.summary = gr.HTML(asset("listen/invitation.html"), elem_id="summary")
        self.emotions = figure("emotions", "The bars of the distribution")

    def emptied(self, summary: str | None = None) -> dict[Any, Any]:
        """The invitation, or what went wrong."""
        told = asset("listen/invitation.html") if summary is None else summary
        return {self.summary: told, self.emotions: None}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """The answer."""
        prediction = shown.prediction
        return {
            self.summary: fragments.headline(prediction),
            self.emotions: plots.emotion_figure(prediction).to_plotly_json(),
        }
