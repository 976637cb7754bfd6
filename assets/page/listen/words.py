"""The transcript, to be read and corrected."""

from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.telling import MAX_CHARACTERS
from ser import fragments

ESTIMATED = " The times of words that no recogniser heard are estimated."


class Words:
    """What was said, who wrote it, and the button that analyses other words."""

    def __init__(self) -> None:
        self.transcript = gr.Textbox(
            label="What was said",
            info="Correct the words and analyse again: the sound stays, the text counts anew.",
            max_lines=8,
            max_length=MAX_CHARACTERS,
            elem_id="transcript",
        )
        with gr.Row(elem_classes="revise"):
            self.written_by = gr.HTML(elem_id="written-by")
            self.revise = gr.Button("Analyse with this text", variant="primary", scale=0)

    def emptied(self) -> dict[Any, Any]:
        """No words."""
        return {self.transcript: "", self.written_by: ""}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """The words of the analysis."""
        prediction = shown.prediction
        told = f"Written by {fragments.written_by(prediction)}."
        if prediction.transcript.source == "user":
            told += ESTIMATED
        updates = {self.transcript: prediction.transcript.text}
        return {**updates, self.written_by: fragments.quiet(told)}
