"""What the tables share: rows of figures as Markdown and CSV, and checks before hours are spent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ser.errors import SerError
from training import manifest
from training.config import Config
from training.files import write_text
from training.report import ABSENT, table
from training.scores import TITLES, Measure

Command = Callable[[Config], None]  # fit or finetune
BRACKETS: Final = "Brackets: 95 % bootstrap intervals by speaker."
LABELS: Final = {
    "a class": lambda frame: frame["emotion"].notna(),
    "ratings": lambda frame: frame["arousal"].notna(),
}


@dataclass(frozen=True)
class Row:
    """One model: what it is called, column by column, and its figures."""

    names: Mapping[str, str]
    figures: Mapping[str, Measure | None]  # column -> figure; None: not measured


@dataclass(frozen=True)
class Table:
    """Rows with the same columns, and a sentence on how they were chosen."""

    title: str
    rows: Sequence[Row]
    rule: str

    @property
    def markdown(self) -> str:
        """Three decimals, intervals in brackets."""
        header = [*self.rows[0].names, *self.rows[0].figures]
        cells = [
            [*row.names.values(), *(ABSENT if f is None else str(f) for f in row.figures.values())]
            for row in self.rows
        ]
        return f"## {self.title}\n\n{table(header, cells)}\n{self.rule} {BRACKETS}\n"

    @property
    def csv(self) -> str:
        """Each figure with columns for the ends of its interval; empty where not measured."""
        records = []
        for row in self.rows:
            record: dict[str, Any] = dict(row.names)
            for name, figure in row.figures.items():
                value, low, high = astuple(figure) if figure else (None, None, None)
                record |= {name: value, f"{name} low": low, f"{name} high": high}
            records.append(record)
        return pd.DataFrame(records).to_csv(index=False, float_format="%.6f", lineterminator="\n")

    def publish(self, folder: Path, name: str) -> None:
        """Print it, and write `<name>.md` and `<name>.csv`."""
        write_text(folder / f"{name}.md", self.markdown)
        write_text(folder / f"{name}.csv", self.csv)
        print(self.markdown)


def titled(
    measures: Mapping[str, Measure], names: Sequence[str], where: str
) -> dict[str, Measure | None]:
    """Figures under their column's title, with the split they were measured on."""
    return {f"{TITLES[name]}, {where}": measures.get(name) for name in names}


def check_splits(config: Config, wanted: Mapping[str, Sequence[str]]) -> None:
    """SerError where a split lacks the labels (keys of LABELS) that a table needs of it."""
    if config.folds is not None:
        raise SerError("The tables are measured on splits, not on folds: set folds=null.")
    frame = manifest.load(config)
    for split, labels in wanted.items():
        rows = frame[frame["split"] == split]
        for label in labels:
            if not LABELS[label](rows).any():
                raise SerError(
                    f"No recording of the split {split} has {label}, which this table is measured "
                    "on: look at what `prepare` printed, and at `split` of the configuration."
                )


def check_finetune(config: Config) -> None:
    """SerError where fine-tuning would fail after the first phase was trained."""
    if not config.finetune:
        raise SerError("The configuration has no fine-tuning: name variants under finetune.")
    if bare := [name for name, stage in config.finetune.items() if stage.start is None]:
        raise SerError(
            f"finetune.{bare[0]}.start is missing: say what it starts from, such as fit/ccc."
        )
