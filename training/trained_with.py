"""The part of a report that says with which settings its stages were trained."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import ValidationError

from training.config import Config, Stage
from training.runs import ENSEMBLE, FINETUNE, FOLD


def trained_with(run: Path, sources: Sequence[str]) -> str:
    """What differs between runs, as stored with the stages that `sources` (STAGE/MEASURE) are of.

    What all stages share is told once, anything else with the names of its stages.
    """
    parents = (str(PurePosixPath(name).parent) for name in sources if name != ENSEMBLE)
    stored = {name: _stored(run, name) for name in dict.fromkeys(parents)}
    known = {name: config for name, config in stored.items() if config is not None}
    shared = [_shared(config) for config in known.values()]
    lines = []
    for title in shared[0] if shared else ():
        stages_of: dict[str, list[str]] = {}
        for name, facts in zip(known, shared, strict=True):
            stages_of.setdefault(facts[title], []).append(f"`{name}`")
        for fact, names in stages_of.items():
            where = f" of {', '.join(names)}" if len(stages_of) > 1 else ""
            lines.append(f"- {title}{where}: {fact}")
    lines += [f"- `{name}`: {_stage(_stage_of(config, name))}" for name, config in known.items()]
    if unknown := [f"`{name}`" for name in stored if name not in known]:
        lines.append(f"- Not known, for want of a readable config.yaml: {', '.join(unknown)}")
    return "\n".join(lines) + "\n"


def _stored(run: Path, name: str) -> Config | None:
    """Settings of a stage, or of its first fold; None where they cannot be read."""
    stage = run / name
    home = stage.parents[1] if stage.parent.name == FINETUNE else stage.parent
    inside = stage.relative_to(home)
    folders = (stage, home / f"{FOLD}0" / inside)
    path = next((p for f in folders if (p := f / "config.yaml").is_file()), None)
    if path is None:
        return None
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        # The folder of the encoders may be gone by now, and is not told.
        config = Config.model_validate({**values, "encoder_root": None})
        _stage_of(config, name)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError, ValidationError):
        return None
    return config


def _stage_of(config: Config, name: str) -> Stage:
    path = PurePosixPath(name)
    return config.finetune[path.name] if path.parent.name == FINETUNE else config.fit


def _shared(config: Config) -> dict[str, str]:
    """What stages of one run have in common: title -> what is told."""
    fusion, features = config.fusion, config.features
    encoders = ", ".join(f"{name} {spec.checkpoint}" for name, spec in config.encoders.items())
    return {
        "Encoders, frozen": f"{encoders}; Whisper's context {config.whisper_context}",
        "Fusion": f"{fusion.pooling.replace('_', ' ')} pooling, projections "
        f"{fusion.projection_width}, LSTM {fusion.lstm_width} x {fusion.lstm_layers}",
        "Copies of each training clip": f"1 clean and {features.copies} augmented",
        "Classes": f"{', '.join(config.classes)}; split {config.split}; seed {config.seed}",
    }


def _stage(stage: Stage) -> str:
    """Its main settings, and every other that is not the default."""
    told = (
        f"{stage.epochs} epochs of {stage.samples_per_epoch:,} samples, batch {stage.batch_size}, "
        f"rate {stage.rate:g} to {stage.rate_end:g}, {stage.warmup_epochs} to warm up, "
        f"alpha {stage.alpha:g}, beta {stage.beta:g}"
    )
    shown = {
        "epochs", "samples_per_epoch", "batch_size", "rate", "rate_end", "warmup_epochs", "alpha",
        "beta",
    }  # fmt: skip
    values: dict[str, Any] = stage.model_dump(exclude_defaults=True, mode="json")
    return "; ".join([told, *(f"{k} {v}" for k, v in values.items() if k not in shown)])
