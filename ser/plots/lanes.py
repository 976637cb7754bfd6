"""What figures over time have in common: their axis, the waveform, the words."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from ser.audio import Waveform
from ser.plots.common import QUIET
from ser.plots.envelope import Envelope, envelope
from ser.prediction import Prediction
from ser.transcript import Word

MAX_COLUMNS = 1200  # more columns than a screen shows only make the page slow
WORDS_RANGE = {"range": [-0.56, 0.56]}  # of the y axis on which the words' boxes stand


def time_range(prediction: Prediction) -> list[float]:
    """From the start to the end of what was analysed, in seconds, with room for outlines."""
    start_s, end_s = prediction.span
    edge_s = 0.005 * (end_s - start_s)
    return [start_s - edge_s, end_s + edge_s]


def time_axis(prediction: Prediction) -> dict:
    """The x axis of a figure over time."""
    return {
        "range": time_range(prediction),
        "title": {"text": "Time in seconds", "standoff": 8, "font": {"size": 13}},
        "zeroline": False,
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
        "spikethickness": 1,
        "spikedash": "solid",
        "spikecolor": QUIET,
    }


def waveform_outline(waveform: Waveform | Envelope, yaxis: str) -> go.Scatter:
    """Highest and lowest sample of each column, as one closed outline."""
    outline = envelope(waveform, MAX_COLUMNS)
    times = outline.times_s
    return go.Scatter(
        x=np.concatenate([times, times[::-1]]).round(4).tolist(),
        y=np.concatenate([outline.highest, outline.lowest[::-1]]).round(4).tolist(),
        yaxis=yaxis,
        fill="toself",
        fillcolor=QUIET,
        line={"width": 1, "color": QUIET},
        mode="lines",
        hoverinfo="skip",
    )


def word_boxes(words: Sequence[Word], yaxis: str) -> go.Bar:
    """One box for each word; `meta` tells who draws the figure to fit the text to the boxes."""
    texts = [escape(word.text, quote=False) for word in words]
    return go.Bar(
        orientation="h",
        base=[round(word.start_s, 3) for word in words],
        x=[round(word.end_s - word.start_s, 3) for word in words],
        y=[0.0] * len(words),
        width=1.0,
        yaxis=yaxis,
        text=texts,
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"size": 11},
        meta="words",
        marker={"color": "rgba(125, 133, 144, 0.14)", "line": {"width": 1, "color": QUIET}},
        customdata=[
            [text, round(word.start_s, 3), round(word.end_s, 3)]
            for text, word in zip(texts, words, strict=True)
        ],
        hovertemplate=(
            "<b>%{customdata[0]}</b><br>%{customdata[1]:.2f} to %{customdata[2]:.2f} s"
            "<extra></extra>"
        ),
    )
