"""What the figures share."""

import plotly.graph_objects as go

from ser.prediction import Prediction

ENCODER_NAMES = {"whisper": "Whisper", "wavlm": "WavLM", "roberta": "RoBERTa"}
ENCODER_HEARS = {
    "whisper": "the sounds of speech",
    "wavlm": "the voice",
    "roberta": "the words",
}
AXES = ("valence", "arousal", "dominance")  # x, y, z of the cube
QUIET = "#7d8590"  # at least 3:1 on white and on near-black


def left_out(prediction: Prediction, encoder: str) -> bool:
    """Whether an encoder had nothing to look at, as the text encoder without words."""
    return encoder not in prediction.attention or not prediction.attention[encoder].weights


def described(
    figure: go.Figure, description: str, narrow: dict | None = None, over_time: bool = False
) -> go.Figure:
    """Without plotly's own colours, with what the drawer needs beside the figure.

    `over_time`: the x axis is the recording's time, so a page can show there what is being played.
    """
    meta = {"description": description, "narrow": narrow or {}, "time": over_time}
    return figure.update_layout(template=go.layout.Template(), meta=meta)


def with_alpha(colour: str, alpha: float) -> str:
    """A colour "#rrggbb" that lets `1 - alpha` of its background through."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"
