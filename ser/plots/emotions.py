"""The distribution over the classes."""

import plotly.graph_objects as go

from ser.labels import EMOTION_COLOURS
from ser.plots.common import described
from ser.prediction import Prediction

BARS_ROOM = 1.16  # x range: 100 % and the number beside it


def emotion_figure(prediction: Prediction) -> go.Figure:
    """The distribution as bars, classes from top to bottom in the bundle's own order."""
    classes = list(prediction.emotions)
    shares = [prediction.emotions[name] for name in classes]
    labels = [
        f"<b>{name.capitalize()}</b>" if name == prediction.emotion else name.capitalize()
        for name in classes
    ]
    bars = go.Bar(
        orientation="h",
        x=shares,
        y=classes,
        text=[f"{share:.1%}" for share in shares],
        textposition="outside",
        cliponaxis=False,
        marker_color=[EMOTION_COLOURS[name] for name in classes],
        hovertemplate="%{y}: %{x:.2%}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_layout(
        height=56 + 30 * len(classes),
        margin={"l": 8, "r": 8, "t": 8, "b": 28},
        bargap=0.35,
        dragmode=False,
        xaxis={
            "range": [0, BARS_ROOM],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "fixedrange": True,
            "zeroline": False,
        },
        yaxis={
            "categoryorder": "array",
            "categoryarray": classes[::-1],
            "tickvals": classes,
            "ticktext": labels,
            "ticklabelstandoff": 6,
            "automargin": "width",
            "fixedrange": True,
            "showgrid": False,
        },
    )
    spoken = ", ".join(f"{name} {share:.1%}" for name, share in zip(classes, shares, strict=True))
    return described(figure, f"Probability of each emotion: {spoken}.")
