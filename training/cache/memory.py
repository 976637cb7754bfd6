"""Memory of batches that nobody holds any more, used again for the next ones."""

import weakref
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

ROOM_TO_SPARE: Final = 1.25  # so that a slightly longer batch fits, too


class BatchMemory:
    """Lends blocks of 16-bit numbers and takes them back when the last tensor on them is gone.

    A batch of frames is some hundred megabytes. Fresh memory of that size comes from the system
    page by page, which takes several times as long as to copy the frames (tests/benchmarks).
    """

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []

    def __getstate__(self) -> dict[str, Any]:
        """Another process starts without blocks."""
        return {"_free": []}

    def lend(self, shape: tuple[int, ...]) -> Tensor:
        """An int16 tensor of that shape with whatever its memory held before."""
        size = int(np.prod(shape))
        fitting = [index for index, block in enumerate(self._free) if len(block) >= size]
        if fitting:
            block = self._free.pop(min(fitting, key=lambda index: len(self._free[index])))
        else:
            # What is free is too small now, and would be too small again.
            self._free.clear()
            block = np.empty(int(size * ROOM_TO_SPARE), np.int16)
        lent = block[:size]
        # The tensor's storage holds `lent`, and so do all tensors made of it.
        weakref.finalize(lent, self._free.append, block).atexit = False
        return torch.from_numpy(lent).view(shape)
