"""What a finished stage leaves: a bundle and predictions for each measure, then `done.json`."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ser.bundle import Bundle, BundleConfig
from ser.encoders import EncoderSpec
from ser.encoders.bank import INSIDE
from ser.fusion import FusionConfig, FusionModel
from training.answers import Answers, fit_temperature, measured
from training.card import summary, write_card
from training.config import Config
from training.files import write_text
from training.predictions import Predictions
from training.stage import StageRun

PREFIX = "model."  # of the fusion model's weights in a checkpoint


@dataclass(frozen=True)
class Best:
    """The best checkpoint by one measure."""

    measure: str
    epoch: int  # counted from 1
    state: dict[str, torch.Tensor]  # of the fusion model

    @classmethod
    def load(cls, run: StageRun, measure: str) -> "Best":
        """From the stage's checkpoints."""
        path = run.checkpoints / f"{measure}.ckpt"
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        state = {
            name.removeprefix(PREFIX): tensor
            for name, tensor in checkpoint["state_dict"].items()
            if name.startswith(PREFIX)
        }
        return cls(measure, int(checkpoint["epoch"]) + 1, state)


def inner_encoders(config: Config) -> dict[str, Path]:
    """Encoders that are folders on this machine: they are copied into bundles, unlike Hub names."""
    found = {}
    for name, spec in config.encoders.items():
        places = [Path(spec.checkpoint).expanduser()]
        if config.encoder_root is not None:
            places.insert(0, config.encoder_root / spec.checkpoint)
        if folder := next((place for place in places if place.is_dir()), None):
            found[name] = folder
    return found


def served_transcriber(config: Config) -> str:
    """What bundles name to write words: a folder of this machine is no name for others."""
    folder = Path(config.transcriber).expanduser()
    is_local = folder.is_absolute() or folder.is_dir()
    return BundleConfig.transcriber if is_local else config.transcriber


def bundle_config(
    run: StageRun, measure: str, fusion: FusionConfig, temperature: float = 1.0
) -> BundleConfig:
    """BundleError where the configuration makes no valid bundle."""
    config, inside = run.config, inner_encoders(run.config)
    return BundleConfig(
        name=f"{run.title} {measure}",
        encoders={
            name: EncoderSpec(f"{INSIDE}{name}") if name in inside else spec
            for name, spec in config.encoders.items()
        },
        fusion=fusion,
        layers=run.layers,
        whisper_context=config.whisper_context,
        transcriber=served_transcriber(config),
        window_max_s=config.features.max_seconds,
        temperature=temperature,
    )


def write_measure(
    run: StageRun, best: Best, model: FusionModel, answers: Answers
) -> dict[str, float]:
    """Write `<stage>/<measure>/`, under its name only when it is whole.

    `answers` are those of `model` on the run's `answered` rows. Returns the development figures.
    """
    truth, tuning = run.truth, run.tuning
    logits, attributes = answers.of(tuning)
    figures = measured(truth, tuning, logits, attributes)
    classed = truth.index[tuning] >= 0
    temperature = 1.0
    if run.config.calibrate and classed.any():
        temperature = fit_temperature(logits[classed], truth.index[tuning][classed])
    settings = bundle_config(run, best.measure, model.config, temperature)
    card = _card(run, best, settings, figures)
    metrics = {
        "summary": summary(figures, len(tuning)),
        "dev": figures,
        "epoch": best.epoch,
        "seed": run.config.seed,
    }
    target = run.folder / best.measure
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, folder in inner_encoders(run.config).items():
        shutil.copytree(folder, partial / INSIDE / name, copy_function=_link)
    Bundle(settings, model, card, metrics).save(partial)
    _write_predictions(run, answers, temperature, partial / "predictions")
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    return figures


def _card(run: StageRun, best: Best, settings: BundleConfig, figures: Mapping[str, float]) -> str:
    rows = sorted({*run.training.tolist(), *run.answered.tolist()})
    encoders = {
        name: f"{spec.checkpoint} ({spec.revision or 'newest revision'})"
        for name, spec in run.config.encoders.items()
    }
    return write_card(
        settings.name, run.name, best.measure, best.epoch, run.classes, run.frame.iloc[rows],
        figures, settings.temperature, encoders, run.stage,
    )  # fmt: skip


def _write_predictions(run: StageRun, answers: Answers, temperature: float, folder: Path) -> None:
    """One file per split, with the probabilities that the bundle gives."""
    frame = run.frame.iloc[run.answered]
    for split in frame["split"].unique():
        rows = run.answered[(frame["split"] == split).to_numpy()]
        logits, attributes = answers.of(rows)
        scores = torch.from_numpy(logits).double() / temperature
        probabilities = scores.softmax(dim=-1).numpy()
        table = Predictions.of(run.frame.iloc[rows], run.classes, probabilities, attributes)
        table.write(folder / f"{split}.parquet")


def _link(source: str, target: str) -> None:
    """A second name of the same file where the disk can do that, else a copy."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)


def write_done(
    run: StageRun, results: Mapping[str, Mapping[str, Any]], seconds: float, parameters: int
) -> None:
    """Mark the stage as finished and free the disk of its checkpoints."""
    told = {
        "stage": run.name,
        "seconds": round(seconds, 1),
        "trainable_parameters": parameters,
        "best": results,
    }
    write_text(run.done, json.dumps(told, indent=2) + "\n")
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def fresh(model: FusionModel) -> FusionModel:
    """A model of the same sizes for weights from a checkpoint, not trainable."""
    return FusionModel(replace(model.config)).requires_grad_(False).eval()
