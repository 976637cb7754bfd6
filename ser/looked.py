"""Where an encoder looked most, and how much of the text encoder's attention each word got."""

from bisect import bisect_left
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ser.prediction import EncoderAttention, Prediction
from ser.transcript import Word

PEAK_SHARE = 0.5  # what is above this share of the highest weight belongs to the peak
PADDING_S = 0.25  # before and after a peak, so that there is something to hear

# What stands in a text without being said, as people would call it.
TEXT_ENDS = {"<s>": "start of text", "</s>": "end of text"}


@dataclass(frozen=True)
class Peak:
    """The stretch around an encoder's highest weight."""

    start_s: float
    end_s: float
    words: str  # said there; "" between words

    def padded(self, first_s: float, last_s: float) -> tuple[float, float]:
        """Start and end in s of what can be played, inside a recording from `first_s`."""
        return max(first_s, self.start_s - PADDING_S), min(last_s, self.end_s + PADDING_S)


@dataclass(frozen=True)
class WeighedWord:
    """A word and its tokens' share of the attention."""

    word: Word
    weight: float  # sum of its tokens


@dataclass(frozen=True)
class WeighedText:
    """The whole text: start, words and end sum to what the attention sums to."""

    start: float  # weight of all <s>: each window has one
    words: tuple[WeighedWord, ...]
    end: float  # weight of all </s>


def word_at(time_s: float, words: Sequence[Word]) -> int | None:
    """Index of the word that is said at a time; None at its very edges, and between words."""
    index = bisect_left(words, time_s, key=lambda word: word.start_s) - 1
    return index if index >= 0 and time_s < words[index].end_s else None


def peak(prediction: Prediction, encoder: str) -> Peak | None:
    """Where an encoder looked most. None for one that was left out, or saw no word."""
    view = prediction.attention.get(encoder)
    if view is None or not view.weights:
        return None
    words = prediction.transcript.words
    if view.tokens is None:
        return _peak_of_frames(view, words)
    text = weighed_text(prediction)
    if text is None or not text.words:
        return None
    gaps = enumerate(pairwise(words))
    pauses = {index for index, (a, b) in gaps if b.start_s - a.end_s > PADDING_S}
    first, last = _around_highest([item.weight for item in text.words], pauses)
    said = [item.word for item in text.words[first : last + 1]]
    return Peak(said[0].start_s, said[-1].end_s, " ".join(word.text for word in said))


def weighed_text(prediction: Prediction) -> WeighedText | None:
    """The words of the transcript with their tokens' weights. None where no text was read."""
    view = prediction.attention.get("roberta")
    words = prediction.transcript.words
    if view is None or not view.weights or not words:
        return None
    ends = dict.fromkeys(TEXT_ENDS, 0.0)
    weights = [0.0] * len(words)
    owner = 0
    for time_s, weight, token in zip(view.times_s, view.weights, view.tokens or (), strict=True):
        index = word_at(time_s, words)
        if index is None and token in ends:
            ends[token] += weight
            continue
        owner = owner if index is None else index  # a long text is cut inside words, too
        weights[owner] += weight
    weighed = tuple(WeighedWord(*pair) for pair in zip(words, weights, strict=True))
    return WeighedText(ends["<s>"], weighed, ends["</s>"])


def _peak_of_frames(view: EncoderAttention, words: Sequence[Word]) -> Peak:
    times_s = np.asarray(view.times_s)
    steps_s = np.diff(times_s)
    step_s = float(np.median(steps_s)) if len(steps_s) else 0.0
    pauses = np.flatnonzero(steps_s > 1.5 * step_s)
    first, last = _around_highest(view.weights, set(pauses.tolist()))
    start_s, end_s = float(times_s[first]) - step_s / 2, float(times_s[last]) + step_s / 2
    said = (word.text for word in words if word.start_s < end_s and word.end_s > start_s)
    return Peak(max(0.0, start_s), end_s, " ".join(said))


def _around_highest(weights: Sequence[float], pauses: Container[int]) -> tuple[int, int]:
    """First and last of the run around the highest weight that stays above PEAK_SHARE of it.

    No run goes on from an index in `pauses` to the next.
    """
    highest = int(np.argmax(weights))
    enough = PEAK_SHARE * weights[highest]
    first = last = highest
    while first > 0 and first - 1 not in pauses and weights[first - 1] >= enough:
        first -= 1
    while last + 1 < len(weights) and last not in pauses and weights[last + 1] >= enough:
        last += 1
    return first, last
