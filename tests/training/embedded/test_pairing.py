"""Targets without ratings, and what a voice and words mean together."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip, Line
from training.embedded.pairing import VOICE_ALONE, WORDS_ALONE, Pairing, contradiction
from training.targets import derived_attributes

LINES = [
    Line(f"a line of {name}", "train", (name,))
    for name in ("angry", "sad", "happy", "surprise", "fear", "disgust", "neutral")
]
RATED = Line("a rated line", "train", attributes=(2.0, 3.0, 5.0))


def clip(emotion: str, corpus: str = "ravdess", speaker: str = "01", strong: bool = False) -> Clip:
    return Clip(Path(f"{speaker}.wav"), corpus, speaker, emotion, strong, text="own words")


def test_derived_attributes_lie_on_the_published_side_of_the_middle() -> None:
    arousal, valence, dominance = derived_attributes("angry")
    assert arousal > 4 > valence
    assert dominance > 4 > derived_attributes("fear")[2]
    assert derived_attributes("neutral") == (4.0, 4.0, 4.0)


def test_intensity_moves_away_from_the_middle_but_not_the_arousal_of_sad_and_calm() -> None:
    for emotion in ("happy", "angry", "fear", "surprise", "disgust"):
        assert derived_attributes(emotion, strong=True)[0] > derived_attributes(emotion)[0]
    for emotion in ("sad", "calm"):
        assert derived_attributes(emotion, strong=True)[0] == derived_attributes(emotion)[0]
        assert derived_attributes(emotion)[0] < 4


def test_words_move_a_neutral_voice_more_than_an_emotional_one() -> None:
    pair = contradiction(clip("neutral"), "happy", "What a day!")
    assert pair.classes["happy"] > pair.classes["neutral"]
    assert pair.attributes[1] > derived_attributes("neutral")[1] + 1
    pair = contradiction(clip("angry"), "happy", "What a day!")
    assert pair.classes["angry"] > pair.classes["happy"]
    assert pair.attributes[1] > derived_attributes("angry")[1]


def test_neutral_words_leave_an_emotional_voice_alone() -> None:
    pair = contradiction(clip("angry"), "neutral", "It is Monday.")
    assert pair.classes == {"angry": 1.0, "neutral": 0.0}
    assert pair.attributes == pytest.approx(derived_attributes("angry"))
    assert pair.pull == VOICE_ALONE


def test_every_kind_of_pair_is_drawn_and_targets_are_distributions() -> None:
    pairing = Pairing([clip("angry")], [*LINES, RATED])
    random = np.random.default_rng(0)
    pairs = [pairing.draw(0, random) for _ in range(2000)]
    kinds = Counter(
        "no words" if p.text is None
        else "rated" if p.text == RATED.text
        else "no voice" if not p.voice
        else "own" if p.text == "own words"
        else "same" if "angry" in p.text
        else "contradicting"
        for p in pairs
    )  # fmt: skip
    shares = {kind: count / len(pairs) for kind, count in kinds.items()}
    expected = {
        "no words": 0.3, "own": 0.12, "same": 0.18, "no voice": 0.1, "rated": 0.16,
        "contradicting": 0.14,
    }  # fmt: skip
    assert shares == pytest.approx(expected, abs=0.03)
    for pair in pairs:
        if pair.text == RATED.text:
            assert (pair.voice, pair.classes, pair.attributes) == (False, {}, RATED.attributes)
        else:
            assert sum(pair.classes.values()) == pytest.approx(1)
        assert all(1 <= value <= 7 for value in pair.attributes)
        assert (pair.pull == WORDS_ALONE) == (not pair.voice)
        if pair.voice and pair.classes == {"angry": 1.0}:
            assert pair.pull == VOICE_ALONE


def test_a_foreign_clip_is_never_paired_with_its_own_words() -> None:
    foreign = Clip(Path("x.wav"), "nemo", "EB0", "sad", text="po polsku", language="pl")
    pairing = Pairing([foreign], [*LINES, RATED])
    random = np.random.default_rng(0)
    assert all(pairing.draw(0, random).text != "po polsku" for _ in range(500))
