"""One stage of training: its rows, its model to start from, and what must hold before it starts."""

import os
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
import yaml
from pydantic import ValidationError

from ser.bundle import WEIGHTS, Bundle
from ser.encoders import LAST_LAYER
from ser.errors import SerError
from ser.fusion import FusionConfig, FusionModel
from ser.labels import ATTRIBUTES, ENCODERS
from training.config import Config, Stage
from training.data import Frames
from training.identity import hash_of_file, hash_of_rows, read_identity
from training.runs import DONE
from training.truth import Truth, check_votes

MACRO_F1, CCC = "macro_f1", "ccc"
LAST = "last"
COPIES_OF_WEIGHTS: Final = 10
"""On disk at most: weights and two moments twice while `last` is replaced, best ones, bundles."""


@dataclass(frozen=True)
class StageRun:
    """A stage with its data. `home` is the run's folder, or that of one fold."""

    config: Config
    name: str  # fit, or finetune/<variant>
    stage: Stage
    home: Path
    frame: pd.DataFrame  # the manifest
    cache: Frames  # of the same rows

    @property
    def folder(self) -> Path:
        """Where the stage writes."""
        return self.home / self.name

    @property
    def checkpoints(self) -> Path:
        """Kept until the stage is done."""
        return self.folder / "checkpoints"

    @property
    def done(self) -> Path:
        """Written last."""
        return self.folder / DONE

    @property
    def title(self) -> str:
        """What sentences call this stage."""
        return self.folder.relative_to(self.config.work).as_posix()

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model tells apart."""
        return tuple(name for name in self.config.classes if name not in self.stage.exclude)

    @cached_property
    def truth(self) -> Truth:
        """Of every row of the frame."""
        return Truth.of(self.frame, self.classes, soft=self.stage.class_loss == "kl")

    @cached_property
    def kept(self) -> np.ndarray:
        """Whether a row takes part, [N] bool: not if its class is none of the model's."""
        return self.frame["emotion"].isna().to_numpy() | (self.truth.index >= 0)

    @cached_property
    def training(self) -> np.ndarray:
        """Rows of the training set that some loss has a label for."""
        classed = self.truth.targets.any(axis=1) & (self.stage.beta > 0)
        rated = ~np.isnan(self.truth.attributes).all(axis=1) & (self.stage.alpha > 0)
        return np.flatnonzero(self._split("train") & (classed | rated))

    @cached_property
    def tuning(self) -> np.ndarray:
        """Rows of the development set that some measure has a label for."""
        return np.flatnonzero(self._split("dev") & ((self.truth.index >= 0) | self.truth.rated))

    @cached_property
    def answered(self) -> np.ndarray:
        """Rows of every split but train, labelled or not."""
        return np.flatnonzero(~self._split("train") & self.kept)

    def _split(self, name: str) -> np.ndarray:
        return (self.frame["split"] == name).to_numpy() & self.kept

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """What checkpoints are chosen by: what the development set has labels for."""
        found = {
            MACRO_F1: bool((self.truth.scored_index[self.tuning] >= 0).any()),
            CCC: bool(self.truth.rated[self.tuning].any()),
        }
        return tuple(name for name, labelled in found.items() if labelled)

    @property
    def layers(self) -> dict[str, tuple[int, ...]]:
        """Which hidden states of each encoder the features hold."""
        named = self.config.features.layers
        return {name: named.get(name, LAST_LAYER) for name in ENCODERS}

    def new_model(self) -> FusionModel:
        """The model that training starts from, in training mode."""
        if self.stage.start is not None:
            return narrowed(self._start().model, self.classes)
        torch.manual_seed(self.config.seed)
        return FusionModel(
            FusionConfig(
                encoder_widths={name: self.cache.widths[name] for name in ENCODERS},
                layers={name: len(indexes) for name, indexes in self.layers.items()},
                emotions=self.classes,
                **self.config.fusion.model_dump(),
            )
        )

    def _start(self) -> Bundle:
        """SerError where it is missing, or made for other encoders or classes."""
        start = str(self.stage.start)
        bundle = Bundle.load(self._start_folder())
        widths = {name: self.cache.widths[name] for name in ENCODERS}
        if bundle.model.config.encoder_widths != widths:
            raise SerError(
                f"{self.title} starts from {start}, whose encoders have the widths "
                f"{bundle.model.config.encoder_widths}, but the features have {widths}: extract "
                "features with the encoders of that bundle."
            )
        if bundle.config.layers != self.layers:
            raise SerError(
                f"{self.title} starts from {start}, which reads the layers {bundle.config.layers} "
                f"of its encoders, but the features are of {self.layers}: set features.layers as "
                "there."
            )
        if missing := [c for c in self.classes if c not in bundle.model.config.emotions]:
            raise SerError(
                f"{self.title} starts from {start}, which does not know {', '.join(missing)}: "
                "leave these classes out with exclude, or start from another model."
            )
        return bundle

    def _start_folder(self) -> Path:
        """SerError where it is missing."""
        start = str(self.stage.start)
        folder = next((f for f in (self.home / start, Path(start)) if f.is_dir()), None)
        if folder is None:
            raise SerError(
                f"{self.title} starts from {start}, which is not there: run the stage that makes "
                "it first, or set start to a bundle folder."
            )
        return folder

    @cached_property
    def identity(self) -> dict[str, str]:
        """Hashes of the rows, and of the weights to start from where there are some."""
        told = {"recordings": hash_of_rows(self.frame)}
        if self.stage.start is not None:
            told["start"] = hash_of_file(self._start_folder() / WEIGHTS)
        return told

    def check(self) -> None:
        """Everything that can be known to fail, before any training: SerError."""
        self._check_settings()
        self._check_labels()
        if self.stage.annotation_dropout:
            check_votes(self.truth, self.training, self.frame["id"].tolist())
        self._check_earlier()
        if self.stage.start is not None:
            self._start()
        self._check_identity()

    def _check_settings(self) -> None:
        stage, processes = self.stage, self.config.devices * self.config.nodes
        strangers = [name for name in stage.class_factors if name not in self.classes]
        started = int(os.environ.get("WORLD_SIZE", processes))
        refused = {
            "alpha and beta are both 0: set one of them above 0": stage.alpha + stage.beta == 0,
            "every class is excluded: leave at least one": not self.classes,
            f"class_factors names {strangers}, which are none of its classes": bool(strangers),
            "annotation_dropout acts on soft labels alone: set class_loss=kl as well": bool(
                stage.annotation_dropout and stage.class_loss != "kl"
            ),
            "the Gaussian penalty weighs squared errors: set attribute_loss=mse or gaussian=null": (
                stage.gaussian is not None and stage.attribute_loss != "mse"
            ),
            f"warmup_epochs must be below epochs ({stage.epochs})": (
                stage.warmup_epochs >= stage.epochs
            ),
            f"batch_size must be a multiple of the {processes} processes": (
                stage.batch_size % processes != 0
            ),
            "precision 16-mixed needs a GPU: set bf16-mixed or 32-true": (
                stage.precision == "16-mixed" and self.config.accelerator == "cpu"
            ),
            f"{started} processes were started, but devices x nodes is {processes}: set devices "
            "and nodes to what the launcher starts": started != processes,
        }
        if faults := [fault for fault, holds in refused.items() if holds]:
            raise SerError(f"{self.title} cannot be trained: {'; '.join(faults)}.")

    def _check_labels(self) -> None:
        """Whether every loss has labels to learn from, and every measure some to be taken on."""
        where = f"{self.title} cannot be trained"
        for name, rows in (("train", self.training), ("dev", self.tuning)):
            if not len(rows):
                raise SerError(
                    f"{where}: no labelled recording is left in its split {name}; look at what "
                    "`prepare` left out, or set other splits."
                )
        if self.stage.beta > 0:
            found = self.truth.targets[self.training].any(axis=0)
            lacking = [c for c, there in zip(self.classes, found, strict=True) if not there]
            if lacking:
                raise SerError(
                    f"{where}: its training set has no recording of {', '.join(lacking)}; take "
                    "these out of classes, or exclude them, or set beta=0."
                )
        if self.stage.alpha > 0:
            rated = ~np.isnan(self.truth.attributes[self.training]).all(axis=0)
            lacking = [a for a, there in zip(ATTRIBUTES, rated, strict=True) if not there]
            if lacking:
                raise SerError(
                    f"{where}: nobody rated {', '.join(lacking)} of its training set; set alpha=0."
                )
        for measure, weight, what, setting in (
            (MACRO_F1, self.stage.beta, "a class", "beta"),
            (CCC, self.stage.alpha, "ratings", "alpha"),
        ):
            if weight > 0 and measure not in self.measures:
                raise SerError(
                    f"{where}: no recording of its development set has {what}, so {measure} cannot "
                    f"be measured; label some, or set {setting}=0."
                )

    def _check_earlier(self) -> None:
        """What an earlier start left must come from the same settings."""
        path = self.folder / "config.yaml"
        if not path.is_file():
            return
        try:
            earlier = Config.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
            changed = _changes(self._settings(earlier), self._settings(self.config))
        except (yaml.YAMLError, ValidationError, KeyError):
            changed = ["config.yaml"]
        if changed:
            raise SerError(
                f"{self.title} was begun with other settings ({', '.join(changed)}): give this run "
                f"another name, or delete {self.folder}."
            )

    def _check_identity(self) -> None:
        """What an earlier start left must come from the same recordings and the same start."""
        if not (self.folder / "config.yaml").is_file():
            return
        earlier = read_identity(self.folder)
        for name, what in (
            ("recordings", "other recordings, splits, labels or transcripts"),
            ("start", f"other weights of {self.stage.start}"),
        ):
            if name in earlier and earlier[name] != self.identity.get(name):
                raise SerError(
                    f"{self.title} was begun with {what}: give this run another name, or delete "
                    f"{self.folder}."
                )

    def _settings(self, config: Config) -> dict[str, Any]:
        """The settings that this stage's result depends on."""
        values = config.model_dump(mode="json")
        names = ("seed", "classes", "corpora", "split", "folds", "encoders", "whisper_context")
        kept = {name: values[name] for name in (*names, "fusion", "calibrate")}
        features = values["features"]
        kept["features"] = {
            name: features[name]
            for name in ("copies", "dtype", "precision", "layers", "max_seconds", "augmentation")
        }
        head, _, variant = self.name.partition("/")
        return kept | {"stage": values[head][variant] if variant else values[head]}

    def check_space(self, model: FusionModel) -> None:
        """SerError where the disk cannot hold what the stage writes."""
        needed = COPIES_OF_WEIGHTS * sum(
            tensor.numel() * tensor.element_size() for tensor in model.state_dict().values()
        )
        existing = next(f for f in (self.folder, *self.folder.parents) if f.exists())
        free = shutil.disk_usage(existing).free
        if free < needed:
            raise SerError(
                f"{self.title} needs {needed / 1e9:.1f} GB for checkpoints and bundles, and the "
                f"disk has {free / 1e9:.1f} GB left: free some, or set work to another disk."
            )


def _changes(earlier: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names of entries that differ, `stage.rate` for one of a section."""
    names: list[str] = []
    for name in sorted(set(earlier) | set(now)):
        old, new = earlier.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            names += [f"{name}.{inner}" for inner in _changes(old, new)]
        elif old != new:
            names.append(name)
    return names


def narrowed(model: FusionModel, classes: tuple[str, ...]) -> FusionModel:
    """A trainable copy that tells only `classes` apart: the rows of its output for the others go.

    The attributes' rows, which come last, stay.
    """
    known = model.config.emotions
    rows = [known.index(name) for name in classes]
    rows += range(len(known), len(known) + len(ATTRIBUTES))
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name in ("output.weight", "output.bias"):
        state[name] = state[name][rows].clone()
    copy = FusionModel(replace(model.config, emotions=classes))
    copy.load_state_dict(state)
    return copy
