"""Answers as rows of a table: one for each file, or one for each window of each file."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ser.answer import words_of_windows
from ser.errors import SerError
from ser.labels import ATTRIBUTES, ENCODERS, most_probable
from ser.prediction import Prediction
from ser.speech import Window

DIGITS = 6  # after the point; JSON has all there are
Row = dict[str, Any]


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


def columns(classes: Sequence[str], timeline: bool = False) -> list[str]:
    """Names of all columns, in order; `classes` are those of the bundle."""
    return [
        *["file", *(["start_s", "end_s"] if timeline else []), "duration_s", "speech_s", "emotion"],
        *[*classes, *ATTRIBUTES, *(f"contribution_{name}" for name in ENCODERS)],
        *["transcript", "transcript_source", "error"],
    ]


def rows_of(file: str, answer: Prediction | SerError, timeline: bool = False) -> list[Row]:
    """A file's row, or the rows of its windows; of a file that failed, its name and error.

    What a row does not tell is not in it.
    """
    if isinstance(answer, SerError):
        return [{"file": file, "error": str(answer)}]
    known = {
        "file": file,
        "duration_s": answer.duration_s,
        "transcript_source": answer.transcript.source,
    }
    if not timeline:
        return [{**known, **_figures(answer), "transcript": answer.transcript.text}]
    return [
        {
            **known,
            "start_s": window.start_s,
            "end_s": window.end_s,
            **_figures(window),
            "transcript": text,
        }
        for window, text in zip(answer.windows, texts_of_windows(answer), strict=True)
    ]


def to_csv(rows: Iterable[Mapping[str, Any]], names: Sequence[str], header: bool = True) -> str:
    """Rows as CSV under `names`; what a row does not tell stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows({name: _rounded(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def texts_of_windows(prediction: Prediction) -> list[str]:
    """The words said in each window."""
    windows = [Window(part.start_s, part.end_s, part.speech_s) for part in prediction.windows]
    words = words_of_windows(prediction.transcript.words, windows)
    return [" ".join(word.text for word in items) for items in words]


def _figures(answer: _Answer) -> Row:
    shares = {f"contribution_{name}": share for name, share in answer.contributions.items()}
    emotion = most_probable(answer.emotions)
    figures = {"speech_s": answer.speech_s, "emotion": emotion}
    return {**figures, **answer.emotions, **answer.attributes, **shares}


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
