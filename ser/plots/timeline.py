"""The recording over time: waveform, words, a ribbon of emotions, curves of the attributes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import plotly.graph_objects as go

from ser.audio import Waveform
from ser.labels import (
    ATTRIBUTE_COLOURS,
    ATTRIBUTE_ENDS,
    ATTRIBUTE_MAX,
    ATTRIBUTE_MIN,
    ATTRIBUTES,
    EMOTION_COLOURS,
)
from ser.overlap import own_spans
from ser.plots.common import described, with_alpha
from ser.plots.envelope import Envelope
from ser.plots.lanes import (
    MAX_COLUMNS,
    WORDS_RANGE,
    time_axis,
    time_range,
    waveform_outline,
    word_boxes,
)
from ser.prediction import Prediction, WindowPrediction

GAP_S = 1e-3  # windows further apart than this have a pause between them
LABEL_SHARE = 0.1  # of the axis: a shorter run of one emotion has no room for its name
DASHES = {"arousal": "solid", "valence": "dash", "dominance": "dot"}

# Lanes of the timeline from top to bottom: y axis -> (lower, upper) end of its domain.
LANES = {
    "waveform": ("y", (0.86, 1.0)),
    "words": ("y2", (0.75, 0.84)),
    "emotions": ("y3", (0.42, 0.71)),
    "attributes": ("y4", (0.0, 0.37)),
}


def timeline_figure(prediction: Prediction, waveform: Waveform | Envelope) -> go.Figure:
    """Waveform, words, emotions and attributes on one time axis, each in its lane.

    The transparent bars of the ribbon carry in `customdata` where each window starts and ends.
    """
    axis = {lane: name for lane, (name, _) in LANES.items()}
    figure = go.Figure(
        [
            waveform_outline(waveform, axis["waveform"]),
            word_boxes(prediction.transcript.words, axis["words"]),
            *_ribbon(prediction, axis["emotions"]),
            *_curves(prediction, axis["attributes"]),
        ]
    )
    figure.data[0].showlegend = figure.data[1].showlegend = False
    scales: dict[str, dict] = {
        "waveform": {"visible": False},
        "words": {"visible": False, **WORDS_RANGE},
        "emotions": _SHARES,
        "attributes": _ATTRIBUTES,
    }
    figure.update_layout(
        height=620,
        **_frame(prediction),
        **{
            f"yaxis{name[1:]}": {"domain": domain, "fixedrange": True, **scales[lane]}
            for lane, (name, domain) in LANES.items()
        },
    )
    figure.update_xaxes(anchor="free", position=0)
    told = f"{_runs_in_words(prediction)} {_ranges_in_words(prediction)}"
    return described(figure, told, over_time=True)


def ribbon_figure(prediction: Prediction) -> go.Figure:
    """The distribution over the classes of each window, over time."""
    figure = go.Figure(_ribbon(prediction, "y"))
    figure.update_layout(height=240, yaxis=_SHARES, **_frame(prediction))
    return described(figure, _runs_in_words(prediction), over_time=True)


def attribute_curves_figure(prediction: Prediction) -> go.Figure:
    """Arousal, valence and dominance (1..7) of each window, over time."""
    figure = go.Figure(_curves(prediction, "y"))
    figure.update_layout(height=260, yaxis=_ATTRIBUTES, **_frame(prediction))
    return described(figure, _ranges_in_words(prediction), over_time=True)


_SHARES = {"range": [0, 1], "tickvals": [0, 0.5, 1], "tickformat": ".0%", "fixedrange": True}
_ATTRIBUTES = {
    "range": [ATTRIBUTE_MIN - 0.2, ATTRIBUTE_MAX + 0.2],
    "tickvals": [1, 4, 7],
    "fixedrange": True,
    "zeroline": False,
}


def _frame(prediction: Prediction) -> dict:
    return {
        "margin": {"l": 44, "r": 10, "t": 8, "b": 44},
        "barmode": "overlay",
        "bargap": 0,
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": -0.14, "yanchor": "top", "traceorder": "normal"},
        "xaxis": time_axis(prediction),
    }


def _ribbon(prediction: Prediction, yaxis: str) -> list[go.Scatter | go.Bar]:
    """Stacked areas, a name on each long run of one emotion, and what the pointer finds."""
    windows = _columns(prediction.windows)
    spans = own_spans(windows)
    steps = list(_steps(spans))
    areas = [
        go.Scatter(
            x=[round(time_s, 3) for time_s, _ in steps],
            y=[0.0 if index is None else round(windows[index].emotions[name], 4)
               for _, index in steps],
            yaxis=yaxis,
            name=name.capitalize(),
            legendgroup=name,
            stackgroup="emotions",
            mode="lines",
            line={"shape": "hv", "width": 0, "color": EMOTION_COLOURS[name]},
            fillcolor=with_alpha(EMOTION_COLOURS[name], 0.8),
            hoverinfo="skip",
        )
        for name in prediction.emotions
    ]  # fmt: skip
    return [*areas, _sensors(windows, spans, yaxis), _run_names(prediction, yaxis)]


def _columns(windows: Sequence[WindowPrediction]) -> list[WindowPrediction]:
    """As they are, or where they are many, neighbours joined to what a screen can show."""
    together = math.ceil(len(windows) / MAX_COLUMNS)
    if together <= 1:
        return list(windows)
    joined: list[WindowPrediction] = []
    group: list[WindowPrediction] = []
    for window in windows:
        if group and (len(group) == together or window.start_s > group[-1].end_s + GAP_S):
            joined.append(_joined(group))
            group = []
        group.append(window)
    return [*joined, _joined(group)]


def _joined(group: Sequence[WindowPrediction]) -> WindowPrediction:
    """Neighbours as one: the mean of their answers, weighted by their speech."""
    total_s = sum(window.speech_s for window in group)
    shares = [window.speech_s / total_s for window in group]

    def mean(answers: Sequence[dict[str, float]]) -> dict[str, float]:
        return {
            name: sum(share * one[name] for share, one in zip(shares, answers, strict=True))
            for name in answers[0]
        }

    return replace(
        group[0],
        end_s=group[-1].end_s,
        speech_s=total_s,
        emotions=mean([window.emotions for window in group]),
        attributes=mean([window.attributes for window in group]),
    )


def _steps(spans: Sequence[tuple[float, float]]) -> Iterator[tuple[float, int | None]]:
    """Where a window begins to speak, and where a pause begins (None)."""
    for index, (start_s, end_s) in enumerate(spans):
        yield start_s, index
        if index + 1 == len(spans) or spans[index + 1][0] > end_s + GAP_S:
            yield end_s, None


def _sensors(
    windows: Sequence[WindowPrediction], spans: Sequence[tuple[float, float]], yaxis: str
) -> go.Bar:
    """Transparent bars that tell a window's answer to the pointer, and its times to the page."""
    return go.Bar(
        x=[round((start_s + end_s) / 2, 3) for start_s, end_s in spans],
        width=[round(end_s - start_s, 3) for start_s, end_s in spans],
        y=[1.0] * len(spans),
        yaxis=yaxis,
        meta="windows",
        showlegend=False,
        marker={"color": "rgba(0, 0, 0, 0)", "line": {"width": 0}},
        customdata=[
            [round(window.start_s, 3), round(window.end_s, 3), _top(window)] for window in windows
        ],
        hovertemplate=(
            "%{customdata[0]:.1f} to %{customdata[1]:.1f} s<br>%{customdata[2]}<extra></extra>"
        ),
    )


def _top(window: WindowPrediction, count: int = 3) -> str:
    ranked = sorted(window.emotions.items(), key=lambda item: -item[1])[:count]
    return "<br>".join(f"{name.capitalize()} {share:.0%}" for name, share in ranked)


def runs(prediction: Prediction) -> list[tuple[str, float, float]]:
    """Successive windows of the same most probable class as one: class, start and end in s."""
    found = zip(prediction.windows, own_spans(prediction.windows), strict=True)
    grouped = groupby(found, key=lambda item: item[0].emotion)
    spans = [(emotion, [span for _, span in items]) for emotion, items in grouped]
    return [(emotion, items[0][0], items[-1][1]) for emotion, items in spans]


def _run_names(prediction: Prediction, yaxis: str) -> go.Scatter:
    first_s, last_s = time_range(prediction)
    named = [run for run in runs(prediction) if run[2] - run[1] >= LABEL_SHARE * (last_s - first_s)]
    return go.Scatter(
        x=[(start_s + end_s) / 2 for _, start_s, end_s in named],
        y=[0.5] * len(named),
        yaxis=yaxis,
        mode="text",
        text=[f"<b>{emotion.capitalize()}</b>" for emotion, _, _ in named],
        textfont={"color": "#ffffff", "shadow": "0 0 3px #000, 0 0 2px #000"},
        showlegend=False,
        hoverinfo="skip",
    )


def _curves(prediction: Prediction, yaxis: str) -> list[go.Scatter]:
    windows = _columns(prediction.windows)
    return [
        go.Scatter(
            **dict(zip(("x", "y"), _curve(windows, name), strict=True)),
            yaxis=yaxis,
            name=f"{name.capitalize()} (1 {low}, 7 {high})",
            mode="lines",
            line={"width": 2.5, "dash": DASHES[name], "color": ATTRIBUTE_COLOURS[name]},
            connectgaps=False,
            hovertemplate=f"{name.capitalize()} %{{y:.2f}} at %{{x:.1f}} s<extra></extra>",
        )
        for name, (low, high) in ATTRIBUTE_ENDS.items()
    ]


def _curve(
    windows: Sequence[WindowPrediction], name: str
) -> tuple[list[float | None], list[float | None]]:
    """A point in the middle of each window, held to the ends of each run; pauses break it."""
    spans = own_spans(windows)
    times: list[float | None] = []
    values: list[float | None] = []
    for index, (window, (start_s, end_s)) in enumerate(zip(windows, spans, strict=True)):
        value = round(window.attributes[name], 3)
        opens = index == 0 or start_s > spans[index - 1][1] + GAP_S
        closes = index + 1 == len(spans) or spans[index + 1][0] > end_s + GAP_S
        points = [start_s] * opens + [(start_s + end_s) / 2] + [end_s] * closes
        times += [*(round(point, 3) for point in points), *[None] * closes]
        values += [*[value] * len(points), *[None] * closes]
    return times[:-1], values[:-1]


def _runs_in_words(prediction: Prediction) -> str:
    """The course of the most probable emotion, shortened where it changes often."""
    told = [f"{e} from {start_s:.1f} to {end_s:.1f} s" for e, start_s, end_s in runs(prediction)]
    more = f" and {len(told) - 12} more changes" if len(told) > 12 else ""
    return f"Most likely emotion over time: {', '.join(told[:12])}{more}."


def _ranges_in_words(prediction: Prediction) -> str:
    told = []
    for name in ATTRIBUTES:
        values = [window.attributes[name] for window in prediction.windows]
        steps = sum(abs(b - a) > 0.5 for a, b in pairwise(values))
        told.append(f"{name} {min(values):.2f} to {max(values):.2f}, {steps} jumps above 0.5")
    return f"Attributes over time: {'; '.join(told)}."
