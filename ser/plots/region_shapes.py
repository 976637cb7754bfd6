"""Regions of the emotions as shapes, for the cube and for its sides.

`meta` marks their traces, so that whoever draws the figure can leave them out.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTION_COLOURS
from ser.plots.common import AXES, with_alpha
from ser.regions import Region

META = "region"
ELLIPSE_POINTS = 40
NAME_STEP = 0.65  # between two names, in units of the scales

# Directions on the screen, as the first camera (`CAMERA_EYE`) sees the axes.
RIGHT = np.array([0.770, 0.638, 0.0])
UP = np.array([-0.200, 0.241, 0.950])


def solid_regions(regions: Sequence[Region]) -> list[go.Mesh3d | go.Scatter3d]:
    """Transparent ellipsoids, one standard deviation wide, and their middles."""
    if not regions:
        return []
    order = [ATTRIBUTES.index(axis) for axis in AXES]
    middles = go.Scatter3d(
        **dict(zip("xyz", _centres(regions).T.tolist(), strict=True)),
        mode="markers",
        marker={"size": 3, "color": [EMOTION_COLOURS[region.emotion] for region in regions]},
        customdata=[[region.emotion.capitalize(), region.count] for region in regions],
        hovertemplate=(
            "%{customdata[0]}: mean of %{customdata[1]} recordings<br>Valence %{x:.2f}<br>"
            "Arousal %{y:.2f}<br>Dominance %{z:.2f}<extra></extra>"
        ),
        meta=META,
    )
    return [*(_ellipsoid(region, order) for region in regions), middles]


def region_names(regions: Sequence[Region], narrow: bool) -> list[dict]:
    """The names as annotations of the scene, each with a line to the middle of its region.

    Emotions lie too close to each other for names inside. `narrow` is the layout for a phone.
    """
    if not regions:
        return []
    away, unit = (60, 20) if narrow else (105, 38)  # in pixels
    centres = _centres(regions)
    return [
        {
            **label(region.emotion.capitalize(), centre.tolist()),
            "name": META,
            "ax": side * away,
            "ay": -unit * up,
            "xanchor": "right" if side < 0 else "left",
            "font": {"size": 11 if narrow else 13},
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1.5,
            "arrowcolor": EMOTION_COLOURS[region.emotion],
        }
        for region, centre, (side, up) in zip(regions, centres, _sides(centres), strict=True)
    ]


def label(text: str, point: Sequence[float]) -> dict:
    """An annotation at a point (in the order of AXES): sharp, and never cut by the cube."""
    x, y, z = point
    return {"text": text, "x": x, "y": y, "z": z, "showarrow": False}


def flat_region(region: Region, across: str, up: str, place: dict) -> go.Scatter:
    """The points one standard deviation from the mean of two of the attributes."""
    rows = [ATTRIBUTES.index(across), ATTRIBUTES.index(up)]
    values, vectors = np.linalg.eigh(np.array(region.covariance)[np.ix_(rows, rows)])
    angles = np.linspace(0, 2 * np.pi, ELLIPSE_POINTS)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    outline = np.array(region.mean)[rows, None] + vectors @ (
        np.sqrt(np.maximum(values, 0.0))[:, None] * circle
    )
    colour = EMOTION_COLOURS[region.emotion]
    return go.Scatter(
        x=outline[0].round(4).tolist(),
        y=outline[1].round(4).tolist(),
        mode="lines",
        name=region.emotion.capitalize(),
        line={"width": 1.5, "color": colour},
        fill="toself",
        fillcolor=with_alpha(colour, 0.08),
        hoveron="fills",
        text=f"{region.emotion.capitalize()}: {region.count} recordings",
        hoverinfo="text",
        meta=META,
        legendgroup=region.emotion,
        **place,
    )


def _centres(regions: Sequence[Region]) -> np.ndarray:
    """[N, 3] in the order of AXES."""
    order = [ATTRIBUTES.index(axis) for axis in AXES]
    return np.array([region.mean for region in regions])[:, order].round(4)


def _ellipsoid(region: Region, order: Sequence[int]) -> go.Mesh3d:
    centre, half_axes = region.ellipsoid()
    surface = (centre + _sphere() @ half_axes)[:, order]
    x, y, z = np.clip(surface, ATTRIBUTE_MIN, ATTRIBUTE_MAX).round(4).T.tolist()
    return go.Mesh3d(
        x=x,
        y=y,
        z=z,
        alphahull=0,
        color=EMOTION_COLOURS[region.emotion],
        opacity=0.16,
        name=region.emotion.capitalize(),
        hoverinfo="skip",
        meta=META,
    )


def _sides(centres: np.ndarray) -> list[tuple[int, float]]:
    """For each centre [3] its side, -1 left or 1 right, and how far up its name stands from it.

    The names stand in two columns, evenly spaced; distances are in units of the scales.
    """
    seen = centres - centres.mean(axis=0)
    across, height = seen @ RIGHT, seen @ UP
    ranked = np.argsort(across)
    half = len(centres) // 2
    sides = [(0, 0.0)] * len(centres)
    for side, members in ((-1, ranked[:half]), (1, ranked[half:])):
        for rank, member in enumerate(members[np.argsort(height[members])]):
            target = NAME_STEP * (rank - (len(members) - 1) / 2)
            sides[member] = (side, float(target - height[member]))
    return sides


def _sphere() -> np.ndarray:
    """Points [P, 3] on the unit sphere."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, 9), np.linspace(0, 2 * np.pi, 16))
    return np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
