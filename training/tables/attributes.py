"""Table 3: task 2, fine-tuned models of two poolings, others' predictions and the ensemble."""

from dataclasses import replace
from typing import Final

import pandas as pd
from lightning.pytorch.utilities import rank_zero_only

from ser.labels import ATTRIBUTES
from training import ensemble
from training.config import Config
from training.external import External
from training.manifest import SPLITS
from training.predictions import ATTRIBUTE_PREFIX, Predictions
from training.runs import ENSEMBLE, Source, sources
from training.scores import ATTRIBUTE_MEASURES, Measure, Scores, score
from training.tables.common import Command, Row, Table, check_finetune, check_splits, titled
from training.tables.emotions import labelled, trained

POOLINGS: Final = {"attentive": "attentive_statistics", "average": "average"}
"""Run inside the run -> how it pools frames over time."""

CHECKPOINT: Final = "/ccc"


def table3(config: Config, fit: Command | None = None, finetune: Command | None = None) -> None:
    """Train what is missing for both poolings, join them, print CCC of everyone."""
    check_finetune(config)
    check_splits(config, {"dev": ("ratings",)})
    ensemble.check_external(config)
    for inside in POOLINGS:
        trained(pooled(config, inside), fit, finetune)
    write_table(config)


@rank_zero_only
def write_table(config: Config) -> None:
    """The ensemble, and the table of everyone, printed and written as Markdown and CSV."""
    ensemble.run(config)
    everyone = [s for s in sources(config.run) if s.name.endswith(CHECKPOINT)]
    together = next(s for s in sources(config.run) if s.name == ENSEMBLE)
    members = ensemble.choose(config)
    scores = {source.name: labelled(source, "ccc") for source in everyone}
    scores |= _external(config, members, together)
    scores[ENSEMBLE] = labelled(together, "ccc")
    rows = [
        Row({"model": name, "in the ensemble for": _serves(name, members)}, _figures(one, scores))
        for name, one in scores.items()
    ]
    rule = "Members were chosen on the development set alone; their figures there are thus high."
    Table("Table 3: task 2", rows, rule).publish(config.run, "table3")


def pooled(config: Config, inside: str) -> Config:
    """The run inside the run that pools in this way: `task2/attentive`, `task2/average`."""
    fusion = config.fusion.model_copy(update={"pooling": POOLINGS[inside]})
    return config.model_copy(update={"name": f"{config.name}/{inside}", "fusion": fusion})


def _external(
    config: Config, members: dict[str, tuple[ensemble.Member, ...]], together: Source
) -> dict[str, dict[str, Scores]]:
    """Scores of others' predictions, for the attributes that they give."""
    names = dict.fromkeys(
        member.name
        for chosen in members.values()
        for member in chosen
        if isinstance(member.source, External)
    )
    found: dict[str, dict[str, Scores]] = {name: {} for name in names}
    for split in together.splits:
        base = together.read(split).frame
        for name in names:
            told = External(name, config).frame(split, base["id"].tolist())
            if told is not None and (one := _scored(base, told)).measures:
                found[name][split] = one
    return found


def _scored(base: pd.DataFrame, told: pd.DataFrame) -> Scores:
    """CCC of the attributes in `told` against the truth in `base`, row by row."""
    columns = [column for column in told.columns if column.startswith(ATTRIBUTE_PREFIX)]
    frame = base.assign(**{column: told[column].to_numpy() for column in columns})
    given = {f"ccc_{column.removeprefix(ATTRIBUTE_PREFIX)}" for column in columns}
    if len(given) == len(ATTRIBUTES):
        given.add("ccc")
    scores = score(Predictions(frame))
    return replace(scores, measures={k: v for k, v in scores.measures.items() if k in given})


def _serves(name: str, members: dict[str, tuple[ensemble.Member, ...]]) -> str:
    serves = [t for t in ATTRIBUTES if name in [member.name for member in members[t]]]
    return ", ".join(serves) or "-"


def _figures(
    one: dict[str, Scores], everyone: dict[str, dict[str, Scores]]
) -> dict[str, Measure | None]:
    """Figures of every split that anybody has, in the same columns for all."""
    figures: dict[str, Measure | None] = {}
    for split in (s for s in SPLITS if any(s in other for other in everyone.values())):
        measures = one[split].measures if split in one else {}
        figures |= titled(measures, ATTRIBUTE_MEASURES, split)
    return figures
