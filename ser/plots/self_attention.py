"""Which frame, or token, of an encoder looks at which, as a heat map."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from ser.looked import TEXT_ENDS
from ser.plots.common import ENCODER_NAMES, described
from ser.self_attention import SelfAttention

MAX_CELLS = 240  # a side: more are not seen, and make the page slow
COLOURS = "Viridis"
BRIGHTEST = 0.995  # of the cells are darker than the brightest colour: a few would hide all others


def self_attention_figure(attention: SelfAttention) -> go.Figure:
    """The looking frame upwards, the frame looked at across; both axes in seconds, or tokens.

    Neighbouring frames share a cell where there are many: what they look at is averaged, what is
    seen of them is added up.
    """
    cells, times = _coarse(attention.weights, np.asarray(attention.times_s))
    across: dict = {"title": {"text": "looks at, seconds"}}
    upwards: dict = {"title": {"text": "from, seconds"}}
    hover = "%{y:.2f} s looks at %{x:.2f} s: %{z:.1%}<extra></extra>"
    places: list = times.tolist()
    if attention.tokens is not None:
        cells, places = attention.weights, list(range(len(attention.tokens)))
        labels = [
            TEXT_ENDS.get(token, escape(token.strip(), quote=False)) for token in attention.tokens
        ]
        ticks = {"tickvals": places, "ticktext": labels, "tickangle": 0}
        across = {**across, **ticks, "title": {"text": "looks at"}, "tickangle": -60}
        upwards = {**upwards, **ticks, "title": {"text": "from"}}
        hover = "%{customdata}: %{z:.1%}<extra></extra>"
    heat = go.Heatmap(
        x=places,
        y=places,
        z=np.round(cells.astype(float), 5).tolist(),
        colorscale=COLOURS,
        zmin=0,
        zmax=max(1e-6, round(float(np.quantile(cells, BRIGHTEST)), 5)),
        colorbar={"tickformat": ".0%", "thickness": 12},
        hovertemplate=hover,
    )
    if attention.tokens is not None:
        heat.customdata = [[f"{row} looks at {column}" for column in labels] for row in labels]
    figure = go.Figure(heat)
    figure.update_layout(
        height=460,
        margin={"l": 60, "r": 10, "t": 10, "b": 60},
        xaxis=across,
        yaxis={**upwards, "autorange": "reversed"},
    )
    return described(figure, _in_words(attention), {"height": 340})


def _coarse(weights: np.ndarray, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most MAX_CELLS a side: the mean over rows of the sums over columns."""
    count = len(times_s)
    starts = np.unique(np.linspace(0, count, min(count, MAX_CELLS), endpoint=False).astype(int))
    sizes = np.diff(np.append(starts, count))
    summed = np.add.reduceat(np.add.reduceat(weights, starts, axis=1), starts, axis=0)
    return summed / sizes[:, None], np.add.reduceat(times_s, starts) / sizes


def _in_words(attention: SelfAttention) -> str:
    distance = np.abs(np.subtract.outer(np.asarray(attention.times_s), attention.times_s))
    far = float((attention.weights * distance).sum() / max(1e-9, attention.weights.sum()))
    return (
        f"Self-attention of {ENCODER_NAMES[attention.encoder]}, layer {attention.layer} of "
        f"{attention.layers}, mean of its heads: on average it looks {far:.2f} s away."
    )
