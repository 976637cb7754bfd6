"""Prediction -> plotly figures. Pure functions: no page, no files, no state.

Colours of fonts, grids and backgrounds are left to the template of whoever draws the figure, so
that one figure can be read on light and on dark. Nothing is told by colour alone. Every figure
says in words what it shows in `layout.meta["description"]`, for readers who cannot see it;
`layout.meta["narrow"]` replaces entries of the layout where the figure is drawn on a phone.
"""

from ser.plots.attention import attention_figure
from ser.plots.attributes import attribute_figure
from ser.plots.common import ENCODER_HEARS, ENCODER_NAMES, QUIET, left_out
from ser.plots.cube import Take, path_figure, projections_figure, takes_figure
from ser.plots.emotions import emotion_figure
from ser.plots.envelope import Envelope, envelope
from ser.plots.self_attention import self_attention_figure
from ser.plots.timeline import attribute_curves_figure, ribbon_figure, timeline_figure
from ser.plots.trail import trail_figure

__all__ = [
    "ENCODER_HEARS",
    "ENCODER_NAMES",
    "QUIET",
    "Envelope",
    "Take",
    "attention_figure",
    "attribute_curves_figure",
    "attribute_figure",
    "emotion_figure",
    "envelope",
    "left_out",
    "path_figure",
    "projections_figure",
    "ribbon_figure",
    "self_attention_figure",
    "takes_figure",
    "timeline_figure",
    "trail_figure",
]
