"""`ensemble`: the mean of several models' predictions, each attribute by models of its own."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from training import manifest
from training.config import Config
from training.external import External, named
from training.files import write_text
from training.manifest import SPLITS
from training.metrics import UNSCORED
from training.predictions import ATTRIBUTE_PREFIX, CLASS_PREFIX, Predictions
from training.runs import ENSEMBLE, FINETUNE, PREDICTIONS, Source, sources
from training.scores import points

EMOTIONS: Final = "emotions"
TARGETS: Final = (*ATTRIBUTES, EMOTIONS)
BEST, TUNED = "best:", "tuned:"
CSV: Final = ".csv"
MEMBERS: Final = "members.json"
HALF_A_VOTE: Final = 0.5
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """Who is averaged, and why."""

    name: str
    source: Source | External
    dev: float | None = None  # figure on the development set by which it was chosen

    @property
    def told(self) -> str:
        """For the log and the report."""
        return self.name if self.dev is None else f"{self.name} (dev {self.dev:.3f})"


def run(config: Config) -> None:
    """Write `ensemble/predictions/<split>.parquet` for every split that all members have."""
    members = choose(config)
    for target, chosen in members.items():
        logger.info("%s: mean of %s", target, ", ".join(member.told for member in chosen))
    folder = config.run / ENSEMBLE
    written = []
    for split in SPLITS:
        together = averaged(members, split, config)
        if together is None:
            (folder / PREDICTIONS / f"{split}.parquet").unlink(missing_ok=True)
            continue
        together.write(folder / PREDICTIONS / f"{split}.parquet")
        written.append(split)
    if not written:
        raise SerError(
            "There is no split that every member of `ensemble` has predictions for: look at the "
            "log above for what each of them lacks."
        )
    told = {
        target: [{"member": member.name, "dev": member.dev} for member in chosen]
        for target, chosen in members.items()
    }
    text = json.dumps(told | {"vote": config.ensemble.vote}, indent=2)
    write_text(folder / MEMBERS, text + "\n")
    logger.info("Ensemble written for %s.", ", ".join(written))


def check_external(config: Config) -> None:
    """SerError where a CSV file of `ensemble` cannot be used: before hours are spent."""
    frame = manifest.load(config)
    for name in dict.fromkeys(n for names in _wanted(config).values() for n in names):
        if not name.endswith(CSV):
            continue
        external = External(name, config)
        splits = [s for s in SPLITS if (frame["split"] == s).any() and s != "train"]
        found = [
            split
            for split in splits
            if external.frame(split, frame["id"][frame["split"] == split].tolist()) is not None
        ]
        if not found:
            raise SerError(
                f"{name} of `ensemble` gives no predictions for {', '.join(splits)}: a CSV file "
                f"with FileName, EmoAct, EmoVal, EmoDom is expected in {config.data}; take it out "
                "of `ensemble` if you have none."
            )


def choose(config: Config) -> dict[str, tuple[Member, ...]]:
    """The members for each attribute and for the classes.

    `best:3` stands for the three best checkpoints by the CCC of the attribute, or by macro-F1 for
    classes, on the development set alone; `tuned:3` for the best of the fine-tuned ones (paper,
    4.5: the former for arousal and dominance, the latter for valence). What has no list of its own
    is averaged over all checkpoints that the other lists name. SerError for what is not there.
    """
    known = {s.name: s for s in sources(config.run) if s.name != ENSEMBLE}
    chosen: dict[str, tuple[Member, ...]] = {}
    for target, names in _wanted(config).items():
        found = [m for name in names for m in _members(name, target, known, config)]
        chosen[target] = tuple({member.name: member for member in found}.values())
    everyone = {
        member.name: Member(member.name, member.source)
        for members in chosen.values()
        for member in members
        if isinstance(member.source, Source)
    }
    if not everyone:
        raise SerError(
            "`ensemble` names no checkpoint: list STAGE/MEASURE, such as fit/ccc, or best:3 for "
            "arousal, valence, dominance or emotions."
        )
    return {target: members or tuple(everyone.values()) for target, members in chosen.items()}


def _wanted(config: Config) -> dict[str, tuple[str, ...]]:
    return {target: getattr(config.ensemble, target) for target in TARGETS}


def _members(
    name: str, target: str, known: Mapping[str, Source], config: Config
) -> tuple[Member, ...]:
    if name.startswith((BEST, TUNED)):
        return _best(name, target, list(known.values()))
    if name.endswith(CSV):
        return (Member(name, External(name, config)),)
    if name not in known:
        raise SerError(
            f"{name} of ensemble.{target} is no finished checkpoint of this run; finished are "
            f"{', '.join(known) or 'none'}."
        )
    return (Member(name, known[name]),)


def _best(name: str, target: str, known: Sequence[Source]) -> tuple[Member, ...]:
    """The best of the checkpoints that training, or fine-tuning, kept for this kind of target."""
    kind, count = name.split(":", 1)
    if not count.isdigit() or not int(count):
        raise SerError(f"{name} of ensemble.{target}: write {kind}:3, or another number.")
    measure, figure = ("macro_f1",) * 2 if target == EMOTIONS else ("ccc", f"ccc_{target}")
    able = [source for source in known if source.name.endswith(f"/{measure}")]
    if name.startswith(TUNED):
        able = [source for source in able if FINETUNE in source.name.split("/")]
    if len(able) < int(count):
        tuned = "fine-tuned " if name.startswith(TUNED) else ""
        raise SerError(
            f"ensemble.{target} wants the {name}, but {len(able)} {tuned}checkpoints by "
            f"{measure} are finished: run `fit` and `finetune`, or name the members."
        )
    figures = {source.name: points(source.read("dev")) for source in able}
    if blind := [source for source, values in figures.items() if figure not in values]:
        raise SerError(
            f"ensemble.{target}: the dev split of {blind[0]} has no labels for {figure}."
        )
    able.sort(key=lambda source: -figures[source.name][figure])
    return tuple(Member(s.name, s, figures[s.name][figure]) for s in able[: int(count)])


def averaged(
    members: Mapping[str, Sequence[Member]], split: str, config: Config
) -> Predictions | None:
    """The ensemble's predictions of a split; None where a member has none."""
    everyone = {m.name: m.source for chosen in members.values() for m in chosen}
    own = {
        name: source.read(split).frame.set_index("id")
        for name, source in everyone.items()
        if isinstance(source, Source) and split in source.splits
    }
    lacking = [n for n, s in everyone.items() if isinstance(s, Source) and n not in own]
    rows = _common(own, split) if own and not lacking else None
    if rows is None:
        if own:
            logger.warning("%s is left out: %s has no predictions.", split, ", ".join(lacking))
        return None
    tables = {name: frame.loc[rows.index] for name, frame in own.items()}
    for name, source in everyone.items():
        if isinstance(source, External):
            table = source.frame(split, rows.index.tolist())
            if table is None:
                logger.warning("%s is left out: %s has no predictions.", split, name)
                return None
            tables[name] = table
    return _combined(rows, members, tables, config)


def _common(tables: Mapping[str, pd.DataFrame], split: str) -> pd.DataFrame:
    """Rows that all have, in the order of the first. Only "other" may be missing from some.

    Fine-tuning for task 1 does not answer recordings of that class. SerError for any other gap.
    """
    shared = set.intersection(*(set(table.index) for table in tables.values()))
    for table in tables.values():
        alone = table[~table.index.isin(shared)]
        if gaps := set(alone.index[(alone["emotion"] != UNSCORED).to_numpy()]):
            short = [name for name, other in tables.items() if not gaps <= set(other.index)]
            raise SerError(
                f"The members of `ensemble` answer different recordings of {split}: "
                f"{', '.join(short)} lacks {named(gaps)}. Train them on one manifest."
            )
    first = next(iter(tables.values()))
    return first[first.index.isin(shared)]


def _combined(
    rows: pd.DataFrame,
    members: Mapping[str, Sequence[Member]],
    tables: Mapping[str, pd.DataFrame],
    config: Config,
) -> Predictions:
    attributes = np.stack(
        [
            np.mean([_column(tables, m, ATTRIBUTE_PREFIX + name) for m in members[name]], axis=0)
            for name in ATTRIBUTES
        ],
        axis=1,
    )
    shares = [_shares(tables[m.name], config.classes, m.name) for m in members[EMOTIONS]]
    classes = tuple(c for k, c in enumerate(config.classes) if any(s[:, k].any() for s in shares))
    kept = [config.classes.index(name) for name in classes]
    together = COMBINE[config.ensemble.vote](np.stack(shares)[:, :, kept])
    return Predictions.of(rows.reset_index(), classes, together, attributes)


def _column(tables: Mapping[str, pd.DataFrame], member: Member, column: str) -> np.ndarray:
    if column not in tables[member.name]:
        raise SerError(f"{member.name} of `ensemble` has no predictions of {column}.")
    return tables[member.name][column].to_numpy(dtype=float)


def _shares(table: pd.DataFrame, classes: Sequence[str], name: str) -> np.ndarray:
    """Probabilities [N, C] of the configuration's classes; 0 for those a member does not know."""
    columns = [f"{CLASS_PREFIX}{emotion}" for emotion in classes]
    if not set(columns) & set(table.columns):
        raise SerError(f"{name} of `ensemble.emotions` gives no classes (a column EmoClass).")
    return table.reindex(columns=columns, fill_value=0.0).to_numpy(dtype=float)


def mean_of(shares: np.ndarray) -> np.ndarray:
    """Mean probabilities [N, C] of members [M, N, C]."""
    return shares.mean(axis=0)


def majority_of(shares: np.ndarray) -> np.ndarray:
    """Shares of the votes [N, C] of members [M, N, C], one vote each.

    Half a vote is given to the mean probability: it decides between classes with as many votes,
    and never against a class with more.
    """
    votes = np.eye(shares.shape[2])[shares.argmax(axis=2)].sum(axis=0)
    return (votes + HALF_A_VOTE * shares.mean(axis=0)) / (len(shares) + HALF_A_VOTE)


COMBINE: Final[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "mean": mean_of,
    "majority": majority_of,
}
