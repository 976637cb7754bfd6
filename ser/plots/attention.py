"""Waveform, words and attention in lanes over one time axis."""

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from ser.audio import Waveform
from ser.labels import ENCODER_COLOURS, ENCODERS
from ser.looked import TEXT_ENDS, peak, word_at
from ser.plots.common import (
    ENCODER_HEARS,
    ENCODER_NAMES,
    described,
    left_out,
    with_alpha,
)
from ser.plots.envelope import Envelope
from ser.plots.lanes import MAX_COLUMNS, WORDS_RANGE, time_axis, waveform_outline, word_boxes
from ser.prediction import EncoderAttention, Prediction
from ser.transcript import Word

LONE_TOKEN_S = 0.05  # width of a token that belongs to no word

# Lanes of the attention figure from top to bottom: y axis -> (lower, upper) end of its domain.
LANES = {
    "waveform": ("y", (0.86, 1.0)),
    "words": ("y2", (0.71, 0.84)),
    "whisper": ("y3", (0.5, 0.64)),
    "wavlm": ("y4", (0.26, 0.4)),
    "roberta": ("y5", (0.02, 0.16)),
}

_SHARE = "%{y:.2%} of its attention<extra></extra>"

LANE_RANGES: dict[str, dict] = {"waveform": {}, "words": WORDS_RANGE}


def attention_figure(prediction: Prediction, waveform: Waveform | Envelope) -> go.Figure:
    """Waveform, words and the three encoders' attention on one time axis, each in its lane.

    A band behind each curve is the stretch around its highest point.
    """
    words = prediction.transcript.words
    figure = go.Figure(
        [
            waveform_outline(waveform, LANES["waveform"][0]),
            word_boxes(words, LANES["words"][0]),
        ]
    )
    for name in ENCODERS:
        view = prediction.attention.get(name)
        if view is not None and view.tokens is not None:
            figure.add_trace(_token_bars(name, view, words))
        elif view is not None:
            figure.add_trace(_frame_area(name, view))
        figure.add_annotation(_lane_title(name, prediction))
    lanes = {
        f"yaxis{axis[1:]}": {
            "domain": domain,
            "fixedrange": True,
            "visible": False,
            **LANE_RANGES.get(lane, {"rangemode": "tozero"}),
        }
        for lane, (axis, domain) in LANES.items()
    }
    figure.update_layout(
        height=560,
        margin={"l": 10, "r": 10, "t": 8, "b": 44},
        showlegend=False,
        barmode="overlay",
        bargap=0,
        hovermode="x unified",  # wherever the pointer is: the time, the word, all three weights
        hoversubplots="axis",
        xaxis={
            **time_axis(prediction),
            "anchor": "free",
            "position": 0,
            "unifiedhovertitle": {"text": "%{x:.2f} s"},
        },
        shapes=[band for name in ENCODERS for band in _peak_bands(name, prediction)],
        **lanes,
    )
    return described(figure, _peaks_in_words(prediction), over_time=True)


def _frame_area(name: str, view: EncoderAttention) -> go.Scatter:
    times, weights = _columns(np.asarray(view.times_s), np.asarray(view.weights))
    colour = ENCODER_COLOURS[name]
    return go.Scatter(
        x=times,
        y=weights,
        yaxis=LANES[name][0],
        mode="lines",
        fill="tozeroy",
        fillcolor=with_alpha(colour, 0.3),
        line={"width": 2, "color": colour},
        connectgaps=False,
        hovertemplate=f"{ENCODER_NAMES[name]}: {_SHARE}",
    )


def _columns(
    times_s: np.ndarray, weights: np.ndarray
) -> tuple[list[float | None], list[float | None]]:
    """At most MAX_COLUMNS points; weights of one column are added; a pause breaks the line."""
    if len(times_s) == 0:
        return [], []
    starts = np.unique(np.linspace(0, len(times_s), MAX_COLUMNS, endpoint=False).astype(int))
    times_s = np.add.reduceat(times_s, starts) / np.diff(np.append(starts, len(times_s)))
    steps_s = np.diff(times_s, prepend=times_s[0])
    pauses = steps_s > 3 * np.median(steps_s)
    drawn_times: list[float | None] = []
    drawn_weights: list[float | None] = []
    sums = np.add.reduceat(weights, starts)
    for time_s, weight, pause in zip(times_s.tolist(), sums.tolist(), pauses, strict=True):
        if pause:
            drawn_times.append(None)
            drawn_weights.append(None)
        drawn_times.append(time_s)
        drawn_weights.append(weight)
    return drawn_times, drawn_weights


def _token_bars(name: str, view: EncoderAttention, words: Sequence[Word]) -> go.Bar:
    owners = [word_at(time_s, words) for time_s in view.times_s]
    spans = _token_spans(view.times_s, owners, words)
    colour = ENCODER_COLOURS[name]
    return go.Bar(
        x=[(start + end) / 2 for start, end in spans],
        width=[end - start for start, end in spans],
        y=list(view.weights),
        yaxis=LANES[name][0],
        customdata=[
            TEXT_ENDS.get(token, escape(token.strip(), quote=False)) for token in view.tokens or ()
        ],
        marker={"color": with_alpha(colour, 0.55), "line": {"width": 1.5, "color": colour}},
        hovertemplate=f"{ENCODER_NAMES[name]}, <b>%{{customdata}}</b>: {_SHARE}",
    )


def _token_spans(
    times_s: Sequence[float], owners: Sequence[int | None], words: Sequence[Word]
) -> list[tuple[float, float]]:
    """Begin and end of each token: tokens of one word share its stretch, in reading order.

    A token that belongs to no word (<s>, </s>) gets a narrow place outside it.
    """
    ends = {word.end_s for word in words}
    twins = Counter(times_s)
    placed: Counter[float] = Counter()
    spans: list[tuple[float, float]] = []
    for time_s, owner in zip(times_s, owners, strict=True):
        if owner is not None:
            start_s, end_s = words[owner].start_s, words[owner].end_s
        else:
            shift_s = 0.0 if time_s in ends else LONE_TOKEN_S
            start_s, end_s = time_s - shift_s, time_s - shift_s + LONE_TOKEN_S
        step_s = (end_s - start_s) / twins[time_s]
        begin_s = start_s + placed[time_s] * step_s
        spans.append((begin_s, begin_s + step_s))
        placed[time_s] += 1
    return spans


def _peak_bands(name: str, prediction: Prediction) -> list[dict]:
    """What counts as the peak of an encoder, from top to bottom of its lane; or nothing."""
    found = peak(prediction, name)
    if found is None:
        return []
    axis, _ = LANES[name]
    band = {"type": "rect", "xref": "x", "x0": found.start_s, "x1": found.end_s}
    edge = {"width": 1, "dash": "dot", "color": ENCODER_COLOURS[name]}
    lane = {"yref": f"{axis} domain", "y0": 0, "y1": 1, "layer": "below"}
    return [{**band, **lane, "fillcolor": with_alpha(ENCODER_COLOURS[name], 0.1), "line": edge}]


def _lane_title(name: str, prediction: Prediction) -> dict:
    _, (_, top) = LANES[name]
    told = ", left out of this answer" if left_out(prediction, name) else ""
    return {
        "text": f"<b>{ENCODER_NAMES[name]}</b> {ENCODER_HEARS[name]}{told}",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top + 0.005,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }


def _peaks_in_words(prediction: Prediction) -> str:
    parts = []
    for name in ENCODERS:
        found = peak(prediction, name)
        if found is None:
            told = "was left out" if left_out(prediction, name) else "looked at no word"
            parts.append(f"{ENCODER_NAMES[name]} {told}")
            continue
        said = f' ("{found.words}")' if found.words else ""
        stretch = f"{found.start_s:.2f} to {found.end_s:.2f} s"
        parts.append(f"{ENCODER_NAMES[name]} looked most at {stretch}{said}")
    return "Attention over time: " + "; ".join(parts) + "."
