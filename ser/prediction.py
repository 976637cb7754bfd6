"""What the recogniser answers, and its JSON form (a contract: see README)."""

from dataclasses import dataclass, field
from typing import Any

from ser.labels import most_probable
from ser.transcript import Transcript


@dataclass(frozen=True)
class EncoderAttention:
    """Where one encoder looked: its pooling weights on the recording's time axis.

    Weights of one window sum to 1. Over several windows they are scaled by the window's share of
    the speech, so that they sum to 1 over the recording.
    An encoder that had nothing to read, such as the words of a wordless recording, has none.
    """

    times_s: tuple[float, ...]  # centre of each frame, or of the word a token belongs to
    weights: tuple[float, ...]  # same length as times_s, each >= 0
    tokens: tuple[str, ...] | None = None  # text encoder only


@dataclass(frozen=True)
class Alternative:
    """What the answer would be without one of the encoders."""

    emotions: dict[str, float]
    attributes: dict[str, float]


@dataclass(frozen=True)
class WindowPrediction:
    """The answer for one window of the recording. Windows may overlap."""

    start_s: float
    end_s: float
    speech_s: float  # seconds of speech inside, the window's weight in the recording's answer
    emotions: dict[str, float]
    attributes: dict[str, float]
    attention: dict[str, EncoderAttention]
    contributions: dict[str, float]

    @property
    def emotion(self) -> str:
        """The most probable class."""
        return most_probable(self.emotions)


@dataclass(frozen=True)
class Prediction:
    """The answer for one recording: the mean of its windows, weighted by seconds of speech."""

    emotions: dict[str, float]  # class -> probability, in the bundle's order, sums to 1
    attributes: dict[str, float]  # arousal, valence, dominance, each in 1..7
    attention: dict[str, EncoderAttention]
    contributions: dict[str, float]  # encoder -> share of the answer, sums to 1 or all zero
    contribution_changes: dict[str, float]  # encoder -> probability moved by leaving it out, 0..1
    transcript: Transcript
    duration_s: float
    speech_s: float
    windows: tuple[WindowPrediction, ...]
    bundle: str
    notes: tuple[str, ...] = ()  # what the user should know, e.g. why the text was left out
    without: dict[str, Alternative] = field(default_factory=dict)  # encoder -> answer without it
    stretch: tuple[float, float] | None = None  # start and end in s, where only a part was analysed

    @property
    def span(self) -> tuple[float, float]:
        """From when to when the answer goes, in seconds of the recording."""
        return self.stretch or (0.0, self.duration_s)

    @property
    def emotion(self) -> str:
        """The most probable class."""
        return most_probable(self.emotions)

    def to_dict(self, timeline: bool = False) -> dict[str, Any]:
        """Plain JSON types under the names of the public contract; times in s, to the ms."""
        result: dict[str, Any] = {
            "duration_s": _to_ms(self.duration_s),
            "speech_s": _to_ms(self.speech_s),
            "transcript": {
                "text": self.transcript.text,
                "source": self.transcript.source,
                "language": self.transcript.language,
                "words": [
                    {
                        "text": word.text,
                        "start_s": _to_ms(word.start_s),
                        "end_s": _to_ms(word.end_s),
                    }
                    for word in self.transcript.words
                ],
            },
            "emotions": self.emotions,
            "attributes": self.attributes,
            "attention": _attention_to_dict(self.attention),
            "contributions": self.contributions,
            "contribution_changes": self.contribution_changes,
            "without": {
                name: {"emotions": other.emotions, "attributes": other.attributes}
                for name, other in self.without.items()
            },
            "bundle": self.bundle,
            "notes": list(self.notes),
        }
        if self.stretch is not None:
            start_s, end_s = self.stretch
            result["stretch"] = {"start_s": _to_ms(start_s), "end_s": _to_ms(end_s)}
        if timeline:
            result["timeline"] = [
                {
                    "start_s": _to_ms(window.start_s),
                    "end_s": _to_ms(window.end_s),
                    "speech_s": _to_ms(window.speech_s),
                    "emotions": window.emotions,
                    "attributes": window.attributes,
                    "attention": _attention_to_dict(window.attention),
                    "contributions": window.contributions,
                }
                for window in self.windows
            ]
        return result


def _to_ms(seconds: float) -> float:
    return round(seconds, 3)


def _attention_to_dict(attention: dict[str, EncoderAttention]) -> dict[str, Any]:
    return {
        name: {
            "times_s": [_to_ms(time_s) for time_s in view.times_s],
            "weights": list(view.weights),
            **({"tokens": list(view.tokens)} if view.tokens is not None else {}),
        }
        for name, view in attention.items()
    }
