"""Windows that overlap, on one time axis: which stretch each speaks for, and joint attention."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from ser.labels import ENCODERS
from ser.prediction import EncoderAttention, WindowPrediction

GRID_S = 0.02  # the frames of Whisper and WavLM


class Span(Protocol):
    """Anything with a start and an end."""

    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


def own_spans(windows: Sequence[Span]) -> list[tuple[float, float]]:
    """For each window the stretch that it alone speaks for, in seconds: none overlaps another.

    Where two windows overlap, each reaches to the middle of what they share.
    """
    starts = [window.start_s for window in windows]
    ends = [window.end_s for window in windows]
    for index, (before, after) in enumerate(pairwise(windows)):
        if after.start_s < before.end_s:
            ends[index] = starts[index + 1] = (after.start_s + before.end_s) / 2
    return list(zip(starts, ends, strict=True))


def joined_attention(
    parts: Sequence[WindowPrediction], shares: Sequence[float]
) -> dict[str, EncoderAttention]:
    """All windows on one axis, the weights scaled by each window's share of the speech.

    Windows in which an encoder had nothing to read have no share of its attention. What several
    windows say of the same frame or token is added up.
    """
    overlap = any(after.start_s < before.end_s for before, after in pairwise(parts))
    joined = {}
    for name in ENCODERS:
        views = [part.attention[name] for part in parts]
        whole = _chained(views, shares)
        joined[name] = _merged(views, whole) if overlap else whole
    return joined


def _chained(views: Sequence[EncoderAttention], shares: Sequence[float]) -> EncoderAttention:
    """One view after the other."""
    total = sum(share for share, view in zip(shares, views, strict=True) if view.weights)
    tokens = [token for view in views for token in view.tokens or ()]
    return EncoderAttention(
        times_s=tuple(time for view in views for time in view.times_s),
        weights=tuple(
            share / total * weight
            for share, view in zip(shares, views, strict=True)
            for weight in view.weights
        ),
        tokens=tuple(tokens) if views[0].tokens is not None else None,
    )


def _merged(views: Sequence[EncoderAttention], chained: EncoderAttention) -> EncoderAttention:
    """Frames of one grid step, and the same token of the same word, become one."""
    if chained.tokens is None:
        steps: defaultdict[int, float] = defaultdict(float)
        for time_s, weight in zip(chained.times_s, chained.weights, strict=True):
            steps[int(time_s / GRID_S)] += weight
        times = sorted(steps)
        return EncoderAttention(
            tuple((step + 0.5) * GRID_S for step in times), tuple(steps[step] for step in times)
        )
    keys: list[tuple[float, int, str]] = []  # time, which of the tokens at that time, the token
    for view in views:
        seen: defaultdict[float, int] = defaultdict(int)
        for time_s, token in zip(view.times_s, view.tokens or (), strict=True):
            keys.append((time_s, seen[time_s], token))
            seen[time_s] += 1
    weights: defaultdict[tuple[float, int, str], float] = defaultdict(float)
    for key, weight in zip(keys, chained.weights, strict=True):
        weights[key] += weight
    ordered = sorted(weights)
    return EncoderAttention(
        tuple(time_s for time_s, _, _ in ordered),
        tuple(weights[key] for key in ordered),
        tuple(token for _, _, token in ordered),
    )
