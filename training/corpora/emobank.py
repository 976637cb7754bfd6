"""EmoBank: sentences rated for valence, arousal and dominance (Buechel and Hahn 2017)."""

import csv
from pathlib import Path

from training.corpora.base import Line, rescaled

RATING_MIN, RATING_MAX = 1.0, 5.0


def read_emobank(root: Path) -> list[Line]:
    """Read `emobank.csv`; its scale 1..5 is mapped linearly onto 1..7."""
    with (root / "emobank.csv").open(encoding="utf-8", newline="") as table:
        return [
            Line(
                text=row["text"],
                split=row["split"],
                attributes=(_rescale(row["A"]), _rescale(row["V"]), _rescale(row["D"])),
            )
            for row in csv.DictReader(table)
        ]


def _rescale(rating: str) -> float:
    return rescaled(float(rating), RATING_MIN, RATING_MAX)
