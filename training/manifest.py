"""The manifest: one row per recording of all corpora, as Parquet with a checked schema."""

import os
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from ser.errors import SerError
from ser.labels import ATTRIBUTES, EMOTIONS

SPLITS: Final = ("train", "dev", "test", "test1", "test2", "test3")
VOTES: Final = {name: f"votes_{name}" for name in EMOTIONS}  # class -> its column
SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),  # relative to `data` of the configuration
        pa.field("corpus", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),  # one of SPLITS
        pa.field("speaker", pa.string(), nullable=False),  # corpus/name, or corpus/unknown
        pa.field("language", pa.string(), nullable=False),
        pa.field("transcript", pa.string()),  # null: nobody wrote it down yet
        pa.field("emotion", pa.string()),  # null: no class
        pa.field("strong", pa.bool_(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ATTRIBUTES),  # 1..7; all null: not rated
        pa.field("derived", pa.bool_(), nullable=False),  # attributes come from the class's name
        *(pa.field(name, pa.float64()) for name in VOTES.values()),  # all null: no votes known
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("audio_sha256", pa.string(), nullable=False),  # of the file's bytes
    ]
)


def write_manifest(frame: pd.DataFrame, path: Path) -> None:
    """Write through a temporary name, so that a half-written manifest is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    frame.to_parquet(partial, schema=SCHEMA, index=False)
    os.replace(partial, path)


def read_manifest(path: Path) -> pd.DataFrame:
    """Rows in the order of the file; SerError for what is no manifest."""
    if not path.is_file():
        raise SerError(f"There is no manifest {path}: run `python -m training prepare` first.")
    return pd.read_parquet(path)
