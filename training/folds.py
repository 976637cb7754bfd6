"""Cross-validation by speaker: which fold a speaker belongs to, and the answers of all folds."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ser.errors import SerError
from training.predictions import Predictions
from training.splits import is_unknown

NO_FOLD = -1
GIVEN = ("test1", "test2", "test3")  # without labels: manifest.load makes the others train


def fold_of(frame: pd.DataFrame, count: int) -> np.ndarray:
    """Fold [N] of each row: the sorted speakers of each corpus are dealt out in equal blocks.

    Rows of unknown speakers have none (-1). SerError where a corpus has too few speakers.
    """
    folds = np.full(len(frame), NO_FOLD)
    for corpus, speakers in frame.groupby("corpus")["speaker"]:
        known = sorted(name for name in speakers.unique() if not is_unknown(name))
        if known and len(known) < count:
            raise SerError(
                f"{corpus} has {len(known)} known speakers, too few for {count} folds; set "
                f"folds.count={len(known)} or less, or add speakers."
            )
        for fold, block in enumerate(np.array_split(np.array(known, dtype=object), count)):
            folds[frame["speaker"].isin(list(block)) & (frame["corpus"] == corpus)] = fold
    if (folds == NO_FOLD).all():
        raise SerError("Folds need known speakers, and no recording has one; set folds=null.")
    return folds


def with_fold(frame: pd.DataFrame, count: int, fold: int) -> pd.DataFrame:
    """The frame in which `fold` tests, the next one tunes and the rest trains.

    The challenge's test sets stay what they are.
    """
    folds = fold_of(frame, count)
    tuning = (fold + 1) % count
    split = np.where(folds == fold, "test", np.where(folds == tuning, "dev", "train"))
    return frame.assign(split=np.where(frame["split"].isin(GIVEN), frame["split"], split))


def pool(tests: Iterable[Path], target: Path) -> None:
    """Write the test predictions of all folds as one table: each speaker was answered unheard."""
    parts: Sequence[pd.DataFrame] = [Predictions.read(path).frame for path in tests]
    Predictions(pd.concat(parts, ignore_index=True)).write(target)
