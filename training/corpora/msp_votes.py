"""What single annotators said of MSP-Podcast, in the shapes of its releases."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from ser.errors import SerError
from training.corpora.base import read_text

PRIMARY: Final = {
    "angry": "angry",
    "anger": "angry",
    "sad": "sad",
    "sadness": "sad",
    "happy": "happy",
    "happiness": "happy",
    "surprise": "surprise",
    "surprised": "surprise",
    "fear": "fear",
    "afraid": "fear",
    "disgust": "disgust",
    "disgusted": "disgust",
    "contempt": "contempt",
    "neutral": "neutral",
    "other": "other",  # followed by a dash and free text
}
DETAIL: Final = "EmoDetail"  # releases 1.7 to 1.12 and the challenge
MAJOR: Final = "EmoClass_Major"  # release 1.6, release 2.0 and the JSON file


def read_votes(path: Path) -> dict[str, dict[str, float]]:
    """Recording (without its ending) -> class -> number of annotators who chose it first."""
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    answers = _from_json(path) if path.suffix == ".json" else _from_csv(path)
    for name, primary in answers:
        if emotion := _emotion(primary, name, path):
            votes[Path(name).stem][emotion] += 1
    return {name: {key: float(count) for key, count in row.items()} for name, row in votes.items()}


def _emotion(primary: str, name: str, path: Path) -> str | None:
    """None where an annotator chose nothing."""
    spelling = primary.partition("-")[0].strip().lower()
    if not spelling:
        return None
    if spelling not in PRIMARY:
        raise SerError(
            f"{path} has the unknown primary emotion {primary!r} for {name}; known are "
            f"{', '.join(PRIMARY)}, and Other-<text>."
        )
    return PRIMARY[spelling]


def _from_csv(path: Path) -> Iterator[tuple[str, str]]:
    table = read_csv(path, ("FileName",))
    if MAJOR in table:
        yield from zip(table["FileName"], table[MAJOR], strict=True)
        return
    if DETAIL not in table:
        raise SerError(f"{path} has neither a column {MAJOR} nor {DETAIL}: take the released file.")
    for name, detail in zip(table["FileName"], table[DETAIL], strict=True):
        parts = detail.split(";")  # worker; primary; secondary; A:..; V:..; D:..;
        if len(parts) < 2:
            raise SerError(f"{path} has the entry {detail!r} for {name}, not `worker; emotion; …`.")
        yield name, parts[1].strip()


def _from_json(path: Path) -> Iterator[tuple[str, str]]:
    try:
        answers = json.loads(read_text(path))
        for name, workers in answers.items():
            for said in workers.values():
                yield name, str(said[MAJOR])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SerError(
            f"{path} is not {{file: {{worker: {{{MAJOR}: …}}}}}}: take the released file."
        ) from error


def read_csv(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """All cells as stripped text, in whatever order its columns are. SerError names what lacks."""
    try:
        table = pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            index_col=False,  # else rows with a comma too many would shift all columns
            encoding="utf-8-sig",
            skipinitialspace=True,
        ).fillna("")  # cells that a short row does not have
    except (OSError, ValueError, csv.Error) as error:
        raise SerError(f"The label file {path} is not a readable CSV file: {error}") from error
    table.columns = table.columns.str.strip()
    if missing := [name for name in columns if name not in table]:
        raise SerError(
            f"{path} lacks the columns {', '.join(missing)}; it has {_names(table.columns)}."
        )
    return table.apply(lambda column: column.str.strip())


def _names(columns: Sequence[str] | pd.Index) -> str:
    return ", ".join(map(str, columns))
