"""Results for programs: JSON lines, CSV, Praat and reports, one after the other as they come."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from ser.errors import SerError
from ser.export import columns, json_line, rows_of, to_csv
from ser.prediction import Prediction

ENDINGS = {"textgrid": ".TextGrid", "html": ".html"}  # formats of one document for each recording


def new_file(path: Path) -> TextIO:
    """A file for results, which must not be there yet; names that are no text are escaped in it."""
    return path.open("x", encoding="utf-8", errors="backslashreplace", newline="\n")


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
        print(json_line(file, prediction, self.timeline), file=self.stream, flush=True)

    def fault(self, file: str, sentence: str) -> None:
        """`file` and `error`."""
        print(json_line(file, SerError(sentence)), file=self.stream, flush=True)


class CsvWriter:
    """A header and one row per file; with a timeline, one row per window of each file."""

    tells_notes = False

    def __init__(self, stream: TextIO, timeline: bool, classes: Sequence[str]) -> None:
        self.stream = stream
        self.timeline = timeline
        self.columns = columns(classes, timeline)
        self._print(to_csv([], self.columns))

    def answer(self, file: str, prediction: Prediction) -> None:
        """The recording's row, or the rows of its windows with the words said in each."""
        rows = rows_of(file, prediction, self.timeline)
        self._print(to_csv(rows, self.columns, header=False))

    def fault(self, file: str, sentence: str) -> None:
        """A row with nothing but the file and its error."""
        self._print(to_csv(rows_of(file, SerError(sentence)), self.columns, header=False))

    def _print(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class DocumentWriter:
    """A document for each recording: in a folder, under one name, or on the stream.

    What fails, and a document whose name is taken, is told to `tell`.
    """

    tells_notes = False

    def __init__(
        self,
        make: Callable[[str, Prediction], str],
        ending: str,
        target: Path | None,
        stream: TextIO,
        tell: Callable[[str], None],
    ) -> None:
        self.make = make
        self.ending = ending
        self.target = target
        self.stream = stream
        self.tell = tell

    def answer(self, file: str, prediction: Prediction) -> None:
        """Write the document. SerError where that cannot be done."""
        text = self.make(file, prediction)
        if self.target is None:
            self.stream.write(text)
            return
        path = self.target
        if path.is_dir():
            path = path / f"{Path(file).stem}{self.ending}"
        try:
            with new_file(path) as document:
                document.write(text)
        except FileExistsError as error:
            raise SerError(f"{path} exists already. Move it, or choose another folder.") from error
        except OSError as error:
            raise SerError(f"{path} cannot be written ({error.strerror}).") from error
        self.tell(f"{path} is written.")

    def fault(self, file: str, sentence: str) -> None:
        """The sentence, which names the file."""
        self.tell(sentence)
