"""`evaluate`: figures with intervals, plots and one report of everything a run has finished."""

import json
import logging
from pathlib import Path
from typing import Final

from plotly.offline import get_plotlyjs
from tqdm import tqdm

from ser.errors import SerError
from training import manifest
from training.config import Config
from training.figures import drawings
from training.files import write_text
from training.predictions import Predictions
from training.report import Evaluated, report
from training.runs import Source, sources
from training.scores import score

EVALUATION: Final = "evaluation"
METRICS: Final = "metrics.json"
REPORT: Final = "report.md"
PLOTLY: Final = "plotly.min.js"
logger = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Write `evaluation/` and `report.md`. SerError where nothing labelled was predicted."""
    folder = config.run / EVALUATION
    write_text(folder / PLOTLY, get_plotlyjs())
    evaluated: list[Evaluated] = []
    found = [(source, split) for source in sources(config.run) for split in source.splits]
    for source, split in tqdm(found, desc="evaluate", unit="split"):
        evaluated += _evaluate(config, source, split)
    if not evaluated:
        raise SerError(
            f"{config.run} has no predictions of labelled recordings: run `fit` first, and look "
            "whether a dev or test split has labels."
        )
    folds = [
        Evaluated(source.name, "test", score(source.read("test"), draws=0))
        for source in sources(config.run, folds=True)
        if "test" in source.splits
    ]
    write_text(folder / METRICS, _as_json(evaluated + folds))
    frame = manifest.load(config) if config.manifest.is_file() else None
    write_text(config.run / REPORT, report(config, evaluated, folds, frame))
    logger.info("The report is %s.", config.run / REPORT)


def _evaluate(config: Config, source: Source, split: str) -> list[Evaluated]:
    """All recordings of the split, then each corpus of several; nothing without labels."""
    predictions = source.read(split)
    scores = score(predictions, seed=config.seed)
    if not scores.measures:
        return []
    inside = Path(EVALUATION, source.name, split)
    plotly_js = "../" * (len(inside.parts) - 1) + PLOTLY
    drawn = drawings(predictions, config.seed)
    for drawing in drawn:
        drawing.write(config.run / inside, plotly_js)
    figures = tuple((inside / drawing.name).as_posix() for drawing in drawn)
    whole = Evaluated(source.name, split, scores, figures=figures)
    return [whole, *_by_corpus(config, source.name, split, predictions)]


def _by_corpus(
    config: Config, source: str, split: str, predictions: Predictions
) -> list[Evaluated]:
    frame = predictions.frame
    corpora = sorted(frame["corpus"].unique())
    if len(corpora) == 1:
        return []
    parts = [
        (corpus, Predictions(frame[frame["corpus"] == corpus].reset_index(drop=True)))
        for corpus in corpora
    ]
    return [
        Evaluated(source, split, score(part, seed=config.seed), corpus) for corpus, part in parts
    ]


def _as_json(evaluated: list[Evaluated]) -> str:
    told: dict[str, dict[str, object]] = {}
    for one in evaluated:
        told.setdefault(one.source, {})[one.where] = one.scores.to_dict()
    return json.dumps(told, indent=2, allow_nan=False) + "\n"
