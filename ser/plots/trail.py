"""The last seconds of a live voice: a path in the cube that fades behind it."""

from collections.abc import Sequence

import plotly.graph_objects as go

from ser.labels import ATTRIBUTE_MIDDLE, EMOTION_COLOURS
from ser.live import Update
from ser.plots.attributes import cube_layout
from ser.plots.common import AXES, described, with_alpha

TRAIL_S = 20.0  # older answers are no longer drawn
PALEST = 0.12  # of the oldest that is drawn
PATH_COLOUR = "#7d8590"

Place = tuple[float | None, ...]  # in the order of AXES; None ends a line


def trail_figure(updates: Sequence[Update]) -> go.Figure:
    """The newest answer under its name, and those of `TRAIL_S` before it, paler the older.

    Where nobody spoke the path is interrupted; while nobody speaks no point is named.
    """
    now_s = updates[-1].end_s if updates else 0.0
    drawn = [update for update in updates if now_s - update.end_s < TRAIL_S]
    alphas = [
        round(PALEST + (1 - PALEST) * (1 - (now_s - update.end_s) / TRAIL_S), 3) for update in drawn
    ]
    traces = [_path(drawn, alphas)]
    newest = drawn[-1] if drawn else None
    if newest is not None and newest.attributes is not None:
        traces.append(_newest(newest))
    figure = go.Figure(traces).update_layout(cube_layout())
    return described(figure, _in_words(newest), cube_layout(narrow=True))


def _place(update: Update) -> Place:
    if update.attributes is None:
        return (None,) * len(AXES)
    return tuple(round(update.attributes[axis], 3) for axis in AXES)


def _path(updates: Sequence[Update], alphas: Sequence[float]) -> go.Scatter3d:
    x, y, z = zip(*map(_place, updates), strict=True) if updates else ((), (), ())
    colours = [EMOTION_COLOURS.get(update.emotion or "", PATH_COLOUR) for update in updates]
    return go.Scatter3d(
        x=x,
        y=y,
        z=z,
        mode="lines+markers",
        hoverinfo="skip",  # it moves on before it can be read
        line={"width": 4, "color": [with_alpha(PATH_COLOUR, alpha) for alpha in alphas]},
        marker={
            "size": 4,
            "color": [
                with_alpha(colour, alpha) for colour, alpha in zip(colours, alphas, strict=True)
            ],
        },
    )


def _newest(update: Update) -> go.Scatter3d:
    x, y, z = ([value] for value in _place(update))
    emotion = update.emotion or ""
    high = y[0] is not None and y[0] > ATTRIBUTE_MIDDLE
    return go.Scatter3d(
        x=x,
        y=y,
        z=z,
        mode="markers+text",
        text=[f"<b>{emotion.capitalize()}</b>"],
        textposition="bottom center" if high else "top center",
        marker={"size": 9, "color": EMOTION_COLOURS[emotion]},
        hoverinfo="skip",
    )


def _in_words(newest: Update | None) -> str:
    if newest is None or newest.attributes is None:
        return "A path in a cube: nobody speaks at the moment."
    values = ", ".join(f"{name} {value:.1f}" for name, value in newest.attributes.items())
    return f"A path in a cube, at the moment at {values}."
