"""What a bundle says of clips, as arrays that can be kept and put together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from ser.audio import Waveform
from ser.errors import NoSpeechError, SerError
from ser.labels import ATTRIBUTES, ENCODERS
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from training.corpora import Clip
from training.files import whole_file

NO_WORDS: Final = ""
ASKED_AT_ONCE: Final = 32
LEAST: Final = 1e-12  # so that a probability of 0 has a logarithm


@dataclass(frozen=True)
class Answers:
    """Answers for N clips; rows without speech hold NaN."""

    rows: np.ndarray  # [N] number of each clip in the recipe
    probabilities: np.ndarray  # [N, C]
    attributes: np.ndarray  # [N, 3] in 1..7
    without: np.ndarray  # [N, E, C] probabilities without each encoder

    @property
    def heard(self) -> np.ndarray:
        """Where speech detection found somebody speaking, [N] bool."""
        return ~np.isnan(self.probabilities[:, 0])

    def at_temperature(self, temperature: float) -> "Answers":
        """The probabilities of a model whose logits are divided by `temperature`."""
        whole, without = (
            softmax(np.log(np.maximum(values, LEAST)) / temperature)
            for values in (self.probabilities, self.without)
        )
        return Answers(self.rows, whole, self.attributes, without)

    def among(self, chosen: np.ndarray) -> "Answers":
        """The answers of some rows."""
        return Answers(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def save(self, path: Path) -> None:
        """Write a .npz file, whole or not at all."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **columns)

    @classmethod
    def load(cls, path: Path) -> "Answers":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls(**{name: stored[name] for name in cls.__dataclass_fields__})


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several bundles for different clips."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Answers.__dataclass_fields__
    }
    return Answers(**columns)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis; NaN stays NaN."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def ask(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    rows: Sequence[int],
    words: str | Sequence[str] = NO_WORDS,
    sound: Callable[[Clip], Path | Waveform] = lambda clip: clip.path,
) -> Answers:
    """Answers for `clips[row]` with the given words under them; none by default."""
    texts = [words] * len(rows) if isinstance(words, str) else list(words)
    told = list(_predictions(recognizer, [clips[row] for row in rows], texts, sound))
    return Answers(
        np.array(rows, dtype=np.int64),
        _rows((list(p.emotions.values()) for p in told if p), told),
        _rows(([p.attributes[name] for name in ATTRIBUTES] for p in told if p), told),
        _rows(([list(p.without[e].emotions.values()) for e in ENCODERS] for p in told if p), told),
    )


def _predictions(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    texts: Sequence[str],
    sound: Callable[[Clip], Path | Waveform],
) -> Iterator[Prediction | None]:
    """None where nobody speaks. A clip that cannot be used stops it with its sentence."""
    starts = range(0, len(clips), ASKED_AT_ONCE)
    for start in tqdm(starts, desc="asking", mininterval=10):
        part = slice(start, start + ASKED_AT_ONCE)
        for answer in recognizer.predict_many([sound(c) for c in clips[part]], texts[part]):
            if isinstance(answer, SerError) and not isinstance(answer, NoSpeechError):
                raise answer
            yield None if isinstance(answer, SerError) else answer


def _rows(values: Iterable[Any], told: Sequence[Prediction | None]) -> np.ndarray:
    """Values of the answered rows among NaN for the others."""
    filled = np.array(list(values), dtype=np.float32)
    whole = np.full((len(told), *filled.shape[1:]), np.nan, dtype=np.float32)
    whole[[answer is not None for answer in told]] = filled
    return whole
