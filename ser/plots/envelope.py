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


def envelope(waveform: Waveform, columns: int) -> Envelope:
    """At most `columns` columns; a long waveform is read piece by piece."""
    samples = waveform.samples
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
    return Envelope(edges[:-1] / SAMPLE_RATE_HZ, lowest, highest, waveform.duration_s)
