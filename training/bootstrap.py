"""Bootstrap 95 % intervals by speaker, quick enough for every figure of a report."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from training.splits import is_unknown

DRAWS: Final = 1000
CHUNK: Final = 50  # draws held in memory at once
PERCENTILES: Final = (2.5, 97.5)


def groups_of(speakers: Sequence[str]) -> np.ndarray:
    """Number of each recording's group [N]: its speaker; on its own where that is unknown."""
    names = np.asarray(speakers, dtype=object)
    unknown = np.array([is_unknown(str(name)) for name in names], dtype=bool)
    groups = np.empty(len(names), dtype=np.int64)
    known, numbers = np.unique(names[~unknown].astype(str), return_inverse=True)
    groups[~unknown] = numbers
    groups[unknown] = len(known) + np.arange(unknown.sum())
    return groups


def per_group(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sums of `values` [N, ...] over each group [G, ...]."""
    sums = np.zeros((groups.max() + 1, *values.shape[1:]))
    np.add.at(sums, groups, values)
    return sums


def resamples(groups: int, draws: int = DRAWS, seed: int = 0) -> Iterator[np.ndarray]:
    """How often each of `groups` is drawn, with replacement: arrays [chunk, G], `draws` in all."""
    random = np.random.default_rng(seed)
    for start in range(0, draws, CHUNK):
        count = min(CHUNK, draws - start)
        drawn = random.integers(groups, size=(count, groups)) + groups * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * groups)
        yield times.reshape(count, groups)


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end [...] from values of draws [draws, ...]; draws without a value: NaN."""
    low, high = np.nanpercentile(values, PERCENTILES, axis=0)
    return low, high
