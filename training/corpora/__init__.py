"""Readers of corpora as they were released: one module each, all giving `Clip` or `Line`."""

from training.corpora.base import Clip, Line
from training.corpora.emobank import read_emobank
from training.corpora.goemotions import read_goemotions
from training.corpora.iesc import read_iesc
from training.corpora.nemo import read_nemo
from training.corpora.ravdess import read_ravdess

__all__ = [
    "Clip",
    "Line",
    "read_emobank",
    "read_goemotions",
    "read_iesc",
    "read_nemo",
    "read_ravdess",
]
