"""Predictions of others, as the challenge's baseline gives them: CSV files by file name."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN
from training.config import Config
from training.manifest import read_manifest
from training.predictions import ATTRIBUTE_PREFIX, CLASS_PREFIX

FILE: Final = "FileName"
CLASS: Final = "EmoClass"
COLUMNS: Final = {"arousal": "EmoAct", "valence": "EmoVal", "dominance": "EmoDom"}
LETTERS: Final = {
    "angry": "A",
    "contempt": "C",
    "disgust": "D",
    "fear": "F",
    "happy": "H",
    "neutral": "N",
    "sad": "S",
    "surprise": "U",
}
"""The challenge's eight classes."""
PLACE: Final = "{split}"
NAMED: Final = 10  # file names told in a sentence
logger = logging.getLogger(__name__)


def named(names: Collection[str]) -> str:
    """How many, and the first few by name."""
    first = ", ".join(sorted(names)[:NAMED])
    return f"{len(names)} ({first}{', …' if len(names) > NAMED else ''})"


@dataclass(frozen=True)
class External:
    """One CSV file for all splits, or one per split where the path holds `{split}`."""

    name: str  # as the configuration writes it, relative to `data`
    config: Config

    def frame(self, split: str, ids: Sequence[str]) -> pd.DataFrame | None:
        """Columns of `Predictions` that the file has, by id; None where it has none of `ids`.

        SerError names recordings that are missing; those that nobody knows are told in the log.
        """
        path = self.config.data / self.name.replace(PLACE, split)
        if PLACE in self.name and not path.is_file():
            return None
        values = self._read(path)
        wanted = [self._names[name] for name in ids]
        known = set(wanted) if PLACE in self.name else set(self._names.values())
        if strangers := set(values.index) - known:
            logger.warning("%s: nobody knows the recordings %s.", path.name, named(strangers))
        missing = set(wanted) - set(values.index)
        if len(missing) == len(set(wanted)):
            return None
        if missing:
            raise SerError(
                f"{path.name} of `ensemble` lacks predictions of split {split}: {named(missing)}."
            )
        return values.loc[wanted].set_axis(list(ids))

    @cached_property
    def _names(self) -> dict[str, str]:
        """Id -> file name, as far as files are told apart by it."""
        rows = read_manifest(self.config.manifest)
        return dict(zip(rows["id"], rows["path"].map(plain_name), strict=True))

    def _read(self, path: Path) -> pd.DataFrame:
        """Columns of `Predictions` by file name."""
        table = read_table(path)
        doubled = table[FILE][table[FILE].duplicated()]
        if len(doubled):
            raise SerError(f"{path.name} has rows twice: {named(set(doubled))}.")
        told = {}
        for attribute, column in COLUMNS.items():
            if column in table:
                told[ATTRIBUTE_PREFIX + attribute] = _numbers(table, column, path)
        if CLASS in table:
            if strange := set(table[CLASS]) - set(LETTERS.values()):
                raise SerError(f"{path.name} has unknown classes in {CLASS}: {sorted(strange)}.")
            for emotion, letter in LETTERS.items():  # all probability on the one it names
                told[CLASS_PREFIX + emotion] = (table[CLASS] == letter).astype(float)
        if not told:
            raise SerError(
                f"{path.name} has none of the columns {', '.join(COLUMNS.values())}, {CLASS}; "
                f"it has {', '.join(table.columns)}."
            )
        return pd.DataFrame(told).set_axis(table[FILE].map(plain_name))


def plain_name(path: str) -> str:
    """File name without folder and ending, which differ between copies of a corpus."""
    return PurePosixPath(str(path).strip()).stem


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file with the column FileName."""
    try:
        table = pd.read_csv(path, skipinitialspace=True)
    except OSError as error:
        raise SerError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise SerError(f"{path} is not a CSV file: {error}.") from error
    if FILE not in table:
        raise SerError(f"{path.name} has no column {FILE}; it has {', '.join(table.columns)}.")
    return table


def _numbers(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """Ratings 1..7; what lies outside is moved to the nearest end."""
    values = pd.to_numeric(table[column], errors="coerce")
    if values.isna().any():
        raise SerError(
            f"{path.name} has no number in {column} for {named(set(table[FILE][values.isna()]))}."
        )
    return values.astype(float).clip(ATTRIBUTE_MIN, ATTRIBUTE_MAX)
