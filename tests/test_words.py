"""Times for corrected transcripts: what stays, what shares a gap, and what always holds."""

import random
from itertools import pairwise

import pytest

from ser.speech import Segment
from ser.transcript import Word
from ser.words import MIN_WORD_S, in_order, place_words

KNOWN = (
    Word("kids", 0.5, 0.8),
    Word("is", 0.8, 0.9),
    Word("talking", 0.9, 1.4),
    Word("door", 2.0, 2.4),
)
SPEECH = (Segment(0.4, 1.5), Segment(1.9, 2.5))


def times_of(words: tuple[Word, ...]) -> dict[str, tuple[float, float]]:
    return {word.text: (round(word.start_s, 6), round(word.end_s, 6)) for word in words}


def assert_in_order(words: tuple[Word, ...], start_s: float, end_s: float) -> None:
    assert all(word.end_s > word.start_s for word in words)
    assert all(first.end_s <= second.start_s for first, second in pairwise(words))
    if words:
        assert words[0].start_s >= start_s
        assert words[-1].end_s <= end_s


def test_words_that_match_but_for_case_and_punctuation_keep_their_times() -> None:
    words = place_words("“Kids” IS, talking... door!", KNOWN, SPEECH)
    assert [word.text for word in words] == ["“Kids”", "IS,", "talking...", "door!"]
    assert [(word.start_s, word.end_s) for word in words] == [
        (word.start_s, word.end_s) for word in KNOWN
    ]


def test_a_replaced_word_takes_the_time_of_the_word_it_replaces() -> None:
    assert times_of(place_words("kids are talking door", KNOWN, SPEECH))["are"] == (0.8, 0.9)


def test_inserted_words_share_the_speech_of_the_gap_by_their_letters() -> None:
    known = (Word("one", 0.0, 0.4), Word("five", 2.0, 2.4))
    speech = (Segment(0.0, 1.0), Segment(1.7, 2.4))  # the gap holds 0.6 s and 0.3 s of speech
    placed = times_of(place_words("one abcd ef five", known, speech))
    assert placed == {"one": (0.0, 0.4), "abcd": (0.4, 1.0), "ef": (1.7, 2.0), "five": (2.0, 2.4)}


def test_a_word_inserted_where_there_is_no_gap_shares_a_neighbours_time() -> None:
    placed = times_of(place_words("kids is often talking door", KNOWN, SPEECH))
    assert placed["kids"] == (0.5, 0.8)
    assert placed["is"] == (0.8, 0.9)
    assert placed["door"] == (2.0, 2.4)
    assert 0.9 <= placed["often"][0] < placed["often"][1] <= placed["talking"][0]
    assert placed["talking"][1] <= 1.4


def test_words_before_the_first_and_after_the_last_known_one_stay_in_the_speech() -> None:
    known = (Word("middle", 1.0, 1.5),)
    placed = times_of(place_words("before middle after", known, (Segment(0.5, 2.25),)))
    assert placed == {"before": (0.5, 1.0), "middle": (1.0, 1.5), "after": (1.5, 2.25)}


def test_deleted_words_leave_the_others_where_they_are() -> None:
    assert times_of(place_words("kids door", KNOWN, SPEECH)) == {
        "kids": (0.5, 0.8),
        "door": (2.0, 2.4),
    }


def test_an_unknown_text_is_spread_over_the_speech_by_its_letters() -> None:
    speech = (Segment(1.0, 2.0), Segment(4.0, 5.0))
    placed = times_of(place_words("abcd efgh ijkl mnop", (), speech))
    assert placed == {
        "abcd": (1.0, 1.5),
        "efgh": (1.5, 2.0),
        "ijkl": (4.0, 4.5),
        "mnop": (4.5, 5.0),
    }


def test_nobody_speaks_a_word_across_a_pause() -> None:
    (word,) = place_words("unbelievable", (), (Segment(0.0, 0.4), Segment(2.0, 3.0)))
    assert (word.start_s, word.end_s) == (2.0, 3.0)


@pytest.mark.parametrize("text", ["", "  \n", "...", "- !"])
def test_no_words_in_the_text_are_no_words(text: str) -> None:
    assert place_words(text, KNOWN, SPEECH) == ()
    assert place_words(text, (), ()) == ()


def test_punctuation_that_stands_alone_belongs_to_its_neighbour() -> None:
    words = place_words("— kids , talking - now", KNOWN, SPEECH)
    assert [word.text for word in words] == ["— kids ,", "talking -", "now"]


def test_scripts_without_spaces_give_a_word_for_every_character() -> None:
    words = place_words("早上好。 ok", (), SPEECH)
    assert [word.text for word in words] == ["早", "上", "好。", "ok"]


def test_words_without_known_ones_need_speech() -> None:
    with pytest.raises(ValueError, match="speech segments"):
        place_words("hello", (), ())


def test_known_words_outside_the_speech_keep_their_times() -> None:
    placed = times_of(place_words("early late", (Word("late", 8.0, 8.5),), (Segment(1.0, 2.0),)))
    assert placed == {"early": (1.0, 2.0), "late": (8.0, 8.5)}


def test_whatever_is_typed_words_follow_each_other_inside_the_recording() -> None:
    chance = random.Random(0)
    for _ in range(500):
        vocabulary = ["no", "stop", "running", "—", "I'm", "好", "of", "…", "incomprehensibly"]
        known = tuple(
            Word(chance.choice(vocabulary), start, start + chance.choice([-0.1, 0.0, 0.02, 0.5]))
            for start in (chance.uniform(0, 10) for _ in range(chance.randint(0, 6)))
        )
        starts = sorted(chance.uniform(0, 10) for _ in range(chance.randint(1, 4)))
        speech = tuple(Segment(start, start + chance.uniform(0.01, 2)) for start in starts)
        text = " ".join(chance.choices(vocabulary, k=chance.randint(0, 12)))
        words = place_words(text, known, speech)
        assert " ".join(word.text for word in words).split() == [
            character
            for character in text.replace("好", " 好 ").split()
            if any(mark.isalnum() for mark in text)
        ]
        starts = [*(word.start_s for word in known), *starts]
        ends = [*(word.end_s for word in known), *(segment.end_s for segment in speech)]
        first = min(starts)
        last = max(first + MIN_WORD_S, *ends)
        assert_in_order(words, first, last)


def test_in_order_gives_every_word_a_time_of_its_own() -> None:
    raw = [Word("a", 0.0, 0.0), Word("b", 0.0, 30.0), Word("c", 0.5, 0.4), Word("d", 9.0, 9.5)]
    words = in_order(raw, 0.0, 3.0)
    assert [word.text for word in words] == ["a", "b", "c", "d"]
    assert_in_order(words, 0.0, 3.0)
    assert words[1].end_s == 0.5  # not the whole recording


def test_in_order_leaves_good_times_alone() -> None:
    assert in_order(KNOWN, 0.0, 2.5) == KNOWN


def test_more_words_than_time_still_fit() -> None:
    words = in_order([Word("x", 5.0, 5.0)] * 100, 0.0, 0.3)
    assert_in_order(words, 0.0, 0.3 + 1e-9)
