"""Results for programs: JSON lines and CSV, one after the other as they come."""

import csv
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TextIO

from ser.answer import words_of_windows
from ser.labels import ATTRIBUTES, ENCODERS
from ser.prediction import Prediction
from ser.speech import Window

DIGITS = 6  # after the point in CSV; JSON has all there are


class Writer(Protocol):
    """Prints what is known of each file, in the order in which it is told."""

    tells_notes: bool  # whether the notes of a prediction are part of what it prints

    def answer(self, file: str, prediction: Prediction) -> None: ...

    def fault(self, file: str, sentence: str) -> None: ...


class JsonWriter:
    """One object per line, under the names of the public contract."""

    tells_notes = True

    def __init__(self, stream: TextIO, timeline: bool) -> None:
        self.stream = stream
        self.timeline = timeline

    def answer(self, file: str, prediction: Prediction) -> None:
        """`file` and everything in the prediction."""
        self._write({"file": file, **prediction.to_dict(self.timeline)})

    def fault(self, file: str, sentence: str) -> None:
        """`file` and `error`."""
        self._write({"file": file, "error": sentence})

    def _write(self, values: Mapping[str, Any]) -> None:
        print(json.dumps(values, ensure_ascii=False), file=self.stream, flush=True)


class CsvWriter:
    """A header and one row per file; with a timeline, one row per window of each file."""

    tells_notes = False

    def __init__(self, stream: TextIO, timeline: bool, classes: Sequence[str]) -> None:
        self.stream = stream
        self.timeline = timeline
        span = ["start_s", "end_s"] if timeline else []
        shares = [f"contribution_{name}" for name in ENCODERS]
        columns = [
            *["file", *span, "duration_s", "speech_s", "emotion"],
            *[*classes, *ATTRIBUTES, *shares],
            *["transcript", "transcript_source", "error"],
        ]
        self.rows = csv.DictWriter(stream, columns, lineterminator="\n")
        self.rows.writeheader()

    def answer(self, file: str, prediction: Prediction) -> None:
        """The recording's row, or the rows of its windows with the words said in each."""
        known = {
            "file": file,
            "duration_s": prediction.duration_s,
            "transcript_source": prediction.transcript.source,
        }
        if not self.timeline:
            text = prediction.transcript.text
            self._write({**known, **_figures(prediction), "transcript": text})
            return
        for window, text in zip(prediction.windows, texts_of_windows(prediction), strict=True):
            span = {"start_s": window.start_s, "end_s": window.end_s}
            self._write({**known, **span, **_figures(window), "transcript": text})

    def fault(self, file: str, sentence: str) -> None:
        """A row with nothing but the file and its error."""
        self._write({"file": file, "error": sentence})

    def _write(self, values: Mapping[str, Any]) -> None:
        self.rows.writerow(
            {
                name: round(value, DIGITS) if isinstance(value, float) else value
                for name, value in values.items()
            }
        )
        self.stream.flush()


def texts_of_windows(prediction: Prediction) -> list[str]:
    """The words said in each window."""
    windows = [Window(part.start_s, part.end_s, part.speech_s) for part in prediction.windows]
    words = words_of_windows(prediction.transcript.words, windows)
    return [" ".join(word.text for word in items) for items in words]


class _Answer(Protocol):
    """What the answers for a recording and for one of its windows have in common."""

    @property
    def speech_s(self) -> float: ...
    @property
    def emotions(self) -> dict[str, float]: ...
    @property
    def attributes(self) -> dict[str, float]: ...
    @property
    def contributions(self) -> dict[str, float]: ...


def most_probable(emotions: Mapping[str, float]) -> str:
    """The class with the highest probability."""
    return max(emotions, key=emotions.__getitem__)


def _figures(answer: _Answer) -> dict[str, Any]:
    shares = {f"contribution_{name}": share for name, share in answer.contributions.items()}
    emotion = most_probable(answer.emotions)
    figures = {"speech_s": answer.speech_s, "emotion": emotion}
    return {**figures, **answer.emotions, **answer.attributes, **shares}
