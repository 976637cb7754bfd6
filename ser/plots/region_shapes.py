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


def solid_regions(regions: Sequence[Region]) -> list[go.Mesh3d | go.Scatter3d]:
    """Transparent ellipsoids, one standard deviation wide, each with its name inside."""
    if not regions:
        return []
    order = [ATTRIBUTES.index(axis) for axis in AXES]
    centres = np.array([region.mean for region in regions])[:, order].round(4)
    names = go.Scatter3d(
        **dict(zip("xyz", centres.T.tolist(), strict=True)),
        mode="text",
        text=[region.emotion.capitalize() for region in regions],
        textfont={"size": 11},
        customdata=[region.count for region in regions],
        hovertemplate=(
            "%{text}: mean of %{customdata} recordings<br>Valence %{x:.2f}<br>"
            "Arousal %{y:.2f}<br>Dominance %{z:.2f}<extra></extra>"
        ),
        meta=META,
    )
    return [*(_ellipsoid(region, order) for region in regions), names]


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
        **place,
    )


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


def _sphere() -> np.ndarray:
    """Points [P, 3] on the unit sphere."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, 9), np.linspace(0, 2 * np.pi, 16))
    return np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
