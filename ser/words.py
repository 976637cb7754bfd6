"""Times for words: of a corrected or given transcript, and order for the words of a recogniser."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Protocol

from ser.transcript import Word

MIN_WORD_S = 0.02
"""No word is shorter: the time step of Whisper's decoder."""
_ROOM_S = 0.06  # below this much per word, inserted words share the time of a neighbour

# Scripts written without spaces give one word per character, everything else one per space.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")

Span = tuple[float, float]  # start and end in seconds


class TimeSpan(Protocol):
    """Anything with a start and an end: a segment of speech, a word."""

    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


def place_words(text: str, known: Sequence[Word], segments: Sequence[TimeSpan]) -> tuple[Word, ...]:
    """Times for the words of `text`, from a recogniser's words and the segments of speech.

    Words that match `known` (but for case and punctuation) keep their times, and a replaced run of
    as many words takes the times of the words it replaces. All others share the gap they stand in,
    in proportion to their letters, over the speech inside it; where there is no gap they share the
    time of a neighbour. Words follow each other without overlap inside the range that `known` and
    `segments` cover, which must not both be empty (ValueError) unless `text` has no words.
    """
    text = " ".join(text.split())
    pieces = [text[start:end] for start, end in find_words(text)]
    if not pieces:
        return ()
    if not known and not segments:
        raise ValueError("words cannot be placed in time without known words or speech segments")
    limits = _limits([*known, *segments])
    known = in_order(known, *limits)
    times = _matched_times(
        [letters_of(word.text) for word in known], known, [letters_of(p) for p in pieces]
    )
    speech = _merge([(segment.start_s, segment.end_s) for segment in segments])
    placed = _fill_gaps(times, [len(letters_of(piece)) for piece in pieces], speech, limits)
    words = [Word(piece, *span) for piece, span in zip(pieces, placed, strict=True)]
    return in_order(words, *limits)


def in_order(words: Sequence[Word], start_s: float, end_s: float) -> tuple[Word, ...]:
    """The same words, one after the other without overlap, each with a duration, inside the range.

    Recognisers give words of no duration, words past the end and words that overlap.
    """
    ordered: list[Word] = []
    shortest = min(MIN_WORD_S, (end_s - start_s) / max(1, len(words)))
    earliest = start_s
    for index, word in enumerate(words):
        left = len(words) - index  # this word and those after it still need their room
        start = max(earliest, min(word.start_s, end_s - left * shortest))
        end = word.end_s
        if left > 1 and words[index + 1].start_s >= start + shortest:
            end = min(end, words[index + 1].start_s)
        end = min(max(end, start + shortest), end_s - (left - 1) * shortest)
        ordered.append(Word(word.text, start, end))
        earliest = end
    return tuple(ordered)


def find_words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word in `text`; punctuation that stands alone joins its neighbour.

    In scripts that put no spaces between words every character counts as one.
    """
    found: list[tuple[int, int]] = []
    opening: int | None = None  # punctuation before the first word
    for match in _PIECE.finditer(text):
        start, end = match.span()
        if letters_of(match.group()):
            found.append((start if opening is None else opening, end))
            opening = None
        elif found:
            found[-1] = (found[-1][0], end)
        elif opening is None:
            opening = start
    return found


def letters_of(piece: str) -> str:
    """What two spellings of the same word share: letters and digits without case."""
    folded = unicodedata.normalize("NFKC", piece).casefold()
    return "".join(character for character in folded if character.isalnum())


def _limits(spans: Sequence[TimeSpan]) -> Span:
    """From the first start to the last end, wide enough to hold a word."""
    start_s = min(span.start_s for span in spans)
    return start_s, max(start_s + MIN_WORD_S, *(span.end_s for span in spans))


def _merge(spans: list[Span]) -> list[Span]:
    """Sorted, without overlap."""
    merged: list[Span] = []
    for start_s, end_s in sorted(spans):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
        else:
            merged.append((start_s, end_s))
    return merged


def _matched_times(
    known_keys: list[str], known: Sequence[Word], keys: list[str]
) -> list[Span | None]:
    """The known times of each word of `keys`, None where it has to be placed."""
    times: list[Span | None] = [None] * len(keys)
    matcher = SequenceMatcher(None, known_keys, keys, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        if i2 - i1 == j2 - j1:  # equal words, or a correction word for word
            times[j1:j2] = [(word.start_s, word.end_s) for word in known[i1:i2]]
    return times


def _fill_gaps(
    times: list[Span | None], letters: list[int], speech: list[Span], limits: Span
) -> list[Span]:
    """Every word's time; runs of unplaced words share the gap between their neighbours."""
    filled = list(times)
    first = 0
    while first < len(filled):
        if filled[first] is not None:
            first += 1
            continue
        last = first + 1
        while last < len(filled) and filled[last] is None:
            last += 1
        start, stop, gap = _make_room(filled, first, last, limits)
        filled[start:stop] = _share(letters[start:stop], speech, gap)
        first = stop
    return [span for span in filled if span is not None]


def _make_room(
    times: list[Span | None], first: int, last: int, limits: Span
) -> tuple[int, int, Span]:
    """The gap around words [first, last), widened over placed neighbours until there is room."""
    while True:
        before = times[first - 1] if first > 0 else None
        after = times[last] if last < len(times) else None
        inner = times[first], times[last - 1]  # None, or the time of a neighbour taken in
        gap_start_s = inner[0][0] if inner[0] else before[1] if before else limits[0]
        gap_end_s = inner[1][1] if inner[1] else after[0] if after else limits[1]
        if gap_end_s - gap_start_s >= _ROOM_S * (last - first) or not (before or after):
            return first, last, (gap_start_s, gap_end_s)
        if _duration(before) >= _duration(after):
            first -= 1
        else:
            last += 1


def _duration(span: Span | None) -> float:
    return span[1] - span[0] if span else -1.0


def _share(letters: list[int], speech: list[Span], gap: Span) -> list[Span]:
    """Cut the speech inside `gap` (the whole gap where it holds too little) by `letters`."""
    inside = [(max(start, gap[0]), min(end, gap[1])) for start, end in speech]
    inside = [(start, end) for start, end in inside if end > start]
    if sum(map(_duration, inside)) < _ROOM_S * len(letters):
        inside = [gap]
    step = sum(map(_duration, inside)) / sum(letters)
    spans: list[Span] = []
    spoken = 0
    for count in letters:
        spans.append(_longest_part(spoken * step, (spoken + count) * step, inside))
        spoken += count
    return spans


def _longest_part(start_s: float, end_s: float, speech: list[Span]) -> Span:
    """From seconds of speech to seconds of the recording; nobody speaks a word across a pause."""
    parts: list[Span] = []
    spoken = 0.0
    for first, last in speech:
        offset = first - spoken
        parts.append((max(start_s + offset, first), min(end_s + offset, last)))
        spoken += last - first
    return max(parts, key=_duration)
