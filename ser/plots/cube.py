"""Several points in the cube: the path through time, takes side by side, regions of the emotions.

Axes are x valence, y arousal, z dominance, as in `attribute_figure`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations

import numpy as np
import plotly.graph_objects as go

from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, EMOTION_COLOURS
from ser.plots.attributes import cube_layout, point_label
from ser.plots.common import AXES, QUIET, described
from ser.plots.region_shapes import flat_region, solid_regions
from ser.prediction import Prediction, WindowPrediction
from ser.regions import Region

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "circle-open", "square-open")
TIME_COLOURS = "Viridis"
POINT_HOVER = "Valence %{x:.2f}<br>Arousal %{y:.2f}<br>Dominance %{z:.2f}<extra></extra>"


@dataclass(frozen=True)
class Take:
    """An answer with the name it goes by."""

    name: str
    prediction: Prediction


def path_figure(prediction: Prediction, regions: Sequence[Region] = ()) -> go.Figure:
    """The way of a recording through the cube, window by window, coloured by time."""
    points = _points(prediction.windows)
    times = [(window.start_s + window.end_s) / 2 for window in prediction.windows]
    path = go.Scatter3d(
        **_xyz(points),
        mode="lines+markers",
        name="Path",
        marker={
            "size": 5,
            "color": times,
            "colorscale": TIME_COLOURS,
            "colorbar": {"title": {"text": "s"}, "thickness": 12, "len": 0.6},
        },
        line={"width": 4, "color": times, "colorscale": TIME_COLOURS},
        customdata=[
            [window.start_s, window.end_s, window.emotion] for window in prediction.windows
        ],
        hovertemplate=(
            "%{customdata[0]:.1f} to %{customdata[1]:.1f} s: %{customdata[2]}<br>" + POINT_HOVER
        ),
    )
    ends = points[[0, -1]] if len(points) > 1 else points
    labels = [
        point_label(name, end, above)
        for name, end, above in zip(("Start", "End"), ends.tolist(), (1, -1), strict=False)
    ]
    travelled = "; ".join(
        f"{axis} from {points[0, i]:.2f} to {points[-1, i]:.2f}" for i, axis in enumerate(AXES)
    )
    return _cube(
        [*solid_regions(regions), path],
        labels,
        regions,
        f"A path of {len(points)} points in a cube, coloured by time: {travelled}.",
    )


def takes_figure(takes: Sequence[Take], regions: Sequence[Region] = ()) -> go.Figure:
    """Several answers in one cube, each under its name, in its emotion's colour."""
    marks = [
        go.Scatter3d(
            **_xyz(_points([take.prediction])),
            mode="markers",
            name=escape(take.name, quote=False),
            marker={
                "size": 8,
                "symbol": SYMBOLS[index % len(SYMBOLS)],
                "color": EMOTION_COLOURS[take.prediction.emotion],
            },
            hovertemplate=(
                f"{escape(take.name, quote=False)}: {take.prediction.emotion}<br>{POINT_HOVER}"
            ),
        )
        for index, take in enumerate(takes)
    ]
    points = _points([take.prediction for take in takes]).tolist()
    labels = [  # above and below in turn, because answers may lie close together
        point_label(take.name, point, -1 if index % 2 else 1)
        for index, (take, point) in enumerate(zip(takes, points, strict=True))
    ]
    return _cube(
        [*solid_regions(regions), *marks], labels, regions, f"Takes in a cube: {_in_words(takes)}."
    )


def projections_figure(takes: Sequence[Take], regions: Sequence[Region] = ()) -> go.Figure:
    """The cube seen from its three sides. A single long take shows its windows' path too."""
    figure = go.Figure()
    for panel, (across, up) in enumerate(combinations(AXES, 2)):
        number = "" if panel == 0 else str(panel + 1)
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        place = {**axes, "showlegend": False}
        named = {**axes, "showlegend": panel == 0}
        figure.add_traces([flat_region(region, across, up, named) for region in regions])
        if len(takes) == 1 and len(takes[0].prediction.windows) > 1:
            figure.add_trace(_flat_path(takes[0].prediction.windows, across, up, place))
        figure.add_trace(_flat_points(takes, across, up, place))
        left = panel * 0.36
        figure.update_layout(
            {
                f"xaxis{number}": {
                    **_flat_axis(across),
                    "domain": [left, left + 0.28],
                    "anchor": f"y{number}",
                },
                f"yaxis{number}": {**_flat_axis(up), "anchor": f"x{number}"},
            }
        )
    figure.update_layout(
        height=360,
        margin={"l": 44, "r": 10, "t": 10, "b": 44},
        hovermode="closest",
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
    )
    stacked = {
        f"{kind}axis{number}": {"domain": domain}
        for number, low in (("", 0.72), ("2", 0.36), ("3", 0.0))
        for kind, domain in (("x", [0.0, 1.0]), ("y", [low, low + 0.28]))
    }
    legend = {"orientation": "h", "y": -0.06, "yanchor": "top"}
    narrow = {"height": 960, "legend": legend, **_merged(figure, stacked)}
    return described(figure, f"Three sides of the cube: {_in_words(takes)}.", narrow)


def _cube(
    traces: Sequence[go.Scatter3d | go.Mesh3d],
    labels: Sequence[dict],
    regions: Sequence[Region],
    description: str,
) -> go.Figure:
    figure = go.Figure(list(traces)).update_layout(cube_layout(labels=labels, regions=regions))
    return described(figure, description, cube_layout(True, labels, regions))


def _points(answers: Sequence[Prediction | WindowPrediction]) -> np.ndarray:
    """[N, 3] in the order of AXES."""
    return np.array([[answer.attributes[axis] for axis in AXES] for answer in answers])


def _xyz(points: np.ndarray) -> dict[str, list[float]]:
    return dict(zip("xyz", points.T.tolist(), strict=True))


def _flat_path(
    windows: Sequence[WindowPrediction], across: str, up: str, place: dict
) -> go.Scatter:
    times = [(window.start_s + window.end_s) / 2 for window in windows]
    return go.Scatter(
        x=[window.attributes[across] for window in windows],
        y=[window.attributes[up] for window in windows],
        mode="lines+markers",
        line={"width": 1, "color": QUIET},
        marker={"size": 5, "color": times, "colorscale": TIME_COLOURS},
        customdata=times,
        hovertemplate="%{customdata:.1f} s: %{x:.2f}, %{y:.2f}<extra></extra>",
        **place,
    )


def _flat_points(takes: Sequence[Take], across: str, up: str, place: dict) -> go.Scatter:
    return go.Scatter(
        x=[take.prediction.attributes[across] for take in takes],
        y=[take.prediction.attributes[up] for take in takes],
        mode="markers+text",
        text=[f"<b>{escape(take.name, quote=False)}</b>" for take in takes],
        textposition=[_beside(take.prediction.attributes[across]) for take in takes],
        cliponaxis=False,
        marker={
            "size": 11,
            "color": [EMOTION_COLOURS[take.prediction.emotion] for take in takes],
            "symbol": [SYMBOLS[index % len(SYMBOLS)] for index in range(len(takes))],
        },
        customdata=[take.prediction.emotion.capitalize() for take in takes],
        hovertemplate="%{customdata}: %{x:.2f}, %{y:.2f}<extra></extra>",
        **place,
    )


def _beside(value: float) -> str:
    """Where a name has room: towards the middle of the axis from either end of it."""
    if value > ATTRIBUTE_MAX - 1.5:
        return "top left"
    return "top right" if value < ATTRIBUTE_MIN + 1.5 else "top center"


def _flat_axis(name: str) -> dict:
    return {
        "title": {"text": name.capitalize(), "standoff": 6},
        "range": [ATTRIBUTE_MIN, ATTRIBUTE_MAX],
        "tickvals": list(range(int(ATTRIBUTE_MIN), int(ATTRIBUTE_MAX) + 1)),
        "zeroline": False,
        "fixedrange": True,
    }


def _merged(figure: go.Figure, changes: dict[str, dict]) -> dict[str, dict]:
    """Whole axes with some of their entries changed: a phone's layout replaces an axis as one."""
    return {
        axis: {**figure.layout[axis].to_plotly_json(), **change} for axis, change in changes.items()
    }


def _in_words(takes: Sequence[Take]) -> str:
    return "; ".join(
        f"{take.name}, {take.prediction.emotion}, "
        + ", ".join(f"{axis} {take.prediction.attributes[axis]:.2f}" for axis in AXES)
        for take in takes
    )
