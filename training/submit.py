"""`submit`: the challenge's two CSV files, checked against the list of test files."""

import logging
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES
from training.config import Config
from training.external import CLASS, COLUMNS, FILE, LETTERS, named, plain_name, read_table
from training.files import write_text
from training.manifest import read_manifest
from training.predictions import Predictions
from training.runs import ENSEMBLE, Source, sources

SUBMISSION: Final = "submission"
TASKS: Final = ("task1.csv", "task2.csv")
WAV: Final = ".wav"
logger = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Write `submission/task1.csv` and `task2.csv`; nothing is written where a check fails."""
    source = chosen(config)
    split = config.submit.split
    predictions = source.read(split)
    rows = read_manifest(config.manifest)
    paths = dict(zip(rows["id"], rows["path"], strict=True))
    if strangers := set(predictions.frame["id"]) - set(paths):
        raise SerError(
            f"{source.name} predicts {named(strangers)}, which the manifest does not know: run "
            "`prepare` and the training on one corpus."
        )
    names = [plain_name(paths[name]) for name in predictions.frame["id"]]
    wanted = wanted_files(config, paths, rows)
    check(predictions, names, wanted, source.name)
    order = pd.Series(range(len(names)), index=names).loc[wanted].to_numpy()
    for task, table in zip(TASKS, (task1(predictions), task2(predictions)), strict=True):
        table = table.iloc[order]
        table.insert(0, FILE, [name + WAV for name in wanted])
        text = table.to_csv(index=False, float_format="%.6f", lineterminator="\n")
        write_text(config.run / SUBMISSION / task, text)
    logger.info(
        "%s and %s with %d rows of %s, predicted by %s, are in %s.",
        *TASKS, len(wanted), split, source.name, config.run / SUBMISSION,
    )  # fmt: skip


def chosen(config: Config) -> Source:
    """Whose predictions are submitted. SerError where that is not clear."""
    split = config.submit.split
    able = {s.name: s for s in sources(config.run) if split in s.splits}
    if not able:
        raise SerError(
            f"{config.run} has no predictions of {split}: run `fit` first, with recordings of "
            f"{split} in the manifest."
        )
    told = f"predictions of {split} are there from {', '.join(able)}"
    if config.submit.predictions is not None:
        if config.submit.predictions not in able:
            raise SerError(f"submit.predictions={config.submit.predictions} is not there: {told}.")
        return able[config.submit.predictions]
    if ENSEMBLE in able:
        return able[ENSEMBLE]
    if len(able) != 1:
        raise SerError(f"Say what to submit with submit.predictions=STAGE/MEASURE: {told}.")
    return next(iter(able.values()))


def wanted_files(config: Config, paths: dict[str, str], rows: pd.DataFrame) -> list[str]:
    """Names, without ending, that the challenge wants, in its order."""
    if config.submit.files is None:
        ids = rows["id"][rows["split"] == config.submit.split]
        return [plain_name(paths[name]) for name in ids]
    path = config.data / config.submit.files
    names = [plain_name(name) for name in _listed(path)]
    if doubled := {name for name, count in Counter(names).items() if count > 1}:
        raise SerError(f"{path.name} lists files twice: {named(doubled)}.")
    return names


def _listed(path: Path) -> list[str]:
    """A CSV file with FileName, or one name a line."""
    if path.suffix == ".csv":
        return [str(name) for name in read_table(path)[FILE]]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SerError(f"The list of test files {path} cannot be read: {error}.") from error
    return [line for line in lines if line.strip()]


def check(predictions: Predictions, names: list[str], wanted: list[str], who: str) -> None:
    """SerError that names missing, superfluous and doubled files, and predictions that are none."""
    doubled = {name for name, count in Counter(names).items() if count > 1}
    values = np.column_stack([predictions.probabilities, predictions.attributes])
    broken = {names[k] for k in np.flatnonzero(~np.isfinite(values).all(axis=1))}
    faults = {
        "predictions are missing for": set(wanted) - set(names),
        "these are not in the list of test files:": set(names) - set(wanted),
        "these are predicted twice:": doubled,
        "predictions are not numbers for": broken,
    }
    if told := [f"{fault} {named(files)}" for fault, files in faults.items() if files]:
        raise SerError(f"Nothing was written, {who} cannot be submitted: {'; '.join(told)}.")
    if not wanted:
        raise SerError("The list of test files is empty, so there is nothing to submit.")


def task1(predictions: Predictions) -> pd.DataFrame:
    """The letter of the best of the challenge's classes; "other" is none of them."""
    letters = {k: LETTERS[c] for k, c in enumerate(predictions.classes) if c in LETTERS}
    if not letters:
        raise SerError("The model knows none of the challenge's classes.")
    best = predictions.probabilities[:, list(letters)].argmax(axis=1)
    return pd.DataFrame({CLASS: np.array(list(letters.values()))[best]})


def task2(predictions: Predictions) -> pd.DataFrame:
    """The three attributes, within 1..7."""
    values = predictions.attributes.clip(ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    order = [ATTRIBUTES.index(attribute) for attribute in COLUMNS]
    return pd.DataFrame(values[:, order], columns=list(COLUMNS.values()))
