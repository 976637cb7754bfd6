"""Results for people: a few lines for one file, one row per file for many."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser.export import texts_of_windows
from ser.labels import ATTRIBUTE_ENDS, EMOTION_COLOURS, most_probable
from ser.prediction import Prediction

BAR_CELLS = 30
EMOTION_CELLS, ATTRIBUTE_CELLS = 14, 13  # "surprise 62 %", "5.1  3.2  4.0"
GAP = 2  # cells between columns


class PipeConsole(Console):
    """A console that leaves it to its user what to do when the reader has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class OneFileWriter:
    """All that is known of a single recording, readable in 80 columns."""

    tells_notes = True

    def __init__(self, console: Console, timeline: bool) -> None:
        self.console = console
        self.timeline = timeline

    def answer(self, file: str, prediction: Prediction) -> None:
        """Distribution, attributes, shares, words, notes."""
        seconds = f"{prediction.duration_s:.1f} s, {prediction.speech_s:.1f} s of speech"
        parts: list[RenderableType] = [
            Text.assemble((file, "bold"), f"  {seconds}"),
            Padding(bars(prediction.emotions), (1, 0, 1, 2)),
            Padding(_facts(prediction), (0, 0, 0, 2)),
        ]
        parts += [Padding(Text(note, "yellow"), (0, 0, 0, 2)) for note in prediction.notes]
        self.console.print(Group(*parts))
        if self.timeline:
            rows = RowsWriter(self.console, timeline=True, title="window")
            rows.windows(prediction)

    def fault(self, file: str, sentence: str) -> None:
        """The sentence, which names the file."""
        self.console.print(Text(sentence, "red"))


class RowsWriter:
    """One row per recording under a header; with a timeline, its windows below it."""

    tells_notes = False

    def __init__(self, console: Console, timeline: bool, title: str = "file") -> None:
        self.console = console
        self.timeline = timeline
        room = console.width - EMOTION_CELLS - ATTRIBUTE_CELLS - 3 * GAP
        self.file_cells = max(8, room // 2)
        self.text_cells = max(8, room - self.file_cells)
        head = [Text(name, "bold") for name in (title, "emotion", "aro  val  dom", "words")]
        self._print(head)

    def answer(self, file: str, prediction: Prediction) -> None:
        """The row of a recording."""
        self._row(
            Text(_end_of(file, self.file_cells)),
            prediction.emotions,
            prediction.attributes,
            prediction.transcript.text,
        )
        if self.timeline:
            self.windows(prediction)

    def windows(self, prediction: Prediction) -> None:
        """A row for each window, under its time in the recording."""
        for window, text in zip(prediction.windows, texts_of_windows(prediction), strict=True):
            span = f"  {window.start_s:6.1f} to {window.end_s:.1f} s"
            self._row(Text(span), window.emotions, window.attributes, text)

    def fault(self, file: str, sentence: str) -> None:
        """The file and, in the other columns, its error."""
        row = Table.grid(padding=(0, GAP, 0, 0))
        row.add_column(width=self.file_cells)
        row.add_column()
        row.add_row(Text(_end_of(file, self.file_cells)), Text(sentence, "red"))
        self.console.print(row)

    def _row(
        self, name: Text, emotions: Mapping[str, float], attributes: Mapping[str, float], text: str
    ) -> None:
        first = most_probable(emotions)
        emotion = Text(f"{first:8} {emotions[first]:4.0%}", EMOTION_COLOURS[first])
        values = Text("  ".join(f"{value:.1f}" for value in attributes.values()))
        self._print([name, emotion, values, Text(text)])

    def _print(self, cells: Sequence[Text]) -> None:
        """A table of one row, so that rows appear as they come and still stand in columns."""
        row = Table.grid(padding=(0, GAP, 0, 0))
        for width in (self.file_cells, EMOTION_CELLS, ATTRIBUTE_CELLS, self.text_cells):
            row.add_column(width=width, no_wrap=True, overflow="ellipsis")
        row.add_row(*cells)
        self.console.print(row)


def bars(emotions: Mapping[str, float]) -> Table:
    """The distribution in the bundle's order, the most probable class in bold."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    first = most_probable(emotions)
    for name, share in emotions.items():
        style = "bold" if name == first else ""
        bar = Text("█" * round(BAR_CELLS * share), EMOTION_COLOURS[name])
        grid.add_row(Text(name, style), Text(f"{share:6.1%}", style), bar)
    return grid


def _facts(prediction: Prediction) -> Table:
    facts = Table.grid(padding=(0, GAP, 0, 0))
    for name, value in prediction.attributes.items():
        low, high = ATTRIBUTE_ENDS[name]
        facts.add_row(name, f"{value:.2f} of 1 ({low}) to 7 ({high})")
    shares = [f"{name} {share:.0%}" for name, share in prediction.contributions.items()]
    facts.add_row("shares", ", ".join(shares))
    facts.add_row("words", Text(prediction.transcript.text or "-"))
    facts.add_row("written by", Text(prediction.transcript.source))
    facts.add_row("bundle", Text(prediction.bundle))
    return facts


def _end_of(name: str, cells: int) -> str:
    """A long path by its end, which tells the file."""
    if cell_len(name) <= cells:
        return name
    while cell_len(name) > cells - 1:
        name = name[1:]
    return f"…{name}"
