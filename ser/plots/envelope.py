"""The outline of a waveform: highest and lowest sample of each column."""

from dataclasses import dataclass

import numpy as np

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.spool import BLOCK_SAMPLES, let_go


@dataclass(frozen=True)
class Envelope:
    """What a picture shows of a waveform, small whatever its length."""

    times_s: np.ndarray  # [C] start of each column
    lowest: np.ndarray  # [C] full scale -1..1
    highest: np.ndarray  # [C]
    duration_s: float


def envelope(sound: Waveform | Envelope, columns: int) -> Envelope:
    """At most `columns` columns; a long waveform is read piece by piece, an outline merged."""
    if isinstance(sound, Envelope):
        return _coarser(sound, columns)
    samples = sound.samples
    columns = min(columns, len(samples))
    edges = np.linspace(0, len(samples), columns + 1).astype(int)
    lowest, highest = np.empty(columns), np.empty(columns)
    together = max(1, columns * BLOCK_SAMPLES // len(samples))  # columns that make one block
    for first in range(0, columns, together):
        stop = min(columns, first + together)
        block = samples[edges[first] : edges[stop]]
        starts = edges[first:stop] - edges[first]
        lowest[first:stop] = np.minimum.reduceat(block, starts)
        highest[first:stop] = np.maximum.reduceat(block, starts)
        let_go(samples)
    return Envelope(edges[:-1] / SAMPLE_RATE_HZ, lowest, highest, sound.duration_s)


def _coarser(outline: Envelope, columns: int) -> Envelope:
    if len(outline.times_s) <= columns:
        return outline
    first = np.linspace(0, len(outline.times_s), columns + 1).astype(int)[:-1]
    return Envelope(
        outline.times_s[first],
        np.minimum.reduceat(outline.lowest, first),
        np.maximum.reduceat(outline.highest, first),
        outline.duration_s,
    )
