"""Arousal, valence and dominance: the point in the cube, and three numbers."""

from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import figure
from ser import fragments, plots


class Attributes:
    """The cube; `scales` belongs beside it and is placed by the tab."""

    def __init__(self) -> None:
        gr.HTML("<h2>Arousal, valence, dominance</h2>")
        self.cube = figure("cube", "The point in the cube")
        self.scales = gr.HTML(elem_id="scales", render=False)

    def emptied(self) -> dict[Any, Any]:
        """No point."""
        return {self.cube: None, self.scales: ""}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """The point of the answer."""
        prediction = shown.analysis.prediction
        return {
            self.cube: plots.attribute_figure(prediction).to_plotly_json(),
            self.scales: fragments.attribute_scales(prediction),
        }
