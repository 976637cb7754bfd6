"""Sound that is too long for memory: 16 kHz samples in a temporary file that has no name.

A recording of half an hour has 115 MB of samples. Up to a minute stays in memory; more is written
to a file, which the operating system deletes when the last array of its samples is gone, however
the program ends. The arrays look like any other: only what is being read lies in memory, and
`let_go` gives that back.
"""

import mmap
import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from ser.errors import AudioError

MEMORY_SAMPLES = 60 * 16_000
BLOCK_SAMPLES = 1 << 18  # 1 MB: what one step over a long recording reads


class SampleSpool:
    """Takes blocks [T] float32 and hands them back as one array."""

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._waiting = 0  # samples in `_blocks`
        self._file: IO[bytes] | None = None

    def add(self, block: np.ndarray) -> None:
        """Append `block`. AudioError when the disk has no room for it."""
        self._blocks.append(block)
        self._waiting += len(block)
        if self._waiting > MEMORY_SAMPLES:
            self._write()

    def finish(self) -> np.ndarray:
        """All samples so far, [T] float32, in memory or mapped from the file."""
        if self._file is None:
            return np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        self._write()
        # Writable, because torch warns of arrays that are not; the file is nobody else's.
        return np.memmap(self._file, np.float32, mode="r+")

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="ser-")  # noqa: SIM115
            for block in self._blocks:
                self._file.write(np.ascontiguousarray(block, np.float32).data)
            self._file.flush()
        except OSError as error:
            raise AudioError(
                "A long recording is kept in a temporary file, which cannot be written "
                f"({error.strerror}). Make room on the disk, or set TMPDIR to a folder with room."
            ) from error
        self._blocks, self._waiting = [], 0


def let_go(samples: np.ndarray) -> None:
    """Give back the memory into which parts of a mapped file were read; they can be read again."""
    mapped = getattr(samples, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


def blocks_of(samples: np.ndarray, length: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
    """`samples` [T] in order, `length` at a time; each block is let go when the next is taken."""
    for start in range(0, len(samples), length):
        yield samples[start : start + length]
        let_go(samples)
