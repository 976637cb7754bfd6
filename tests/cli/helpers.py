"""A stand-in for the recogniser behind the command line."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import AudioError, SerError
from ser.prediction import Prediction, WindowPrediction
from tests.fake_recognizer import CLASSES, fake_prediction

HUM = Waveform((0.1 * np.sin(np.arange(2 * SAMPLE_RATE_HZ) / 9)).astype(np.float32))


class FakeRecognizer:
    """Answers without looking: a fault for names with "bad", two windows, made-up numbers."""

    parts: ClassVar[list[dict[str, Any]]] = []  # which part of each recording was asked for

    def __init__(self, transcriber: Any = None) -> None:
        fusion = SimpleNamespace(emotions=CLASSES)
        self.bundle = SimpleNamespace(config=SimpleNamespace(fusion=fusion), metrics={})
        self.transcriber = transcriber

    def predict(
        self, audio: str | Waveform, transcript: str | None = None, **part: Any
    ) -> Prediction:
        self.parts.append(part)
        if "bad" in str(audio):
            raise AudioError(f"{Path(str(audio)).name} is bad. Choose another.")
        source = "fake" if transcript is None else "user"
        return with_windows(fake_prediction(transcript or "So it is, é", HUM, source))

    def predict_many(
        self, audios: Sequence[str], transcripts: Sequence[str | None], **part: Any
    ) -> Iterator[Prediction | SerError]:
        for audio, transcript in zip(audios, transcripts, strict=True):
            try:
                yield self.predict(audio, transcript, **part)
            except SerError as error:
                yield error


def with_windows(prediction: Prediction) -> Prediction:
    """The same answer for two halves of the recording."""
    half_s = prediction.duration_s / 2
    windows = tuple(
        WindowPrediction(
            start_s=start_s, end_s=start_s + half_s, speech_s=0.4,
            emotions=prediction.emotions, attributes=prediction.attributes,
            attention=prediction.attention, contributions=prediction.contributions,
        )
        for start_s in (0.0, half_s)
    )  # fmt: skip
    return replace(prediction, windows=windows)
