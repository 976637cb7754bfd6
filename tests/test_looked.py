"""Peaks and weights of words, against numbers that can be counted by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ser.audio import Waveform
from ser.looked import Peak, peak, weighed_text, word_at
from ser.prediction import EncoderAttention, Prediction
from ser.transcript import Transcript, Word
from tests.fake_recognizer import fake_prediction

WORDS = (Word("so", 0.0, 0.2), Word("surprising", 0.2, 1.0), Word("dogs", 2.0, 2.5))


def answer(words: tuple[Word, ...] = WORDS, **attention: EncoderAttention) -> Prediction:
    whole = fake_prediction("", Waveform(np.ones(48_000, np.float32)))
    said = Transcript(" ".join(word.text for word in words), words, "user")
    return replace(whole, transcript=said, attention=attention)


def frames(*weights: float, first_s: float = 0.01) -> EncoderAttention:
    return EncoderAttention(
        tuple(first_s + 0.02 * index for index in range(len(weights))), tuple(weights)
    )


def tokens(*pairs: tuple[str, float, float]) -> EncoderAttention:
    texts, times_s, weights = zip(*pairs, strict=True)
    return EncoderAttention(times_s, weights, texts)


def test_a_peak_of_frames_is_the_run_above_half_of_the_highest() -> None:
    found = peak(answer(whisper=frames(0.3, 0.1, 0.2, 0.4, 0.25, 0.1, 0.35)), "whisper")
    assert found is not None
    assert (found.start_s, found.end_s) == pytest.approx((0.04, 0.10))
    assert found.words == "so"


def test_a_peak_names_all_words_in_it_or_none() -> None:
    across = peak(answer(wavlm=frames(0.4, 0.4, first_s=0.19)), "wavlm")
    between = peak(answer(wavlm=frames(0.4, 0.4, first_s=1.5)), "wavlm")
    assert across is not None
    assert across.words == "so surprising"
    assert between is not None
    assert between.words == ""


def test_a_peak_ends_at_a_pause() -> None:
    view = EncoderAttention((0.01, 0.03, 0.05, 1.01, 1.03), (0.1, 0.2, 0.2, 0.2, 0.1))
    found = peak(answer(whisper=view), "whisper")
    assert found is not None
    assert (found.start_s, found.end_s) == pytest.approx((0.0, 0.06))


def test_a_single_frame_is_a_peak() -> None:
    assert peak(answer(whisper=frames(1.0)), "whisper") == Peak(0.01, 0.01, "so")


def test_the_text_s_peak_is_its_heaviest_word_with_near_ones_as_heavy() -> None:
    heavy = tokens(("<s>", 0.0, 0.3), ("so", 0.1, 0.2), ("surpr", 0.6, 0.1), ("ising", 0.6, 0.2))
    assert peak(answer(roberta=heavy), "roberta") == Peak(0.0, 1.0, "so surprising")
    apart = tokens(("surprising", 0.6, 0.4), ("dogs", 2.25, 0.4))
    assert peak(answer(roberta=apart), "roberta") == Peak(0.2, 1.0, "surprising")


@pytest.mark.parametrize("missing", [EncoderAttention((), (), ()), None])
def test_an_encoder_that_was_left_out_has_no_peak(missing: EncoderAttention | None) -> None:
    attention: dict[str, Any] = {} if missing is None else {"roberta": missing}
    assert peak(answer(**attention), "roberta") is None
    assert weighed_text(answer(**attention)) is None


def test_padding_stays_inside_the_recording() -> None:
    assert Peak(0.1, 0.2, "").padded(0.0, 3.0) == pytest.approx((0.0, 0.45))
    assert Peak(2.0, 2.9, "").padded(0.0, 3.0) == pytest.approx((1.75, 3.0))


def test_tokens_are_joined_to_words_and_nothing_is_lost() -> None:
    view = tokens(
        ("<s>", 0.0, 0.05), ("so", 0.1, 0.1), ("surpr", 0.6, 0.2), ("</s>", 1.0, 0.05),
        ("<s>", 1.0, 0.1), ("ising", 1.0, 0.2), ("dogs", 2.25, 0.2), ("</s>", 2.5, 0.1),
    )  # fmt: skip
    text = weighed_text(answer(roberta=view))
    assert text is not None
    assert [item.word for item in text.words] == list(WORDS)
    assert [item.weight for item in text.words] == pytest.approx([0.1, 0.4, 0.2])
    assert (text.start, text.end) == pytest.approx((0.15, 0.15))


def test_words_of_a_window_alone_leave_the_others_without_weight() -> None:
    text = weighed_text(answer(roberta=tokens(("<s>", 2.0, 0.5), ("dogs", 2.25, 0.5))))
    assert text is not None
    assert [item.weight for item in text.words] == [0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("time_s", "index"), [(0.1, 0), (0.2, None), (0.21, 1), (1.5, None), (2.0, None), (9.0, None)]
)
def test_a_word_is_found_by_its_time(time_s: float, index: int | None) -> None:
    assert word_at(time_s, WORDS) == index
