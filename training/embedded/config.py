"""Settings of the recipe, read from YAML and changed from the command line."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from ser.errors import SerError


@dataclass(frozen=True)
class EmbeddedConfig:
    """See training/configs/embedded.yaml for what each entry means."""

    data: Path
    work: Path
    bundle: Path
    seed: int
    cross_validate: bool
    processes: int
    copies: int
    max_seconds: float
    batch_size: int
    per_epoch: dict[str, int]
    epochs: dict[str, int]

    @classmethod
    def read(cls, path: Path, overrides: Sequence[str] = ()) -> "EmbeddedConfig":
        """Read `path`; each override is `key=value`, or `key.part=value` for a part of an entry."""
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SerError(f"The configuration {path} cannot be read: {error.strerror}.") from error
        for override in overrides:
            key, _, text = override.partition("=")
            target, *parts = key.split(".")
            if target not in values or (parts and parts[0] not in values[target]):
                raise SerError(f"{key} is no setting of {path.name}; known are {sorted(values)}.")
            if parts:
                values[target][parts[0]] = yaml.safe_load(text)
            else:
                values[target] = yaml.safe_load(text)
        known = {item.name for item in fields(cls)}
        if set(values) != known:
            raise SerError(f"{path.name} must have exactly these settings: {sorted(known)}.")
        for name in ("data", "work", "bundle"):
            values[name] = Path(values[name])
        if not values["data"].is_dir():
            raise SerError(f"There is no folder {values['data']}: give data=FOLDER.")
        return cls(**values)
