"""`report.md`: what a run was trained on, with which settings, and how good it is."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from training.config import Config
from training.ensemble import MEMBERS, TARGETS
from training.figures import TITLES as FIGURE_TITLES
from training.metrics import UNSCORED
from training.runs import ENSEMBLE
from training.scores import (
    ATTRIBUTE_MEASURES,
    F1_PREFIX,
    TITLES,
    Measure,
    Scores,
)
from training.trained_with import trained_with

ABSENT: Final = "-"  # in a table, where nothing was measured
CHOSEN_BY: Final = ("macro_f1", "ccc")
ORDER: Final = ("macro_f1", "accuracy", "uar", "ccc", *ATTRIBUTE_MEASURES[:-1], "ece")
NOTES: Final = f"""\
Brackets: 95 % bootstrap intervals by speaker; a recording of an unknown speaker is drawn on its
own. Classes are scored as in the challenge: "{UNSCORED}" is no answer, and its recordings do not
count. Macro-F1 is the mean F1 of the classes that occur in truth or answer, so a class that is only
answered counts as 0; UAR is the mean recall of the classes that occur; accuracy is micro-F1. CCC
uses population variances over the whole split; a constant prediction has 0. ECE: expected
calibration error over 15 bins of equal mass, and behind it what a perfectly calibrated model of
this size and confidence reaches by chance. Drawing speakers twice makes bins less even, so that
the interval of ECE leans upwards.
"""
NO_INTERVAL: Final = """\
Figures without brackets are those of one speaker alone, of whom no interval can be drawn.
"""


@dataclass(frozen=True)
class Evaluated:
    """One model on one split, or on one corpus of it."""

    source: str  # STAGE/MEASURE
    split: str
    scores: Scores
    corpus: str | None = None  # None: all corpora together
    figures: tuple[str, ...] = ()  # paths from the report, without ending

    @property
    def where(self) -> str:
        """Split, and corpus where it is one alone."""
        return self.split if self.corpus is None else f"{self.split}, {self.corpus}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def cell(scores: Scores, measure: str) -> str:
    """A figure with its interval, `-` where the split has no labels for it."""
    found = scores.measures.get(measure)
    return ABSENT if found is None else str(found)


def report(
    config: Config,
    evaluated: Sequence[Evaluated],
    folds: Sequence[Evaluated],
    frame: pd.DataFrame | None,
) -> str:
    """The whole page. `frame` is the manifest as the run saw it, where it is still there."""
    parts = [
        f"# {config.name}\n",
        _in_short(evaluated),
        "## How good it is\n",
        _figures_table(evaluated),
        NOTES,
        *([NO_INTERVAL] if _without_interval(evaluated) else []),
        "## F1 of each class\n",
        _classes_table(evaluated),
        *(["## Each fold\n", _folds_table(folds)] if folds else []),
        *_ensemble(config),
        "## Trained on\n",
        _data(config, frame),
        "## Settings\n",
        trained_with(config.run, [one.source for one in evaluated]),
        "## Figures\n",
        *_pictures(evaluated),
    ]
    return "\n".join(part for part in parts if part)


def _in_short(evaluated: Sequence[Evaluated]) -> str:
    """For each measure: who is best on dev, and how good that one is elsewhere."""
    lines = []
    whole = [one for one in evaluated if one.corpus is None]
    for measure in CHOSEN_BY:
        able = [one for one in whole if measure in one.scores.measures]
        dev = [one for one in able if one.split == "dev"]
        if dev:
            best = max(dev, key=lambda one: one.scores.measures[measure].value)
            told = f"Best {TITLES[measure]} on dev: `{best.source}`, {cell(best.scores, measure)}"
            elsewhere = [
                f"on {one.split} {cell(one.scores, measure)}"
                for one in able
                if one.source == best.source and one.split != "dev"
            ]
        else:
            told = TITLES[measure]
            elsewhere = [
                f"`{one.source}` on {one.split} {cell(one.scores, measure)}" for one in able
            ]
        if dev or elsewhere:
            lines.append(f"- {'; '.join([told, *elsewhere])}.")
    return "\n".join(lines) + "\n"


def _without_interval(evaluated: Sequence[Evaluated]) -> bool:
    """Whether some figure has no interval."""
    measures = (measure for one in evaluated for measure in one.scores.measures.values())
    return any(np.isnan(measure.low) and not np.isnan(measure.value) for measure in measures)


def _figures_table(evaluated: Sequence[Evaluated]) -> str:
    header = ["predictions", "split", "recordings", "speakers", *(TITLES[name] for name in ORDER)]
    rows = []
    for one in evaluated:
        figures = [cell(one.scores, name) for name in ORDER]
        if one.scores.ece_floor is not None:
            figures[-1] += f", floor {one.scores.ece_floor:.3f}"
        counts = [f"{one.scores.recordings:,}", f"{one.scores.groups:,}"]
        rows.append([f"`{one.source}`", one.where, *counts, *figures])
    return table(header, rows)


def _classes_table(evaluated: Sequence[Evaluated]) -> str:
    measures = (name for one in evaluated for name in one.scores.measures)
    names = list(dict.fromkeys(name for name in measures if name.startswith(F1_PREFIX)))
    if not names:
        return "No split has classes.\n"
    header = ["predictions", "split", *(name.removeprefix(F1_PREFIX) for name in names)]
    rows = [
        [f"`{one.source}`", one.where, *(cell(one.scores, name) for name in names)]
        for one in evaluated
    ]
    return table(header, rows)


def _folds_table(folds: Sequence[Evaluated]) -> str:
    header = ["predictions", "recordings", "speakers", *(TITLES[name] for name in ORDER)]
    rows = []
    for one in folds:
        found = [one.scores.measures.get(name) for name in ORDER]
        counts = [f"{one.scores.recordings:,}", f"{one.scores.groups:,}"]
        rows.append([f"`{one.source}`", *counts, *(_alone(measure) for measure in found)])
    return table(header, rows)


def _alone(measure: Measure | None) -> str:
    return ABSENT if measure is None else f"{measure.value:.3f}"


def _ensemble(config: Config) -> list[str]:
    """Who is in it, and by which figure on dev."""
    path = config.run / ENSEMBLE / MEMBERS
    if not path.is_file():
        return []
    stored = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        [target, f"`{one['member']}`", ABSENT if one["dev"] is None else f"{one['dev']:.3f}"]
        for target in TARGETS
        for one in stored[target]
    ]
    header = ["predicts", "member", "figure on dev by which it was chosen"]
    return ["## Ensemble\n", f"Classes by {stored['vote']}.\n", table(header, rows)]


def _length(seconds: float) -> str:
    """In the unit that shows it: hours, minutes or seconds."""
    if seconds >= 3600:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def _data(config: Config, frame: pd.DataFrame | None) -> str:
    if frame is None:
        return f"The manifest {config.manifest.name} is no longer there.\n"
    groups = frame.groupby(["corpus", "split"], sort=False)
    rows = [
        [
            str(corpus),
            str(split),
            f"{len(part):,}",
            f"{part['speaker'].nunique():,}",
            _length(float(part["duration_s"].sum())),
            f"{part['emotion'].notna().sum():,}",
            f"{part['arousal'].notna().sum():,}{' derived' if part['derived'].any() else ''}",
        ]
        for (corpus, split), part in groups
    ]
    header = [
        "corpus",
        "split",
        "recordings",
        "speakers",
        "length",
        "with class",
        "with attributes",
    ]
    folds = ""
    if config.folds is not None:
        folds = (
            f"\n{config.folds.count} folds by speaker: each tests once, the next one is its "
            "development set. The figures above are of all folds' test predictions together.\n"
        )
    return table(header, rows) + folds


def _pictures(evaluated: Sequence[Evaluated]) -> list[str]:
    parts = []
    for one in evaluated:
        if not one.figures:
            continue
        parts.append(f"### {one.source}, {one.split}\n")
        links = []
        for path in one.figures:
            title = FIGURE_TITLES[path.rpartition("/")[2]]
            parts.append(f"![{title} of {one.source} on {one.split}]({path}.png)\n")
            links.append(f"[{title}]({path}.html)")
        parts.append(f"To look closer: {', '.join(links)}.\n")
    return parts
