"""A recogniser that answers at once: real decoding, made-up but deterministic predictions.

It keeps the tests of the page fast and independent of any model.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ser.audio import Waveform, load_audio
from ser.errors import Cancelled, NoSpeechError, SerError
from ser.labels import ATTRIBUTES, EMOTIONS, ENCODERS
from ser.prediction import Alternative, EncoderAttention, Prediction, WindowPrediction
from ser.progress import Watch
from ser.recording import Stretch
from ser.speech import Segment, Sliding, cut_windows, slide_windows
from ser.transcript import Transcript, Word

FRAME_S = 0.02
WINDOW_S = 10.0  # longest window along the pauses
HEARD = "Kids are talking by the door"
CLASSES = tuple(name for name in EMOTIONS if name not in ("contempt", "other"))


@dataclass(frozen=True)
class FakeAnalysis:
    """As `ser.recognizer.Analysis`, as far as the page asks."""

    waveform: Waveform
    prediction: Prediction
    frames: tuple = ()  # nothing was heard


@dataclass
class FakeRecognizer:
    """Stands in for `ser.recognizer.Recognizer`; `slow` makes it slow, `fault` makes it fail."""

    wait_s: float = 0.0
    fault: Exception | None = None
    working: int = 0  # analyses that have begun and not ended
    paths: list[str] = field(default_factory=list)  # what was asked for, in order
    bundle: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            name="fake-bundle", metrics={}, card="", config=None, folder=None
        )
    )
    transcriber: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            name="fake-transcriber", status="The fake transcriber writes the text."
        )
    )

    def analyse(
        self,
        audio: str | os.PathLike[str] | Waveform,
        transcript: str | None = None,
        progress: Callable[[float, str], None] | None = None,
        *,
        sliding: Sliding | None = None,
        stretch: Stretch | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> FakeAnalysis:
        """Decode the file as the product does, then answer from a hash of its samples."""
        self.paths.append(str(audio))
        self._work(Watch(progress, cancelled))
        waveform = audio if isinstance(audio, Waveform) else load_audio(audio)
        if np.abs(waveform.samples).max() < 1e-3:
            raise NoSpeechError("The recording holds no speech. Record somebody who speaks.")
        source = "fake-transcriber" if transcript is None else "user"
        text = HEARD if transcript is None else transcript
        prediction = fake_prediction(text, waveform, source, sliding, stretch)
        return FakeAnalysis(waveform, prediction)

    @contextmanager
    def slow(self, wait_s: float) -> Iterator[None]:
        """While every analysis takes so long."""
        self.wait_s = wait_s
        try:
            yield
        finally:
            self.wait_s = 0.0

    def predict(
        self,
        audio: str | os.PathLike[str] | Waveform,
        transcript: str | None = None,
        **options: Any,
    ) -> Prediction:
        """The prediction alone."""
        return self.analyse(audio, transcript, **options).prediction

    def predict_many(
        self, audios: Sequence[str | os.PathLike[str] | Waveform], **options: Any
    ) -> Iterator[Prediction | SerError]:
        """One after the other; what cannot be used gives its error."""
        for audio in audios:
            try:
                yield self.predict(audio, **options)
            except Cancelled:
                raise
            except SerError as error:
                yield error

    def revise(
        self,
        analysis: FakeAnalysis,
        transcript: str,
        progress: Callable[[float, str], None] | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> FakeAnalysis:
        """The same sound with other words."""
        self._work(Watch(progress, cancelled))
        prediction = fake_prediction(transcript, analysis.waveform, "user")
        return replace(analysis, prediction=prediction)

    def excerpt(
        self,
        analysis: FakeAnalysis,
        stretch: Stretch,
        progress: Callable[[float, str], None] | None = None,
        *,
        sliding: Sliding | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> FakeAnalysis:
        """The words stay where they are; those of the stretch alone count."""
        self._work(Watch(progress, cancelled))
        words = analysis.prediction.transcript
        whole = stretch == Stretch(0.0, analysis.waveform.duration_s)
        part = None if whole else stretch
        prediction = fake_prediction(words.text, analysis.waveform, words.source, sliding, part)
        heard = words.between(stretch.start_s, stretch.end_s)
        return replace(analysis, prediction=replace(prediction, transcript=heard))

    def _work(self, watch: Watch) -> None:
        end = time.monotonic() + self.wait_s
        self.working += 1
        try:
            watch.tell(0.1, "Listening")
            while time.monotonic() < end:
                time.sleep(0.05)
                watch.tell(0.1, "Listening")
        finally:
            self.working -= 1
        if self.fault is not None:
            raise self.fault


def fake_prediction(
    text: str,
    waveform: Waveform,
    source: str = "fake-transcriber",
    sliding: Sliding | None = None,
    stretch: Stretch | None = None,
) -> Prediction:
    """Numbers drawn from a hash of the samples and the text: the same question, the same answer."""
    place = stretch or Stretch(0.0, waveform.duration_s)
    heard = waveform.slice(place.start_s, place.end_s)
    digest = hashlib.sha256(heard.samples.tobytes() + text.encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    words = _spread(text, waveform.duration_s)
    shares = random.dirichlet(np.ones(len(ENCODERS)) * 3)
    if not words:
        shares = np.array([0.5, 0.5, 0.0])
    return Prediction(
        emotions=_distribution(random),
        attributes=_attributes(random),
        attention={name: _attention(name, words, waveform.duration_s, random) for name in ENCODERS},
        contributions=dict(zip(ENCODERS, shares.tolist(), strict=True)),
        contribution_changes=dict(zip(ENCODERS, (shares * 0.4).tolist(), strict=True)),
        transcript=Transcript(text, words, source, "en" if text else None),
        duration_s=waveform.duration_s,
        speech_s=0.8 * waveform.duration_s,
        windows=_windows(place, sliding, random),
        bundle="fake-bundle",
        notes=() if words else ("There is no text, so the text encoder was left out.",),
        without={
            name: Alternative(_distribution(random), _attributes(random)) for name in ENCODERS
        },
        stretch=None if stretch is None else (stretch.start_s, stretch.end_s),
    )


def _windows(
    place: Stretch, sliding: Sliding | None, random: np.random.Generator
) -> tuple[WindowPrediction, ...]:
    """Somebody speaks all the time but at the ends."""
    length_s = place.end_s - place.start_s
    spoken = [Segment(0.1 * length_s, 0.9 * length_s)]
    if sliding is None:
        found = cut_windows(spoken, length_s, WINDOW_S)
    else:
        found = slide_windows(spoken, length_s, sliding)
    return tuple(
        WindowPrediction(
            place.start_s + window.start_s, place.start_s + window.end_s, window.speech_s,
            _distribution(random), _attributes(random), {}, {},
        )
        for window in found
    )  # fmt: skip


def _attributes(random: np.random.Generator) -> dict[str, float]:
    return dict(zip(ATTRIBUTES, random.uniform(1.5, 6.5, 3).tolist(), strict=True))


def _distribution(random: np.random.Generator) -> dict[str, float]:
    return dict(zip(CLASSES, random.dirichlet(np.ones(len(CLASSES)) * 0.6).tolist(), strict=True))


def _spread(text: str, duration_s: float) -> tuple[Word, ...]:
    pieces = text.split()
    ends = np.cumsum([0.0, *(len(piece) + 1 for piece in pieces)])
    times = 0.1 * duration_s + 0.8 * duration_s * ends / max(1.0, ends[-1])
    return tuple(
        Word(piece, float(start_s), float(end_s) - 0.02)
        for piece, start_s, end_s in zip(pieces, times[:-1], times[1:], strict=True)
    )


def _attention(
    name: str, words: tuple[Word, ...], duration_s: float, random: np.random.Generator
) -> EncoderAttention:
    if name == "roberta":
        weights = random.dirichlet(np.ones(len(words))) if words else np.zeros(0)
        times = tuple((word.start_s + word.end_s) / 2 for word in words)
        return EncoderAttention(times, tuple(weights.tolist()), tuple(w.text for w in words))
    times_s = np.arange(FRAME_S / 2, duration_s, FRAME_S)
    centres = random.uniform(0, duration_s, 3)
    hills = sum(np.exp(-(((times_s - centre) / 0.15) ** 2)) for centre in centres) + 0.05
    weights = hills / hills.sum()
    return EncoderAttention(tuple(times_s.tolist()), tuple(weights.tolist()))
