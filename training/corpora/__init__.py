"""Readers of corpora as they were released: one module each, all giving `Clip` or `Line`."""

from collections.abc import Callable
from typing import Final

from training.corpora.base import Clip, LeftOut, Line, Reading
from training.corpora.crema_d import read_crema_d
from training.corpora.emobank import read_emobank
from training.corpora.emodb import read_emodb
from training.corpora.goemotions import read_goemotions
from training.corpora.iemocap import read_iemocap
from training.corpora.iesc import read_iesc
from training.corpora.msp_podcast import read_msp_podcast
from training.corpora.nemo import read_nemo
from training.corpora.ravdess import read_ravdess
from training.corpora.savee import read_savee
from training.corpora.table import read_table
from training.corpora.tess import read_tess

READERS: Final[dict[str, Callable[..., Reading]]] = {
    "crema_d": read_crema_d,
    "emodb": read_emodb,
    "iemocap": read_iemocap,
    "iesc": read_iesc,
    "msp_podcast": read_msp_podcast,
    "nemo": read_nemo,
    "ravdess": read_ravdess,
    "savee": read_savee,
    "table": read_table,
    "tess": read_tess,
}
"""Name in the configuration -> reader of a corpus folder, with the options of that corpus."""

OWN_SPLITS: Final = ("msp_podcast", "table")
"""Readers of corpora whose own splits may share speakers; all others are split by speaker."""

__all__ = [
    "OWN_SPLITS",
    "READERS",
    "Clip",
    "LeftOut",
    "Line",
    "Reading",
    "read_crema_d",
    "read_emobank",
    "read_emodb",
    "read_goemotions",
    "read_iemocap",
    "read_iesc",
    "read_msp_podcast",
    "read_nemo",
    "read_ravdess",
    "read_savee",
    "read_table",
    "read_tess",
]
