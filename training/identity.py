"""What a stage was trained on, as short hashes beside its settings: other data, another stage."""

import hashlib
import json
from pathlib import Path
from typing import Final

import pandas as pd
from pandas.util import hash_pandas_object

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from training.files import write_text
from training.schema import VOTES

DATA: Final = "data.json"
TEXTS: Final = ("id", "split", "emotion", "transcript", "audio_sha256")
NUMBERS: Final = (*ATTRIBUTES, *VOTES.values())
DIGITS: Final = 16  # of SHA-256 in hexadecimal


def hash_of_rows(frame: pd.DataFrame) -> str:
    """Of recordings, splits, labels, transcripts and their order, which draws depend on."""
    kinds = dict.fromkeys(TEXTS, "str") | dict.fromkeys(NUMBERS, "float64")
    rows = hash_pandas_object(frame[list(kinds)].astype(kinds), index=False)
    return hashlib.sha256(rows.to_numpy().astype("<u8").tobytes()).hexdigest()[:DIGITS]


def hash_of_file(path: Path) -> str:
    """Of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def read_identity(folder: Path) -> dict[str, str]:
    """What was stored in a stage's folder; empty where nothing was. SerError for a damaged file."""
    path = folder / DATA
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        stored = None
    if not isinstance(stored, dict):
        raise SerError(
            f"{path} is damaged, so nobody knows what was trained on: give this run another name, "
            f"or delete {folder}."
        )
    return stored


def write_identity(folder: Path, identity: dict[str, str]) -> None:
    """Whole or not at all; one process writes it."""
    write_text(folder / DATA, json.dumps(identity, indent=2) + "\n")
