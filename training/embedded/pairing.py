"""Which words a voice is paired with in fusion training, and what the two mean together.

Acted corpora say neutral sentences, so voice and words must be brought together: a recording is
given no words, its own, a line of its own emotion, or a line that contradicts it. Where they
contradict, the target is a mixture: words move valence more than arousal, and a neutral voice
leaves them more to say than an emotional one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.corpora import Clip, Line
from training.targets import derived_attributes

NO_WORDS, OWN_WORDS, SAME_EMOTION, NO_VOICE, RATED_WORDS = 0.3, 0.12, 0.18, 0.1, 0.16
"""Shares of the kinds of pairs; the rest contradict. Rated words have EmoBank's ratings."""

UNMOVED = ("neutral", "calm")


@dataclass(frozen=True)
class Weights:
    """How far the words pull each part of the target from voice (0) to words (1)."""

    emotion: float
    arousal: float
    valence: float

    @property
    def attributes(self) -> tuple[float, float, float]:
        """The pull on arousal, valence and dominance."""
        return self.arousal, self.valence, self.emotion


NEUTRAL_VOICE = Weights(emotion=0.65, arousal=0.35, valence=0.8)
EMOTIONAL_VOICE = Weights(emotion=0.35, arousal=0.2, valence=0.5)
VOICE_ALONE = Weights(emotion=0.0, arousal=0.0, valence=0.0)
WORDS_ALONE = Weights(emotion=1.0, arousal=1.0, valence=1.0)


@dataclass(frozen=True)
class Pair:
    """One example: whether the voice is heard, words or none, and the target."""

    voice: bool
    text: str | None
    classes: dict[str, float]  # emotion -> probability, sums to 1; empty where nobody chose one
    attributes: tuple[float, float, float]
    pull: Weights  # of the words on classes and attributes


class Pairing:
    """Draws the words for a clip."""

    def __init__(self, clips: Sequence[Clip], lines: Sequence[Line]) -> None:
        self.clips = clips
        self.texts: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if len(line.emotions) == 1:
                self.texts[line.emotions[0]].append(line.text)
        self.rated = [line for line in lines if line.attributes is not None]

    def draw(self, row: int, random: np.random.Generator) -> Pair:
        """The example for clip `row` under one random draw."""
        clip = self.clips[row]
        voice = derived_attributes(clip.label, clip.strong)
        alone = {clip.label: 1.0}
        kind = random.random()
        if kind < NO_WORDS:
            return Pair(True, None, alone, voice, VOICE_ALONE)
        if kind < NO_WORDS + OWN_WORDS:
            own = clip.text if clip.language == "en" else None
            text = own or self._line("neutral", random)
            return Pair(True, text, alone, voice, VOICE_ALONE)
        if kind < NO_WORDS + OWN_WORDS + SAME_EMOTION:
            same = "neutral" if clip.label == "calm" else clip.label
            return Pair(True, self._line(same, random), alone, voice, VOICE_ALONE)
        if kind > 1 - RATED_WORDS:
            line = self.rated[int(random.integers(len(self.rated)))]
            assert line.attributes is not None
            return Pair(False, line.text, {}, line.attributes, WORDS_ALONE)
        other = str(random.choice(sorted(set(self.texts) - {clip.label})))
        text = self._line(other, random)
        if kind > 1 - RATED_WORDS - NO_VOICE:
            return Pair(False, text, {other: 1.0}, derived_attributes(other), WORDS_ALONE)
        return contradiction(clip, other, text)

    def _line(self, emotion: str, random: np.random.Generator) -> str:
        texts = self.texts[emotion]
        return texts[int(random.integers(len(texts)))]


def contradiction(clip: Clip, words: str, text: str) -> Pair:
    """A clip said with a text whose words are of another emotion."""
    if words == "neutral":
        pull = VOICE_ALONE
    else:
        pull = NEUTRAL_VOICE if clip.label in UNMOVED else EMOTIONAL_VOICE
    by_voice, by_words = derived_attributes(clip.label, clip.strong), derived_attributes(words)
    arousal, valence, dominance = (
        (1 - share) * v + share * w
        for share, v, w in zip(pull.attributes, by_voice, by_words, strict=True)
    )
    classes = {clip.label: 1 - pull.emotion, words: pull.emotion}
    return Pair(True, text, classes, (arousal, valence, dominance), pull)
