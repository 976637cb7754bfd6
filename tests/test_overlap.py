"""Windows that overlap share the time axis: hand-made windows with known answers."""

import pytest

from ser.answer import words_of_windows
from ser.labels import ENCODERS
from ser.overlap import joined_attention, own_spans
from ser.prediction import EncoderAttention, WindowPrediction
from ser.speech import Window
from ser.transcript import Word


def window(start_s: float, end_s: float, view: EncoderAttention) -> WindowPrediction:
    return WindowPrediction(start_s, end_s, 1.0, {}, {}, dict.fromkeys(ENCODERS, view), {})


def test_each_window_speaks_to_the_middle_of_what_it_shares() -> None:
    windows = [Window(0.0, 4.0, 1), Window(2.0, 6.0, 1), Window(7.0, 8.0, 1), Window(8.0, 9.0, 1)]
    assert own_spans(windows) == [(0.0, 3.0), (3.0, 6.0), (7.0, 8.0), (8.0, 9.0)]


def test_a_word_goes_to_every_window_around_it_or_to_the_nearest() -> None:
    windows = [Window(1.0, 4.0, 1), Window(2.0, 5.0, 1), Window(8.0, 9.0, 1)]
    words = [
        Word("before", 0.0, 0.4), Word("one", 1.0, 1.5), Word("two", 2.5, 3.0),
        Word("near", 5.1, 5.3), Word("far", 7.5, 7.7), Word("late", 9.5, 9.9),
    ]  # fmt: skip
    dealt = [" ".join(word.text for word in items) for items in words_of_windows(words, windows)]
    assert dealt == ["before one two", "two near", "far late"]


def test_windows_that_touch_do_not_share_a_word() -> None:
    windows = [Window(0.0, 1.0, 1), Window(1.0, 2.0, 1)]
    assert [len(items) for items in words_of_windows([Word("edge", 0.5, 1.5)], windows)] == [0, 1]


def test_attention_to_the_same_moment_is_added_up_and_sums_to_1() -> None:
    first = EncoderAttention((0.01, 0.03, 0.05), (0.2, 0.3, 0.5))
    second = EncoderAttention((0.031, 0.051, 0.071), (0.1, 0.1, 0.8))
    parts = [window(0.0, 0.06, first), window(0.02, 0.08, second)]
    joined = joined_attention(parts, [0.5, 0.5])["wavlm"]
    assert joined.times_s == pytest.approx((0.01, 0.03, 0.05, 0.07))
    assert joined.weights == pytest.approx((0.1, 0.2, 0.3, 0.4))


def test_a_token_of_two_windows_is_one_token() -> None:
    first = EncoderAttention(
        (0.0, 0.5, 0.5, 1.0), (0.1, 0.4, 0.4, 0.1), ("<s>", "do", "gs", "</s>")
    )
    second = EncoderAttention(
        (0.2, 0.5, 0.5, 1.5), (0.1, 0.2, 0.2, 0.5), ("<s>", "do", "gs", "</s>")
    )
    parts = [window(0.0, 1.0, first), window(0.2, 1.5, second)]
    joined = joined_attention(parts, [0.75, 0.25])["roberta"]
    assert joined.tokens == ("<s>", "<s>", "do", "gs", "</s>", "</s>")
    assert joined.times_s == (0.0, 0.2, 0.5, 0.5, 1.0, 1.5)
    assert joined.weights == pytest.approx((0.075, 0.025, 0.35, 0.35, 0.075, 0.125))
