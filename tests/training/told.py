"""Predictions made up for tests, as a model of known quality would give them."""

from pathlib import Path

import numpy as np
import pandas as pd

from ser.labels import ATTRIBUTES, EMOTIONS
from training.manifest import SCHEMA, write_manifest
from training.predictions import Predictions

CLASSES = EMOTIONS[:9]


def rows(split: str, count: int = 120, speakers: int = 6, seed: int = 0) -> pd.DataFrame:
    """Rows of a manifest of MSP-Podcast's form; the truth of test3 is unknown."""
    random = np.random.default_rng(seed + sum(map(ord, split)))
    frame = pd.DataFrame({field.name: [None] * count for field in SCHEMA})
    names = [f"MSP-PODCAST_{split}_{k:04d}" for k in range(count)]
    frame["id"] = [f"msp/{name}" for name in names]
    frame["path"] = [f"MSP-Podcast/Audios/{name}.wav" for name in names]
    frame["speaker"] = [f"msp/{split}{k}" for k in random.integers(speakers, size=count)]
    frame = frame.assign(corpus="msp", split=split, language="en", strong=False, derived=False)
    frame = frame.assign(duration_s=2.0, audio_sha256="0")
    if split == "test3":
        frame["speaker"] = "msp/unknown"
        return frame.astype(dict.fromkeys(ATTRIBUTES, float))
    frame["emotion"] = [CLASSES[k] for k in random.integers(len(CLASSES), size=count)]
    for name in ATTRIBUTES:
        frame[name] = random.uniform(1, 7, count)
    return frame


def told(frame: pd.DataFrame, skill: float, seed: int = 0) -> Predictions:
    """What a model of `skill` 0..1 says: right in that share of rows, the rest is chance."""
    random = np.random.default_rng(seed)
    count = len(frame)
    truth = np.array([CLASSES.index(e) if e in CLASSES else 0 for e in frame["emotion"]])
    guess = np.where(random.random(count) < skill, truth, random.integers(9, size=count))
    sure = random.uniform(0.5, 0.7, count)
    probabilities = np.repeat((1 - sure)[:, None] / 8, 9, axis=1)
    probabilities[np.arange(count), guess] = sure
    attributes = frame[list(ATTRIBUTES)].fillna(4.0).to_numpy(dtype=float)
    noise = random.uniform(1, 7, (count, 3))
    return Predictions.of(frame, CLASSES, probabilities, skill * attributes + (1 - skill) * noise)


def write_stage(stage: Path, skill: float, splits: tuple[str, ...], seed: int = 0) -> None:
    """A finished stage as `fit` leaves it, both measures, as far as predictions go."""
    for number, measure in enumerate(("macro_f1", "ccc")):
        for split in splits:
            predictions = told(rows(split), skill, seed=seed + number)
            predictions.write(stage / measure / "predictions" / f"{split}.parquet")
    (stage / "done.json").write_text('{"best": {}}', encoding="utf-8")


def write_rows(path: Path, splits: tuple[str, ...]) -> pd.DataFrame:
    """A manifest with these splits."""
    frame = pd.concat([rows(split) for split in splits], ignore_index=True)
    write_manifest(frame, path)
    return frame
