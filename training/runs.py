"""What a run folder holds: finished stages and their predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.manifest import SPLITS
from training.predictions import Predictions

PREDICTIONS: Final = "predictions"
DONE: Final = "done.json"  # of a finished stage
FIT, FINETUNE, ENSEMBLE = "fit", "finetune", "ensemble"
CELLS: Final = "cells"  # of table 1, which reports on them itself
FOLD: Final = "fold"
ORDER: Final = {FIT: 0, FINETUNE: 1, ENSEMBLE: 2}


@dataclass(frozen=True)
class Source:
    """A checkpoint of a finished stage, pooled folds, or the ensemble: who predicts."""

    name: str  # folder below the run: fit/macro_f1
    folder: Path  # holds one file per split

    @property
    def splits(self) -> tuple[str, ...]:
        """Those it has predictions for."""
        return tuple(split for split in SPLITS if self._path(split).is_file())

    def read(self, split: str) -> Predictions:
        """SerError where the split is missing."""
        return Predictions.read(self._path(split))

    def _path(self, split: str) -> Path:
        return self.folder / f"{split}.parquet"


def sources(run: Path, folds: bool = False) -> list[Source]:
    """Everything below the run that is finished, in reading order.

    Runs inside the run count too, as the two poolings of task 2. `folds` gives the single folds
    of a cross-validation instead of what they pool.
    """
    found = [
        Source(folder.parent.relative_to(run).as_posix(), folder)
        for folder in run.rglob(PREDICTIONS)
        if _finished(folder.parent, run)
    ]
    return sorted((s for s in found if _in_fold(s.name) == folds), key=lambda s: _order(s.name))


def _finished(folder: Path, run: Path) -> bool:
    """Whether the predictions in `folder` are those of a stage that ended."""
    if CELLS in folder.relative_to(run).parts or folder.suffix == ".partial":
        return False
    if folder.name == ENSEMBLE:
        return True
    stage = folder.parent
    pooled = any(stage.parent.glob(f"{FOLD}[0-9]*")) or any(
        stage.parent.parent.glob(f"{FOLD}[0-9]*")
    )
    return (stage / DONE).is_file() or pooled


def _in_fold(name: str) -> bool:
    return any(p.removeprefix(FOLD).isdigit() for p in name.split("/") if p.startswith(FOLD))


def _order(name: str) -> list[tuple[int, str]]:
    return [(ORDER.get(part, -1), part) for part in name.split("/")]
