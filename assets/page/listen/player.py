"""What plays the recording: always there, so that every part of the page can be heard."""

from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset


class Player:
    """The browser's copy of the recording, and the line that moves through figures over time."""

    def __init__(self) -> None:
        self.player = gr.HTML(
            html_template='<audio preload="auto"></audio>',
            js_on_load=asset("listen/player.js") + asset("listen/playhead.js"),
            elem_id="player",
        )

    def emptied(self) -> dict[Any, Any]:
        """Nothing to be heard."""
        return {self.player: None}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """The sound that the answer is for."""
        start_s, end_s = shown.prediction.span
        return {self.player: {"sound": shown.copy, "from": start_s, "to": end_s}}
