"""Where each emotion lies between arousal, valence and dominance: mean and spread as measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser.errors import BundleError
from ser.labels import ATTRIBUTES, EMOTIONS

KEY = "regions"  # its name in metrics.json
SOURCE_KEY = "regions_from"  # beside it, in words: the recordings that they were measured on
MIN_COUNT = 10  # fewer points tell nothing about a spread in three dimensions


@dataclass(frozen=True)
class Region:
    """The model's answers for the recordings of one class."""

    emotion: str
    mean: tuple[float, float, float]  # arousal, valence, dominance, each in 1..7
    covariance: tuple[tuple[float, ...], ...]  # [3, 3], in the same order
    count: int  # recordings

    def ellipsoid(self, deviations: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Centre [3] and half axes [3, 3] (one per row) of the surface so many deviations away."""
        values, vectors = np.linalg.eigh(np.array(self.covariance))
        half_axes = deviations * np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
        return np.array(self.mean), half_axes


def measure_regions(
    points: Iterable[tuple[str, Mapping[str, float]]], min_count: int = MIN_COUNT
) -> tuple[Region, ...]:
    """Regions of (true class, predicted attributes) pairs, in the order of `EMOTIONS`.

    Mean and sample covariance (N - 1); classes with fewer than `min_count` points have no region.
    """
    groups: defaultdict[str, list[list[float]]] = defaultdict(list)
    for emotion, attributes in points:
        groups[emotion].append([attributes[name] for name in ATTRIBUTES])
    regions = []
    for emotion in EMOTIONS:
        if len(groups[emotion]) >= max(2, min_count):
            values = np.array(groups[emotion])
            low, middle, high = values.mean(axis=0).tolist()
            spread = tuple(tuple(row) for row in np.cov(values, rowvar=False).tolist())
            regions.append(Region(emotion, (low, middle, high), spread, len(values)))
    return tuple(regions)


def to_metrics(regions: Iterable[Region]) -> dict[str, Any]:
    """What a bundle's metrics.json holds under "regions"."""
    return {
        region.emotion: {
            "mean": list(region.mean),
            "covariance": [list(row) for row in region.covariance],
            "count": region.count,
        }
        for region in regions
    }


def from_metrics(metrics: Mapping[str, Any]) -> tuple[Region, ...]:
    """The regions that a bundle's metrics.json tells; none where it tells none. BundleError."""
    regions = []
    try:
        for emotion, entry in metrics.get(KEY, {}).items():
            mean = np.asarray(entry["mean"], float)
            covariance = np.asarray(entry["covariance"], float)
            if emotion not in EMOTIONS or mean.shape != (3,) or covariance.shape != (3, 3):
                raise ValueError(emotion)
            if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
                raise ValueError(emotion)
            low, middle, high = mean.tolist()
            spread = tuple(tuple(row) for row in covariance.tolist())
            regions.append(Region(emotion, (low, middle, high), spread, int(entry["count"])))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f'"{KEY}" in metrics.json must give each known class a mean [3], a covariance [3][3] '
            f"and a count: {error}."
        ) from error
    return tuple(regions)


def measured_on(metrics: Mapping[str, Any]) -> str:
    """In words, the recordings whose answers the regions are; empty where nothing is told."""
    return str(metrics.get(SOURCE_KEY, ""))
