"""Arousal, valence and dominance: three numbers, the point in the cube, its path, its sides."""

from html import escape
from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from ser import fragments, plots

PATH = "The line is the way through the recording, window by window, coloured by time."


class Attributes:
    """Three scales, the cube beside them, its sides below."""

    def __init__(self) -> None:
        with gr.Row():
            with gr.Column(scale=2, min_width=260):
                self.scales = gr.HTML(elem_id="scales")
                self.regions = gr.HTML(js_on_load=asset("listen/regions.js"), elem_id="regions")
            with gr.Column(scale=3, min_width=300):
                self.cube = figure("cube", "The point in the cube")
        with gr.Accordion("The cube from its three sides", open=False, elem_id="three-sides"):
            self.sides = figure("sides", "The cube from its three sides")

    def emptied(self) -> dict[Any, Any]:
        """No point."""
        return {self.regions: "", self.cube: None, self.sides: None, self.scales: ""}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """The point of the answer, or the path of a recording with several windows."""
        prediction = shown.prediction
        moves = len(prediction.windows) > 1
        cube = plots.path_figure if moves else plots.attribute_figure
        take = plots.Take(prediction.emotion.capitalize(), prediction)
        return {
            self.regions: (fragments.quiet(PATH) if moves else "") + _choice(shown),
            self.cube: cube(prediction, shown.regions).to_plotly_json(),
            self.sides: plots.projections_figure([take], shown.regions).to_plotly_json(),
            self.scales: fragments.attribute_scales(prediction),
        }


def _choice(shown: Shown) -> str:
    """The box that shows the regions, and what they are; nothing where a bundle has none."""
    if not shown.regions:
        return ""
    told = shown.regions_from or f"the recordings that {shown.model} was tested with"
    return (
        '<label class="tick"><input type="checkbox" aria-describedby="about-regions"> '
        "Show where the emotions lie</label>"
        '<p class="quiet" id="about-regions">Each cloud is one emotion: where the model\'s own '
        f"answers lay for {escape(told)}, as their mean and one standard deviation.</p>"
    )
