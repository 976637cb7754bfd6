"""One shard: the frames of some clips in one raw file, and an index that is written last."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from ser.errors import SerError

FRAMES, INDEX = ".frames", ".parquet"
DTYPES: Final = {"float16": torch.float16, "bfloat16": torch.bfloat16}
BYTES_PER_NUMBER: Final = 2  # of either
INDEX_READERS: Final = 4  # threads that open the indexes
_METADATA: Final = b"shard"
_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # of the clip in the manifest
        pa.field("source", pa.string(), nullable=False),  # SHA-256 of its audio or transcript
        pa.field("start", pa.int64(), nullable=False),  # first frame in the shard
        pa.field("frames", pa.int32(), nullable=False),  # number of frames; 0: an empty text
    ]
)


@dataclass(frozen=True)
class Shard:
    """What the index says of a shard, besides its table of clips."""

    path: Path  # of the raw file: frames one after the other, without gaps
    copy: int  # 0: clean
    dtype: str
    shape: tuple[int, ...]  # of one frame: (D,), or (L, D) for several layers
    step_s: float | None  # from frame to frame; None for tokens
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """How messages call it: with the folder that says which encoder."""
        return os.path.join(*self.path.parts[-3:])

    def size_fault(self) -> str | None:
        """What is wrong with the file as far as its size tells."""
        if not self.path.is_file():
            return f"{self.name} is missing"
        if (size := self.path.stat().st_size) != self.bytes:
            return f"{self.name} is damaged: it has {size} bytes instead of {self.bytes}"
        return None

    def fault(self) -> str | None:
        """What is wrong with the file, all of it read; None for a whole one."""
        if fault := self.size_fault():
            return fault
        with self.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                return f"{self.name} is damaged: its checksum differs"
        return None


def read_shard(index: Path) -> tuple[Shard, pd.DataFrame]:
    """A shard and its table of clips: id, source, start, frames. SerError for a damaged index."""
    try:
        table = pq.read_table(index, page_checksum_verification=True, use_threads=False)
        told: dict[str, Any] = json.loads(table.schema.metadata[_METADATA])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        name = os.path.join(*index.parts[-3:])
        raise SerError(
            f"{name} is damaged and cannot be read: run `python -m training extract` again."
        ) from error
    shard = Shard(path=index.with_suffix(FRAMES), **{**told, "shape": tuple(told["shape"])})
    return shard, table.replace_schema_metadata().to_pandas()


def read_shards(indexes: Sequence[Path]) -> list[tuple[Shard, pd.DataFrame]]:
    """`read_shard` for many, several at a time."""
    with ThreadPoolExecutor(INDEX_READERS) as pool:
        return list(pool.map(read_shard, indexes))


class ShardWriter:
    """Writes a shard under a temporary name; `finish` gives both files their own.

    The order of the renames makes the index the last to appear: without it there is no shard.
    """

    def __init__(self, stem: Path, copy: int, dtype: str) -> None:
        """`stem`: path of both files without their endings."""
        self.path = stem.with_suffix(FRAMES)
        self.copy, self.dtype = copy, dtype
        self._partial = _partial(self.path)
        self._file = self._partial.open("wb")
        self._hash = hashlib.sha256()
        self._rows: list[tuple[str, str, int, int]] = []
        self._position = 0  # in frames
        self._shape: tuple[int, ...] = ()

    def add(self, clip_id: str, source: str, frames: Tensor) -> int:
        """Append frames [T, …] of any float type; returns the number of bytes.

        SerError for numbers that the stored type cannot hold.
        """
        stored = frames.to("cpu", DTYPES[self.dtype])
        if not stored.isfinite().all():
            raise SerError(
                f"The frames of {clip_id} do not fit into {self.dtype}: set features.dtype "
                "to bfloat16, which holds larger numbers."
            )
        data = stored.contiguous().view(torch.int16).numpy().tobytes()
        self._file.write(data)
        self._hash.update(data)
        self._rows.append((clip_id, source, self._position, len(frames)))
        self._position += len(frames)
        self._shape = tuple(frames.shape[1:])
        return len(data)

    def finish(self, step_s: float | None) -> None:
        """Everything is on the disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())
        told = {
            "copy": self.copy,
            "dtype": self.dtype,
            "shape": self._shape,
            "step_s": step_s,
            "bytes": self._file.tell(),
            "sha256": self._hash.hexdigest(),
        }
        self._file.close()
        columns = list(zip(*self._rows, strict=True))
        arrays = [
            pa.array(values, kind.type) for values, kind in zip(columns, _SCHEMA, strict=True)
        ]
        schema = _SCHEMA.with_metadata({_METADATA: json.dumps(told)})
        index = self.path.with_suffix(INDEX)
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=schema), _partial(index), write_page_checksum=True
        )
        os.replace(self._partial, self.path)
        os.replace(_partial(index), index)

    def close(self) -> None:
        """Let go of an unfinished shard; its temporary file is overwritten by the next attempt."""
        self._file.close()


def shard_fault(index: Path, *, verify: bool) -> str | None:
    """What is wrong with a shard, or None; without `verify` only sizes are compared."""
    try:
        shard, _ = read_shard(index)
    except SerError as error:
        return str(error).partition(":")[0]
    return shard.fault() if verify else shard.size_fault()


def remove_shard(index: Path) -> None:
    """Take away both files, the index first: without it there is no shard."""
    index.unlink()
    index.with_suffix(FRAMES).unlink(missing_ok=True)


def frame_bytes(shape: tuple[int, ...]) -> int:
    """Bytes of one frame of that shape."""
    return BYTES_PER_NUMBER * int(np.prod(shape))


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")
