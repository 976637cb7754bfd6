"""What each encoder attended to, and how much of the answer it brought."""

from typing import Any

import gradio as gr

from assets.page.listen.inside import Inside
from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from assets.page.models import Models
from ser import fragments, plots


class Attention:
    """Shares of the encoders, their attention over time and over the words, and a look inside."""

    def __init__(self, models: Models) -> None:
        gr.HTML(asset("listen/attention.html"))
        play = asset("listen/attention.js")
        self.shares = gr.HTML(elem_id="shares", js_on_load=play)
        self.attention = figure("attention", "Attention over time")
        self.words = gr.HTML(elem_id="weighed-words", js_on_load=play)
        self.inside = Inside(models)

    def connect(self, shown: gr.State) -> None:
        """Look inside an encoder when somebody asks for it."""
        self.inside.connect(shown)

    def emptied(self) -> dict[Any, Any]:
        """Nothing heard."""
        nothing = {self.shares: "", self.attention: None, self.words: ""}
        return nothing | self.inside.emptied()

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """Shares, curves and words."""
        prediction = shown.prediction
        words = fragments.weighed_words(prediction)
        return {
            self.shares: fragments.encoder_cards(prediction),
            self.attention: plots.attention_figure(prediction, shown.sound).to_plotly_json(),
            self.words: asset("listen/weighed.html") + words if words else "",
        } | self.inside.filled(shown)
