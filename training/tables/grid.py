"""Table 1: the weights of the two losses, alpha and beta, in a grid of 24 cells."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from lightning.pytorch.utilities import rank_zero_only

from ser.errors import SerError
from training import manifest
from training.config import Config
from training.identity import hash_of_rows, read_identity
from training.predictions import Predictions
from training.runs import CELLS, DONE, FIT, PREDICTIONS
from training.scores import Scores, points, score
from training.tables.common import Command, Row, Table, check_splits, titled

WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
GRID: Final = tuple((a, b) for a in WEIGHTS for b in WEIGHTS if a or b)
JOINT_ROWS: Final = 3
MACRO_F1, CCC = "macro_f1", "ccc"
ATTRIBUTES: Final = ("ccc_arousal", "ccc_valence", "ccc_dominance", CCC)
HELD_OUT: Final = "test"
DEPENDS_ON: Final = (
    "seed", "classes", "corpora", "split", "encoders", "whisper_context", "features", "fusion",
    "fit", "calibrate",
)  # fmt: skip
RULE: Final = (
    "Everything was chosen on the development set and measured on the test set. Of a cell's two "
    "checkpoints, best macro-F1 and best mean CCC, a joint row takes the one with the larger sum "
    "of both figures, and the three joint cells with the largest sums are shown; single-task rows "
    "are the best of their four cells by their own figure, and have none for the task that had no "
    "weight."
)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """A finished cell, as the checkpoint that stands for it."""

    alpha: float
    beta: float
    checkpoint: str  # macro_f1 or ccc
    dev: float  # what it was chosen by
    test: Scores

    @property
    def joint(self) -> bool:
        """Whether both tasks had weight."""
        return self.alpha > 0 and self.beta > 0

    @property
    def row(self) -> Row:
        """Figures of the tasks that were trained."""
        found = titled(self.test.measures, (MACRO_F1,), HELD_OUT)
        found = found if self.beta else dict.fromkeys(found, None)
        rated = titled(self.test.measures, ATTRIBUTES, HELD_OUT)
        rated = rated if self.alpha else dict.fromkeys(rated, None)
        names = {
            "alpha": f"{self.alpha:g}",
            "beta": f"{self.beta:g}",
            "tasks": "both" if self.joint else "classes" if self.beta else "attributes",
            "checkpoint": self.checkpoint,
        }
        return Row(names, found | rated)


def table1(config: Config, fit: Command | None = None) -> None:
    """Train the cells that are missing, then print the table. `fit` trains one cell."""
    check_splits(config, {"dev": ("a class", "ratings"), HELD_OUT: ("a class", "ratings")})
    settings = [cell_config(config, alpha, beta) for alpha, beta in GRID]
    rows = hash_of_rows(manifest.load(config))
    for cell in settings:
        _check_earlier(cell, rows)
    fit = fit or _fit()
    for number, cell in enumerate(settings, start=1):
        if not (cell.run / FIT / DONE).is_file():
            logger.info("Cell %d of %d: alpha %g, beta %g", number, len(GRID), *GRID[number - 1])
            fit(cell)
        lighten(cell.run / FIT)
    write_tables(settings, config.run)


def _fit() -> Command:
    from training.fit import run

    return run


def cell_config(config: Config, alpha: float, beta: float) -> Config:
    """The cell is a run of its own inside this run."""
    stage = config.fit.model_copy(update={"alpha": alpha, "beta": beta})
    name = f"{config.name}/{CELLS}/a{alpha:g}_b{beta:g}"
    return config.model_copy(update={"name": name, "fit": stage})


def _check_earlier(cell: Config, rows: str) -> None:
    """SerError where a cell was begun with other settings, or with recordings other than those
    with the hash `rows`: the grid would compare two things."""
    path = cell.run / FIT / "config.yaml"
    if not path.is_file():
        return
    earlier = yaml.safe_load(path.read_text(encoding="utf-8"))
    now = cell.model_dump(mode="json")
    changed = [name for name in DEPENDS_ON if earlier.get(name) != now[name]]
    if read_identity(cell.run / FIT).get("recordings", rows) != rows:
        changed.append("recordings or labels")
    if changed:
        raise SerError(
            f"{cell.name} was trained with other settings ({', '.join(changed)}): set name to "
            f"begin a new grid, or delete {cell.run.parent}."
        )


@rank_zero_only
def lighten(stage: Path) -> None:
    """Keep predictions, settings and logs of a finished stage; weights would fill the disk."""
    if not (stage / DONE).is_file():
        return
    for part in (path for path in stage.glob("*/*") if path.parent.name in (MACRO_F1, CCC)):
        if part.name == PREDICTIONS:
            continue
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
    shutil.rmtree(stage / "checkpoints", ignore_errors=True)


def measured(cell: Config) -> Cell:
    """The checkpoint that stands for the cell by the development set, and its test figures."""
    alpha, beta = cell.fit.alpha, cell.fit.beta
    figure: Callable[[dict[str, float]], float] = {
        (True, True): lambda dev: dev[MACRO_F1] + dev[CCC],
        (True, False): lambda dev: dev[CCC],
        (False, True): lambda dev: dev[MACRO_F1],
    }[alpha > 0, beta > 0]
    able = [name for name, weight in ((MACRO_F1, beta), (CCC, alpha)) if weight > 0]
    dev = {name: figure(points(_predictions(cell, name, "dev"))) for name in able}
    best = max(able, key=dev.__getitem__)
    return Cell(alpha, beta, best, dev[best], score(_predictions(cell, best, HELD_OUT)))


def _predictions(cell: Config, measure: str, split: str) -> Predictions:
    return Predictions.read(cell.run / FIT / measure / PREDICTIONS / f"{split}.parquet")


def chosen(cells: list[Cell]) -> list[Cell]:
    """The rows of the table: three joint settings, then each task alone."""
    joint = sorted((c for c in cells if c.joint), key=lambda c: -c.dev)[:JOINT_ROWS]
    classes = max((c for c in cells if not c.alpha), key=lambda c: c.dev)
    attributes = max((c for c in cells if not c.beta), key=lambda c: c.dev)
    return [*joint, classes, attributes]


@rank_zero_only
def write_tables(settings: list[Config], folder: Path) -> None:
    """The table and the whole grid, printed and written as Markdown and CSV."""
    cells = [measured(cell) for cell in settings]
    Table("All cells", [cell.row for cell in cells], RULE).publish(folder, "grid")
    rows = [cell.row for cell in chosen(cells)]
    Table("Table 1: weights of the two losses", rows, RULE).publish(folder, "table1")
