"""Targets without ratings, and what a voice and words mean together."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip, Line
from training.embedded.pairing import Pairing, contradiction
from training.embedded.speakers import HELD_OUT, TUNING, split_of
from training.targets import derived_attributes

LINES = [
    Line(f"a line of {name}", "train", (name,))
    for name in ("angry", "sad", "happy", "surprise", "fear", "disgust", "neutral")
]


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
    classes, attributes = contradiction(clip("neutral"), "happy")
    assert classes["happy"] > classes["neutral"]
    assert attributes[1] > derived_attributes("neutral")[1] + 1
    classes, attributes = contradiction(clip("angry"), "happy")
    assert classes["angry"] > classes["happy"]
    assert attributes[1] > derived_attributes("angry")[1]


def test_neutral_words_leave_an_emotional_voice_alone() -> None:
    classes, attributes = contradiction(clip("angry"), "neutral")
    assert classes == {"angry": 1.0, "neutral": 0.0}
    assert attributes == pytest.approx(derived_attributes("angry"))


def test_every_kind_of_pair_is_drawn_and_targets_are_distributions() -> None:
    pairing = Pairing([clip("angry")], LINES, copies=3)
    random = np.random.default_rng(0)
    pairs = [pairing.draw(0, random) for _ in range(2000)]
    kinds = Counter(
        "no words" if p.text is None
        else "no voice" if p.clip is None
        else "own" if p.text == "own words"
        else "same" if "angry" in p.text
        else "contradicting"
        for p in pairs
    )  # fmt: skip
    shares = {kind: count / len(pairs) for kind, count in kinds.items()}
    expected = {"no words": 0.35, "own": 0.15, "same": 0.22, "no voice": 0.08, "contradicting": 0.2}
    assert shares == pytest.approx(expected, abs=0.03)
    for pair in pairs:
        assert sum(pair.classes.values()) == pytest.approx(1)
        assert all(1 <= value <= 7 for value in pair.attributes)


def test_a_foreign_clip_is_never_paired_with_its_own_words() -> None:
    foreign = Clip(Path("x.wav"), "nemo", "EB0", "sad", text="po polsku", language="pl")
    pairing = Pairing([foreign], LINES, copies=1)
    random = np.random.default_rng(0)
    assert all(pairing.draw(0, random).text != "po polsku" for _ in range(500))


def test_no_speaker_is_in_two_splits_and_unknown_users_only_train() -> None:
    users = [f"user{n:02}" for n in range(10)]
    clips = [clip("neutral", "iesc", user) for user in [*users, "unknown"] for _ in range(2)]
    clips += [clip("sad", "ravdess", f"{n:02}") for n in range(1, 21)]
    clips += [clip("sad", "nemo", name) for name in ("EB0", "KD0", "WR0")]
    splits = split_of(clips)
    seen: dict[tuple[str, str], set[str]] = {}
    for item, split in zip(clips, splits, strict=True):
        seen.setdefault((item.corpus, item.speaker), set()).add(split)
    assert all(len(found) == 1 for found in seen.values())
    assert seen["iesc", "unknown"] == {"train"}
    assert Counter(next(iter(seen["iesc", user])) for user in users) == {
        "train": 6, "tune": 2, "held_out": 2,
    }  # fmt: skip
    for split, chosen in (("held_out", HELD_OUT), ("tune", TUNING)):
        for corpus, speakers in chosen.items():
            assert {s for (c, s), found in seen.items() if c == corpus and found == {split}} == set(
                speakers
            )
