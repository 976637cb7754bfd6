"""Praat's TextGrid: words, emotions and attributes on tiers over the recording.

The format is the long text form of Praat's manual, "TextGrid file formats".
"""

from collections.abc import Sequence

from ser.labels import ATTRIBUTES
from ser.overlap import own_spans
from ser.prediction import Prediction

Interval = tuple[float, float, str]  # start and end in seconds, label
DIGITS = 6  # a microsecond; two intervals that touch are written with the same number


def textgrid(prediction: Prediction) -> str:
    """Tiers of intervals: words, emotion, one for the probability of each class, attributes.

    Praat's intervals fill a tier without overlap: pauses are empty intervals, and of windows that
    overlap each speaks to the middle of what they share.
    """
    spans = [
        (round(start_s, DIGITS), round(end_s, DIGITS))
        for start_s, end_s in own_spans(prediction.windows)
    ]
    answers = list(zip(spans, prediction.windows, strict=True))
    tiers: dict[str, list[Interval]] = {
        "words": [
            (round(word.start_s, DIGITS), round(word.end_s, DIGITS), word.text)
            for word in prediction.transcript.words
        ],
        "emotion": [(*span, window.emotion) for span, window in answers],
    }
    for name in prediction.emotions:
        tiers[name] = [(*span, f"{window.emotions[name]:.4f}") for span, window in answers]
    for name in ATTRIBUTES:
        tiers[name] = [(*span, f"{window.attributes[name]:.3f}") for span, window in answers]
    end_s = round(prediction.duration_s, DIGITS)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end_s}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        lines += _tier(number, name, _filled(intervals, end_s), end_s)
    return "\n".join(lines) + "\n"


def _filled(intervals: Sequence[Interval], end_s: float) -> list[Interval]:
    """The same intervals with empty ones in between, from 0 to the end of the recording."""
    filled: list[Interval] = []
    reached = 0.0
    for start_s, stop_s, label in intervals:
        start_s, stop_s = max(start_s, reached), min(stop_s, end_s)
        if stop_s <= start_s:
            continue
        if start_s > reached:
            filled.append((reached, start_s, ""))
        filled.append((start_s, stop_s, label))
        reached = stop_s
    if reached < end_s or not filled:
        filled.append((reached, end_s, ""))
    return filled


def _tier(number: int, name: str, intervals: Sequence[Interval], end_s: float) -> list[str]:
    lines = [
        f"    item [{number}]:",
        '        class = "IntervalTier"',
        f"        name = {_quoted(name)}",
        "        xmin = 0",
        f"        xmax = {end_s}",
        f"        intervals: size = {len(intervals)}",
    ]
    for index, (start_s, stop_s, label) in enumerate(intervals, 1):
        lines += [
            f"        intervals [{index}]:",
            f"            xmin = {start_s}",
            f"            xmax = {stop_s}",
            f"            text = {_quoted(label)}",
        ]
    return lines


def _quoted(text: str) -> str:
    """Praat's text: quotation marks are doubled, a line is a line."""
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
