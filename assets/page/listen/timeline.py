"""The recording over time: heard, gone through, and analysed in parts."""

from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset, figure
from assets.page.telling import check_overlap
from ser import plots
from ser.labels import EMOTION_COLOURS
from ser.overlap import own_spans
from ser.plots.lanes import time_range
from ser.prediction import Prediction
from ser.speech import Sliding

PAUSES, EQUAL = "Along the pauses", "All of one length"


class Timeline:
    """The picture to listen by, and how the recording is cut into windows."""

    def __init__(self) -> None:
        gr.HTML(asset("listen/timeline.html"))
        self.told = gr.HTML(elem_id="timeline-told")
        self.cancel = gr.Button("Cancel", elem_id="cancel-part", scale=0)
        with gr.HTML(
            html_template=asset("listen/score.html"),
            js_on_load=asset("listen/timeline.js"),
            apply_default_css=False,
            elem_id="score",
        ) as self.score:
            self.picture = figure("timeline", "The recording over time")
        with gr.Accordion("Windows", open=False, elem_id="windows"):
            self._windows()

    def _windows(self) -> None:
        gr.HTML(asset("listen/windows.html"))
        self.kind = gr.Radio([PAUSES, EQUAL], value=PAUSES, label="Windows are cut")
        with gr.Row(visible=False) as lengths:
            self.length = gr.Slider(1, 15, 3, step=0.5, label="Length of a window in seconds")
            self.hop = gr.Slider(0.25, 15, 1.5, step=0.25, label="Seconds until the next begins")
        self.again = gr.Button("Analyse with these windows", scale=0)
        self.kind.change(
            None,
            self.kind,
            lengths,
            js=f"(kind) => ({{__type__: 'update', visible: kind === '{EQUAL}'}})",
        )

    @property
    def cut(self) -> list[gr.components.Component]:
        """What `sliding` wants to know."""
        return [self.kind, self.length, self.hop]

    def emptied(self) -> dict[Any, Any]:
        """Nothing to be heard."""
        return {self.score: None, self.picture: None, self.told: ""}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """The picture, and what is told of each window."""
        drawn = plots.timeline_figure(shown.prediction, shown.sound)
        drawn.update_layout(dragmode=False)  # dragging chooses a stretch
        drawn.update_xaxes(fixedrange=True)
        return {
            self.score: described(shown.prediction),
            self.picture: drawn.to_plotly_json(),
            self.told: "",
        }


def sliding(kind: str, length_s: float, hop_s: float) -> Sliding | None:
    """The windows that were chosen, None for those along the pauses. SerError for unfit ones."""
    return None if kind == PAUSES else check_overlap(Sliding(length_s, hop_s))


def part_in_words(prediction: Prediction) -> str:
    """Which stretch an answer is for."""
    start_s, end_s = prediction.span
    return f"This answer is for {start_s:.1f} to {end_s:.1f} s alone"


def described(prediction: Prediction) -> dict[str, Any]:
    """What timeline.js tells, with as few digits as it shows."""
    start_s, end_s = prediction.span
    spans = own_spans(prediction.windows)
    share = f"{prediction.emotion} {prediction.emotions[prediction.emotion]:.0%}"
    return {
        "duration": prediction.duration_s,
        "from": start_s,
        "to": end_s,
        "range": time_range(prediction),
        "part": f"{part_in_words(prediction)}: {share}." if prediction.stretch else None,
        "words": [
            [word.text, round(word.start_s, 2), round(word.end_s, 2)]
            for word in prediction.transcript.words
        ],
        "classes": [[name.capitalize(), EMOTION_COLOURS[name]] for name in prediction.emotions],
        "attributes": [name.capitalize() for name in prediction.attributes],
        "windows": {
            "start": [round(window.start_s, 2) for window in prediction.windows],
            "end": [round(window.end_s, 2) for window in prediction.windows],
            "own_start": [round(start, 3) for start, _ in spans],
            "own_end": [round(end, 3) for _, end in spans],
            "shares": [
                [round(1000 * window.emotions[name]) for name in prediction.emotions]
                for window in prediction.windows
            ],
            "attributes": [
                [round(value, 2) for value in window.attributes.values()]
                for window in prediction.windows
            ],
        },
    }
