"""Reading frames back: memory-mapped, so that memory does not grow with the corpus."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ser.encoders.base import length_mask
from ser.errors import SerError
from ser.fusion import EncoderOutput
from ser.labels import ENCODERS
from training.cache.keys import TEXT_ENCODERS, Folders, copies_of, folders_of, sources
from training.cache.memory import BatchMemory
from training.cache.shards import DTYPES, Shard, read_shards
from training.config import Config


@dataclass
class EncoderFrames:
    """The frames of one encoder for the rows of one frame of the manifest."""

    shards: list[Shard]
    shard: np.ndarray  # [rows, copies] int32, index into `shards`; -1: the row has no such copy
    start: np.ndarray  # [rows, copies] int64, first frame in the shard
    length: np.ndarray  # [rows, copies] int32, number of frames
    _maps: dict[int, tuple[mmap.mmap, np.ndarray]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one frame: (D,), or (L, D)."""
        return self.shards[0].shape

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes map the files anew instead of receiving their bytes."""
        return {**self.__dict__, "_maps": {}}

    def raw(self, row: int, copy: int) -> np.ndarray:
        """Frames [T, …] as 16-bit words in the mapped file.

        The system is asked to read them ahead: those of a whole batch come from the disk together,
        instead of page by page when they are copied.
        """
        index = int(self.shard[row, copy])
        if index < 0:
            raise IndexError(f"row {row} has no copy {copy}")
        start, length = int(self.start[row, copy]), int(self.length[row, copy])
        if not length:
            return np.empty((0, *self.shape), np.int16)
        data, mapped = self._mapped(index)
        if hasattr(mmap, "MADV_WILLNEED"):  # not on Windows
            first = start * mapped.strides[0] // mmap.PAGESIZE * mmap.PAGESIZE
            end = (start + length) * mapped.strides[0]
            data.madvise(mmap.MADV_WILLNEED, first, end - first)
        return mapped[start : start + length]

    def _mapped(self, index: int) -> tuple[mmap.mmap, np.ndarray]:
        pair = self._maps.get(index)
        if pair is None:
            with self.shards[index].path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            pair = data, np.frombuffer(data, np.int16).reshape(-1, *self.shape)
            self._maps[index] = pair
        return pair


class FeatureCache:
    """Encoder frames of exactly the rows of a manifest's frame, in its order."""

    def __init__(self, encoders: dict[str, EncoderFrames], copies: np.ndarray) -> None:
        """`copies` [rows]: how many copies of its audio each row has."""
        self._encoders = encoders
        self._copies = copies
        self._memory = {name: BatchMemory() for name in encoders}
        self.widths = {name: frames.shape[-1] for name, frames in encoders.items()}
        self.steps_s = {name: frames.shards[0].step_s for name, frames in encoders.items()}

    @classmethod
    def open(cls, config: Config, frame: pd.DataFrame) -> "FeatureCache":
        """Find every copy of every row. SerError names what is missing or damaged.

        Sizes of files are compared here, checksums by `extract`.
        """
        copies = copies_of(frame, config.features.copies)
        encoders = {name: _find(name, folders_of(config, name), frame, copies) for name in ENCODERS}
        return cls(encoders, copies)

    def __len__(self) -> int:
        return len(self._copies)

    def copies(self, row: int) -> int:
        """1, and the augmented ones for a training row."""
        return int(self._copies[row])

    def lengths(self, encoder: str) -> np.ndarray:
        """Number of frames [rows, copies]; 0 where the row has no such copy."""
        length = self._encoders[encoder].length
        return np.broadcast_to(length, (len(length), int(self._copies.max(initial=1))))

    def frames(self, encoder: str, row: int, copy: int) -> Tensor:
        """Frames [T, D], or [T, L, D] for several layers, copied, in the stored type.

        A text has one copy only, which stands for all.
        """
        frames = self._encoders[encoder]
        raw = frames.raw(row, self._copy(encoder, copy))
        return torch.from_numpy(raw.copy()).view(DTYPES[frames.shards[0].dtype])

    def padded(self, encoder: str, rows: Sequence[int], copies: Sequence[int]) -> EncoderOutput:
        """Frames [B, T, …] of several clips in the stored type, read straight into one batch.

        Several times as fast as to pad what `frames` gives: the memory of earlier batches that are
        gone is used again. To move the batch before widening it keeps it half as large.
        """
        frames = self._encoders[encoder]
        raws = [
            frames.raw(row, self._copy(encoder, copy))
            for row, copy in zip(rows, copies, strict=True)
        ]
        lengths = [len(raw) for raw in raws]
        size = max(1, *lengths)
        hidden = self._memory[encoder].lend((len(raws), size, *frames.shape))
        for target, raw in zip(hidden.numpy(), raws, strict=True):
            target[: len(raw)] = raw
            target[len(raw) :] = 0
        mask = length_mask(torch.tensor(lengths), size)
        dtype = DTYPES[frames.shards[0].dtype]
        return EncoderOutput(hidden.view(dtype), mask, self.steps_s[encoder])

    def _copy(self, encoder: str, copy: int) -> int:
        return 0 if encoder in TEXT_ENCODERS else copy


def _find(name: str, folders: Folders, frame: pd.DataFrame, copies: np.ndarray) -> EncoderFrames:
    """Where each copy of each row lies."""
    several = 1 if name in TEXT_ENCODERS else int(copies.max(initial=1))
    wanted = pd.DataFrame({"id": frame["id"].to_numpy(), "source": sources(frame, name)})
    shards, table = _read_indexes(name, folders, several)
    place = np.full((3, len(frame), several), -1, dtype=np.int64)
    for copy in range(several):
        rows = np.flatnonzero(copies > copy)
        found = wanted.iloc[rows].merge(
            table[table["copy"] == copy], on=["id", "source"], how="left", validate="m:1"
        )
        if found["shard"].isna().any():
            raise _missing(name, folders, found, table, copy)
        place[:, rows, copy] = found[["shard", "start", "frames"]].to_numpy(dtype=np.int64).T
    used = np.unique(place[0][place[0] >= 0])
    _refuse([fault for index in used if (fault := shards[index].size_fault())])
    renumbered = np.where(place[0] < 0, -1, np.searchsorted(used, place[0]))
    return EncoderFrames(
        [shards[index] for index in used],
        renumbered.astype(np.int32),
        place[1],
        np.maximum(place[2], 0).astype(np.int32),
    )


def _read_indexes(name: str, folders: Folders, copies: int) -> tuple[list[Shard], pd.DataFrame]:
    """All shards of an encoder and one table of their clips, each copy once."""
    paths = folders.indexes(augmented=copies > 1)
    if not paths:
        raise SerError(
            f"There are no frames of {name} with these settings in {folders.clean.parent}: "
            "run `python -m training extract` with this configuration first."
        )
    read = read_shards(paths)
    tables = [
        table.assign(shard=number, copy=shard.copy) for number, (shard, table) in enumerate(read)
    ]
    # Another manifest's shards may hold the same clip: its frames are the same, so take any.
    table = pd.concat(tables, ignore_index=True).drop_duplicates(["id", "source", "copy"])
    return [shard for shard, _ in read], table


def _missing(
    name: str, folders: Folders, found: pd.DataFrame, table: pd.DataFrame, copy: int
) -> SerError:
    lacking = found[found["shard"].isna()]
    first = lacking["id"].iloc[0]
    was = "transcript" if name in TEXT_ENCODERS else "audio"
    reason = (
        f", whose {was} has changed since"
        if ((table["id"] == first) & (table["copy"] == copy)).any()
        else ""
    )
    kind = f"augmented copy {copy}" if copy else "frames"
    return SerError(
        f"{folders.of_copy(copy)} lacks the {kind} of {len(lacking)} recordings, first "
        f"{first}{reason}: run `python -m training extract` with this configuration."
    )


def _refuse(faults: list[str]) -> None:
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise SerError(f"{faults[0]}{more}: run `python -m training extract` to compute it again.")
