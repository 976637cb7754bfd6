"""Encoder frames on disk: what they are keyed by, how they are sharded, how they are read."""

from training.cache.reader import FeatureCache

__all__ = ["FeatureCache"]
