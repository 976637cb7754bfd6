"""Any labelled folder of speech, described by a CSV or Parquet table.

Columns, by name and in any order; only `path` must be there, an empty cell means "not known":

| column | holds |
| --- | --- |
| path | audio file, relative to the table's folder, or absolute |
| id | unique name; the path without its ending where there is none |
| split | train, dev, test, test1, test2 or test3, in all rows or in none |
| speaker | who speaks: the same name in all recordings of one person |
| emotion | a class of `ser.labels.EMOTIONS`: angry, sad, happy, surprise, fear, disgust, |
|  | contempt, neutral, other, calm |
| transcript | what is said |
| language | ISO 639-1 code, such as en |
| arousal, valence, dominance | ratings in 1..7; other scales by the option `scale` |
| votes_angry, votes_sad, … | how many annotators chose the class, 0 or more; most votes make the |
|  | class of a row without one |
"""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTIONS
from training.corpora.base import (
    NO_AUDIO,
    UNKNOWN_SPEAKER,
    Clip,
    LeftOut,
    Reading,
    number_of,
    plurality,
    rescaled,
    split_of_spelling,
)
from training.corpora.msp_votes import read_csv

logger = logging.getLogger(__name__)

VOTES: Final = {f"votes_{name}": name for name in EMOTIONS}
COLUMNS: Final = (
    *("path", "id", "split", "speaker", "emotion", "transcript", "language"),
    *ATTRIBUTES,
    *VOTES,
)
ENDINGS: Final = (".csv", ".parquet")

Row = Mapping[str, str]  # column -> cell without spaces around it; "" where nothing is known


def read_table(
    root: Path,
    file: str | None = None,
    language: str = "en",
    scale: tuple[float, float] = (ATTRIBUTE_MIN, ATTRIBUTE_MAX),
    emotions: Mapping[str, str] | None = None,
) -> Reading:
    """Read `file` in the folder `root`; without `file` the only table there. Options:

    language: of rows that do not say theirs. scale: lowest and highest rating, mapped linearly
    onto 1..7. emotions: the table's names of classes -> ours, e.g. {anger: angry}.
    """
    table = root / file if file else _only_table(root)
    low, high = _checked_scale(scale)
    clips, left_out = [], []
    for number, row in enumerate(_rows(table), 1):
        where = f"Row {number} of {table.name}"
        if not row["path"]:
            raise SerError(f"{where} has no path.")
        path = table.parent / row["path"]
        if not path.is_file():
            left_out.append(LeftOut("table", row["path"], NO_AUDIO))
            continue
        attributes = _attributes(row, where, low, high)
        votes = _votes(row, where)
        clips.append(
            Clip(
                path=path,
                corpus="table",
                speaker=row["speaker"] or UNKNOWN_SPEAKER,
                emotion=_emotion(row["emotion"], where, emotions or {}) or plurality(votes),
                text=row["transcript"] or None,
                language=_language(row["language"] or language, where),
                split=split_of_spelling(row["split"], where) if row["split"] else None,
                votes=votes,
                attributes=attributes,
                name=row["id"] or Path(row["path"]).with_suffix("").as_posix(),
            )
        )
    return Reading(clips, left_out)


def _language(code: str, where: str) -> str:
    if not (2 <= len(code) <= 3 and code.isalpha() and code.islower()):
        raise SerError(f"{where} has the language {code!r}: write an ISO 639-1 code, such as en.")
    return code


def _rows(table: Path) -> list[Row]:
    frame = _read_parquet(table) if table.suffix == ".parquet" else read_csv(table, ["path"])
    if "path" not in frame:
        raise SerError(f"{table} lacks the column path; it has {', '.join(map(str, frame))}.")
    if unused := [str(name) for name in frame.columns if name not in COLUMNS]:
        logger.info("%s: the columns %s are not used.", table.name, ", ".join(unused))
    return frame.reindex(columns=list(COLUMNS), fill_value="").to_dict("records")


def _read_parquet(table: Path) -> pd.DataFrame:
    """All cells as text, like those of a CSV file."""
    try:
        frame = pd.read_parquet(table)
    except (OSError, ValueError) as error:
        raise SerError(f"{table} is not a readable Parquet file: {error}") from error
    texts = {
        name: ["" if _null(cell) else str(cell).strip() for cell in frame[name]] for name in frame
    }
    return pd.DataFrame(texts, dtype=str)


def _null(cell: object) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))


def _emotion(spelling: str, where: str, emotions: Mapping[str, str]) -> str | None:
    name = emotions.get(spelling, spelling)
    if name and name not in EMOTIONS:
        raise SerError(
            f"{where} has the unknown class {spelling!r}: use one of {', '.join(EMOTIONS)}, or "
            "say which it is in the corpus' settings, e.g. options: "
            f"{{emotions: {{{spelling}: angry}}}}."
        )
    return name or None


def _attributes(row: Row, where: str, low: float, high: float) -> tuple[float, float, float] | None:
    ratings = {}
    for name in ATTRIBUTES:
        rating = (
            number_of(row[name], f"{name} in {where[0].lower()}{where[1:]}")
            if row[name]
            else math.nan
        )
        if rating < low or rating > high:
            raise SerError(
                f"{where} has {name} {row[name]}, outside {low:g}..{high:g}: correct it, or set "
                "the scale in the corpus' settings, e.g. options: {scale: [0, 1]}."
            )
        ratings[name] = rescaled(rating, low, high)
    if all(math.isnan(rating) for rating in ratings.values()):
        return None
    arousal, valence, dominance = (ratings[name] for name in ATTRIBUTES)
    return arousal, valence, dominance


def _votes(row: Row, where: str) -> dict[str, float]:
    votes = {
        emotion: number_of(row[column], f"{column} in {where[0].lower()}{where[1:]}")
        for column, emotion in VOTES.items()
        if row[column]
    }
    if not all(0 <= count < math.inf for count in votes.values()):
        raise SerError(f"{where} has votes that are no counts: give the number of annotators.")
    return votes


def _checked_scale(scale: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in scale)
    except (TypeError, ValueError) as error:
        raise SerError(f"scale must be two numbers such as [1, 5], not {scale!r}.") from error
    if not low < high:
        raise SerError(f"scale must be the lowest and the highest rating, not {scale!r}.")
    return low, high


def _only_table(root: Path) -> Path:
    tables = sorted(path for path in root.iterdir() if path.suffix in ENDINGS)
    if len(tables) != 1:
        found = ", ".join(path.name for path in tables) or "none"
        raise SerError(
            f"{root} must hold one CSV or Parquet table, but there are: {found}. Name yours in the "
            "corpus' settings, e.g. options: {file: labels.csv}."
        )
    return tables[0]
