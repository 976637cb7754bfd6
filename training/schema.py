"""Columns of the manifest, which every command reads."""

from typing import Final

import pyarrow as pa

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
        *(pa.field(name, pa.float64()) for name in ATTRIBUTES),  # 1..7; null: not rated
        pa.field("derived", pa.bool_(), nullable=False),  # attributes come from the class's name
        *(pa.field(name, pa.float64()) for name in VOTES.values()),  # all null: no votes known
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("audio_sha256", pa.string(), nullable=False),  # of the file's bytes
    ]
)
