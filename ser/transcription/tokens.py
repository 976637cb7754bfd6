"""From Whisper's tokens with times to words."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from ser.transcript import Word
from ser.words import find_words, letters_of

_BROKEN = "\ufffd"  # what a token decodes to that ends within a character
_LONGEST_CHARACTER = 4  # bytes in UTF-8, so tokens at most
MAX_COMPRESSION = 2.4  # text that packs better than this repeats itself (Radford et al. 2022, 4.5)
MAX_ROUNDS = 3

TimedToken = tuple[int, float, float]  # token, start and end in seconds


def group_words(tokenizer: Any, tokens: Sequence[TimedToken]) -> list[Word]:
    """Words of text tokens, each with the space before it, so that joined they are the text."""
    pieces = list(_characters(tokenizer, tokens))
    text = "".join(piece.text for piece in pieces)
    owner = [piece for piece in pieces for _ in piece.text]  # of every character
    words: list[Word] = []
    for start, end in find_words(text):
        if start > 0 and text[start - 1].isspace():
            start -= 1
        words.append(Word(text[start:end], owner[start].start_s, owner[end - 1].end_s))
    return words


def without_loops(words: Sequence[Word]) -> list[Word]:
    """The same words; where a recogniser was caught in a loop, with three rounds of it left."""
    text = "".join(word.text for word in words).encode()
    if len(text) <= MAX_COMPRESSION * len(zlib.compress(text)):
        return list(words)
    keys = [letters_of(word.text) for word in words]
    kept: list[Word] = []
    position = 0
    while position < len(words):
        period, rounds = _loop_at(keys, position)
        kept += words[position : position + period * min(rounds, MAX_ROUNDS)]
        position += period * rounds
    return kept


def _characters(tokenizer: Any, tokens: Sequence[TimedToken]) -> Iterator[Word]:
    """Pieces of text of one token, or of several where a character is spread over them."""
    pending: list[TimedToken] = []
    for timed in tokens:
        pending.append(timed)
        text = tokenizer.decode(
            [token for token, _, _ in pending], clean_up_tokenization_spaces=False
        )
        if text.endswith(_BROKEN) and len(pending) < _LONGEST_CHARACTER:
            continue
        yield Word(text.replace(_BROKEN, ""), pending[0][1], pending[-1][2])
        pending = []


def _loop_at(keys: Sequence[str], position: int) -> tuple[int, int]:
    """Length and rounds of the longest loop of more than `MAX_ROUNDS` that starts here.

    (1, 1) where there is none.
    """
    best = (1, 1)
    for period in range(1, (len(keys) - position) // (MAX_ROUNDS + 1) + 1):
        phrase = keys[position : position + period]
        rounds = 1
        while keys[position + rounds * period : position + (rounds + 1) * period] == phrase:
            rounds += 1
        if rounds > MAX_ROUNDS and period * rounds > best[0] * best[1]:
            best = (period, rounds)
    return best
