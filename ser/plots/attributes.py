"""Valence, arousal and dominance as a point in a cube."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from ser.labels import (
    ATTRIBUTE_ENDS,
    ATTRIBUTE_MAX,
    ATTRIBUTE_MIDDLE,
    ATTRIBUTE_MIN,
    EMOTION_COLOURS,
)
from ser.plots.common import AXES, QUIET, described
from ser.plots.region_shapes import label, region_names, solid_regions
from ser.prediction import Prediction
from ser.regions import Region

CAMERA_EYE = {"x": 1.45, "y": -1.75, "z": 0.75}  # `RIGHT` of the regions' names follows it


def attribute_figure(prediction: Prediction, regions: Sequence[Region] = ()) -> go.Figure:
    """Valence, arousal and dominance (x, y, z; 1..7) as a point in a cube, with its shadows."""
    point = tuple(prediction.attributes[name] for name in AXES)
    marks = [_drop_lines(point), _shadows(point), _point(prediction)]
    figure = go.Figure([*solid_regions(regions), *marks])
    near_top = point[1] > ATTRIBUTE_MIDDLE and point[2] > ATTRIBUTE_MIDDLE
    name = point_label(prediction.emotion.capitalize(), point, -1 if near_top else 1)
    figure.update_layout(cube_layout(labels=[name], regions=regions))
    narrow = cube_layout(narrow=True, labels=[name], regions=regions)
    spoken = ", ".join(
        f"{name} {prediction.attributes[name]:.2f} ({low} 1 to {high} 7)"
        for name, (low, high) in ATTRIBUTE_ENDS.items()
    )
    return described(figure, f"A point in a cube: {spoken}.", narrow)


def cube_layout(
    narrow: bool = False, labels: Sequence[dict] = (), regions: Sequence[Region] = ()
) -> dict:
    """The layout of every figure in the cube: on a phone only height and scene differ."""
    annotations = [*region_names(regions, narrow), *labels]
    if narrow:
        scene = _scene(distance=1.32, narrow=True)
        return {"height": 300, "scene": {**scene, "annotations": annotations}}
    return {
        "height": 450,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "showlegend": False,
        "uirevision": "attributes",  # one value for ever: the viewer's camera stays
        "scene": {**_scene(distance=0.94), "annotations": annotations},
    }


def point_label(text: str, point: Sequence[float], above: int) -> dict:
    """A bold name above (1) or below (-1) a point."""
    bold = f"<b>{escape(text, quote=False)}</b>"
    return {**label(bold, point), "yshift": 18 * above, "font": {"size": 14}}


def _scene(distance: float, narrow: bool = False) -> dict:
    eye = {axis: distance * place for axis, place in CAMERA_EYE.items()}
    return {
        "xaxis": _scale("valence", narrow),
        "yaxis": _scale("arousal", narrow),
        "zaxis": _scale("dominance", narrow),
        "aspectmode": "cube",
        "dragmode": "turntable",
        "camera": {"eye": eye, "center": {"x": 0.0, "y": 0.0, "z": -0.15}},
    }


def _scale(name: str, narrow: bool) -> dict:
    end = "" if narrow else f" ({ATTRIBUTE_MAX:g} = {ATTRIBUTE_ENDS[name][1]})"
    return {
        "title": {"text": name.capitalize() + end, "font": {"size": 12 if narrow else 14}},
        "tickfont": {"size": 10 if narrow else 12},
        "range": [ATTRIBUTE_MIN, ATTRIBUTE_MAX],
        "tickvals": list(range(int(ATTRIBUTE_MIN), int(ATTRIBUTE_MAX) + 1)),
        "showspikes": False,
        "showline": True,
        "mirror": True,
        "linewidth": 2,
        "linecolor": QUIET,
    }


def _drop_lines(point: tuple[float, ...]) -> go.Scatter3d:
    path: list[tuple[float | None, ...]] = []
    for foot in _feet(point):
        path += [point, foot, (None, None, None)]
    x, y, z = zip(*path, strict=True)
    return go.Scatter3d(
        x=x, y=y, z=z, mode="lines", hoverinfo="skip", line={"color": QUIET, "width": 3}
    )


def _feet(point: tuple[float, ...]) -> list[tuple[float, ...]]:
    """The point's shadows on floor and back walls, as the first camera sees them."""
    x, y, z = point
    return [(x, y, ATTRIBUTE_MIN), (x, ATTRIBUTE_MAX, z), (ATTRIBUTE_MIN, y, z)]


def _shadows(point: tuple[float, ...]) -> go.Scatter3d:
    x, y, z = zip(*_feet(point), strict=True)
    return go.Scatter3d(
        x=x, y=y, z=z, mode="markers", hoverinfo="skip", marker={"size": 4, "color": QUIET}
    )


def _point(prediction: Prediction) -> go.Scatter3d:
    valence, arousal, dominance = (
        prediction.attributes[name] for name in ("valence", "arousal", "dominance")
    )
    return go.Scatter3d(
        x=[valence],
        y=[arousal],
        z=[dominance],
        mode="markers",
        marker={"size": 9, "color": EMOTION_COLOURS[prediction.emotion]},
        hovertemplate=("Valence %{x:.2f}<br>Arousal %{y:.2f}<br>Dominance %{z:.2f}<extra></extra>"),
    )
