"""What each encoder attended to, and how much of the answer it brought."""

from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from ser import fragments, plots


class Attention:
    """Shares of the encoders and their attention over time."""

    def __init__(self) -> None:
        gr.HTML(asset("listen/attention.html"))
        self.shares = gr.HTML(elem_id="shares")
        self.attention = figure("attention", "Attention over time")

    def emptied(self) -> dict[Any, Any]:
        """Nothing heard."""
        return {self.shares: "", self.attention: None}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """Shares and curves."""
        prediction, waveform = shown.analysis.prediction, shown.analysis.waveform
        return {
            self.shares: fragments.encoder_shares(prediction),
            self.attention: plots.attention_figure(prediction, waveform).to_plotly_json(),
        }
