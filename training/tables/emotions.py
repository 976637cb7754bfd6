"""Table 2: fine-tuning for task 1, beside the multi-task model it starts from."""

from typing import Final

from lightning.pytorch.utilities import rank_zero_only

from ser.errors import SerError
from training.config import Config
from training.manifest import SPLITS
from training.runs import FIT, Source, sources
from training.scores import Measure, Scores, score
from training.tables.common import Command, Row, Table, check_finetune, check_splits, titled

CHECKPOINT: Final = "macro_f1"
MEASURES: Final = ("macro_f1", "accuracy", "uar")


def table2(config: Config, fit: Command | None = None, finetune: Command | None = None) -> None:
    """Train what is missing, then print macro-F1 of the start and of each variant."""
    check_finetune(config)
    check_splits(config, {"dev": ("a class",)})
    trained(config, fit, finetune)
    write_table(config)


def trained(config: Config, fit: Command | None, finetune: Command | None) -> None:
    """Both commands leave alone what is done."""
    from training.fit import run, run_finetune

    (fit or run)(config)
    (finetune or run_finetune)(config)


def labelled(source: Source, measure: str) -> dict[str, Scores]:
    """Scores of the splits in which `measure` can be taken."""
    scores = {split: score(source.read(split)) for split in source.splits}
    return {split: one for split, one in scores.items() if measure in one.measures}


@rank_zero_only
def write_table(config: Config) -> None:
    """The table of what is trained, printed and written as Markdown and CSV."""
    found = {source.name: source for source in sources(config.run)}
    wanted = [f"{FIT}/{CHECKPOINT}", *(f"finetune/{v}/{CHECKPOINT}" for v in config.finetune)]
    if missing := [name for name in wanted if name not in found]:
        raise SerError(f"{', '.join(missing)} is not there: see the log of its training.")
    scores = {name: labelled(found[name], "macro_f1") for name in wanted}
    shared = [split for split in SPLITS if all(split in one for one in scores.values())]
    rows = []
    for name, one in scores.items():
        figures: dict[str, Measure | None] = {}
        for split in shared:
            figures |= titled(one[split].measures, MEASURES, split)
        first = "multi-task start" if name.startswith(f"{FIT}/") else name.split("/")[1]
        rows.append(Row({"model": first, "checkpoint": name}, figures))
    best = max(wanted, key=lambda name: scores[name]["dev"].measures["macro_f1"].value)
    rule = f"Best on the development set: {best}. Eight classes, without other."
    Table("Table 2: fine-tuning for task 1", rows, rule).publish(config.run, "table2")
