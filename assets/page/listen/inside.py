"""An encoder's own self-attention, computed when somebody asks for it."""

from typing import Any

import gradio as gr

from assets.page.gpu import with_encoders
from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from assets.page.models import Models
from assets.page.queue import MODEL, PRIVATE
from assets.page.telling import FORGOTTEN, sentence
from ser import fragments, plots
from ser.errors import SerError
from ser.labels import ENCODERS
from ser.plots import ENCODER_NAMES
from ser.self_attention import layer_counts, self_attention


class Inside:
    """A closed part of the page: encoder, layer and window to choose, and their heat map."""

    def __init__(self, models: Models) -> None:
        self.models = models
        with gr.Accordion("Inside an encoder", open=False, elem_id="inside") as self.accordion:
            gr.HTML(asset("listen/inside.html"))
            with gr.Row():
                self.encoder = gr.Radio(
                    [(ENCODER_NAMES[name], name) for name in ENCODERS],
                    value=ENCODERS[0],
                    label="Encoder",
                    elem_id="inside-encoder",
                )
                self.layer = gr.Slider(1, 2, step=1, label="Layer", elem_id="inside-layer")
                self.window = gr.Dropdown(
                    [], label="Window", interactive=True, elem_id="inside-window"
                )
            self.told = gr.HTML(elem_id="inside-told")
            self.heat = figure("self-attention", "Self-attention of an encoder")

    def connect(self, shown: gr.State) -> None:
        """Another encoder begins at its last layer; layer and window stay with their encoder."""
        shows = [self.layer, self.told, self.heat]
        options: dict[str, Any] = {**MODEL, **PRIVATE, "show_progress_on": self.heat}
        gr.on(
            [self.accordion.expand, self.encoder.input],
            self.look_last,
            [shown, self.encoder, self.window],
            shows,
            **options,
        )
        gr.on(
            [self.layer.input, self.window.input],
            self.look,
            [shown, self.encoder, self.window, self.layer],
            shows,
            trigger_mode="always_last",  # of a slider on its way only where it comes to rest
            **options,
        )

    def emptied(self) -> dict[Any, Any]:
        """Closed, so that no picture of another answer is taken for this one's."""
        return {
            self.accordion: gr.update(open=False),
            self.window: gr.Dropdown(choices=[], value=None, visible=False),
            self.told: "",
            self.heat: None,
        }

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """Closed, with the windows of this answer to choose from."""
        windows = [
            (f"{number}: {window.start_s:.1f} to {window.end_s:.1f} s", number - 1)
            for number, window in enumerate(shown.prediction.windows, 1)
        ]
        choice = gr.Dropdown(choices=windows, value=0, visible=len(windows) > 1)
        return {**self.emptied(), self.window: choice}

    def look_last(self, shown: Shown | None, encoder: str, window: int | None) -> dict[Any, Any]:
        """The last layer of an encoder."""
        return self.look(shown, encoder, window, None)

    def look(
        self, shown: Shown | None, encoder: str, window: int | None, layer: int | None
    ) -> dict[Any, Any]:
        """One layer's heat map, or a sentence in its place."""
        try:
            if shown is None:
                raise SerError(FORGOTTEN)
            encoders = self.models.get(shown.model).encoders
            recording = shown.whole().recording
            wanted = (recording, shown.prediction, encoder, layer, window or 0)
            seen = with_encoders(self_attention, encoders, *wanted)
            layers = layer_counts(encoders)[encoder]
            return {
                self.layer: gr.Slider(maximum=layers, value=seen.layer),
                self.told: "",
                self.heat: plots.self_attention_figure(seen).to_plotly_json(),
            }
        except Exception as error:
            return {self.told: fragments.problem(sentence(error)), self.heat: None}
