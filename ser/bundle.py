"""A trained model as a folder: config.json, model.safetensors, README.md, metrics.json."""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePath
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ser.encoders import LAST_LAYER, WHISPER_CONTEXTS, EncoderSpec
from ser.errors import BundleError, SerError
from ser.fusion import FusionConfig, FusionModel
from ser.hub import local_folder
from ser.labels import ATTRIBUTES, EMOTIONS, ENCODERS

FORMAT: Final = 1
CONFIG, WEIGHTS, CARD, METRICS = "config.json", "model.safetensors", "README.md", "metrics.json"
EMBEDDED: Final = Path(__file__).resolve().parent.parent / "assets" / "embedded"
"""The bundle that comes with the repository and needs no network."""


@dataclass(frozen=True)
class BundleConfig:
    """Everything but the weights that makes a recogniser."""

    name: str
    encoders: dict[str, EncoderSpec]  # Hub names, or folders relative to the bundle
    fusion: FusionConfig
    layers: dict[str, tuple[int, ...]] = field(  # which hidden states of each encoder are read
        default_factory=lambda: dict.fromkeys(ENCODERS, LAST_LAYER)
    )
    whisper_context: str = "padded_30s"
    transcriber: str = "openai/whisper-base"
    text_languages: tuple[str, ...] = ("en",)  # what the text encoder understands
    window_max_s: float = 30.0  # longer speech is cut into windows of at most this length
    temperature: float = 1.0  # divides the logits; fitted on tuning speakers
    attributes: tuple[str, ...] = ATTRIBUTES
    format: int = FORMAT

    def __post_init__(self) -> None:
        demands = {
            f"format must be {FORMAT}, not {self.format!r}": self.format == FORMAT,
            f"attributes must be {ATTRIBUTES}": self.attributes == ATTRIBUTES,
            f"encoders must be {ENCODERS}": tuple(self.encoders) == ENCODERS,
            f"layers must be whole numbers for {ENCODERS}": tuple(self.layers) == ENCODERS
            and all(type(index) is int for indexes in self.layers.values() for index in indexes),
            "layers must be as many as fusion.layers says": self.fusion.layers
            == {name: len(indexes) for name, indexes in self.layers.items()},
            f"whisper_context must be one of {WHISPER_CONTEXTS}": self.whisper_context
            in WHISPER_CONTEXTS,
            "name must be a text": bool(self.name) and isinstance(self.name, str),
            "temperature must be a number above 0": _is_number(self.temperature, 0.0, math.inf),
            "window_max_s must lie in 1..30": _is_number(self.window_max_s, 0.99, 30.0),
            "text_languages must be codes such as en": all(
                isinstance(code, str) and 2 <= len(code) <= 3 for code in self.text_languages
            ),
            "encoders and transcriber must be Hub names, or folders inside the bundle": all(
                _stays_inside(name)
                for name in (self.transcriber, *(e.checkpoint for e in self.encoders.values()))
            ),
        }
        if broken := [demand for demand, met in demands.items() if not met]:
            raise BundleError(f"{CONFIG} of the bundle does not hold: {'; '.join(broken)}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "BundleConfig":
        """Strict: an unknown, missing or ill-typed entry is a BundleError that names it."""
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise BundleError(f"{CONFIG} has unknown entries {unknown}; known are {sorted(known)}.")
        if missing := sorted(known - set(values)):
            raise BundleError(f"{CONFIG} lacks the entries {missing}.")
        try:
            fusion = dict(values["fusion"])
            if strangers := [name for name in fusion["emotions"] if name not in EMOTIONS]:
                raise BundleError(f"{CONFIG} has unknown classes {strangers}; known: {EMOTIONS}.")
            return cls(
                **{
                    **values,
                    "fusion": FusionConfig(**{**fusion, "emotions": tuple(fusion["emotions"])}),
                    "layers": {k: tuple(v) for k, v in values["layers"].items()},
                    "encoders": {k: EncoderSpec(**v) for k, v in values["encoders"].items()},
                    "text_languages": tuple(values["text_languages"]),
                    "attributes": tuple(values["attributes"]),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{CONFIG} is not a bundle's config: {error}.") from error


def _is_number(value: object, above: float, most: float) -> bool:
    return isinstance(value, int | float) and above < value <= most and math.isfinite(value)


def _stays_inside(name: object) -> bool:
    """Whether a name from a config, which may come from anybody, leads to no folder elsewhere."""
    if not isinstance(name, str) or not name or name.startswith("~"):
        return False
    return not PurePath(name).is_absolute() and ".." not in PurePath(name).parts


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle."""

    config: BundleConfig
    model: FusionModel
    card: str = ""  # Markdown
    metrics: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def name(self) -> str:
        """What the page and the JSON call it."""
        return self.config.name

    @classmethod
    def load(cls, source: str | os.PathLike[str] | None = None) -> "Bundle":
        """Load a folder or a Hub repository; the embedded bundle when nothing is named."""
        folder = _find(source)
        config = BundleConfig.from_dict(_read_json(folder / CONFIG))
        metrics = folder / METRICS
        card = folder / CARD
        return cls(
            config=config,
            model=_load_model(folder / WEIGHTS, config.fusion),
            card=card.read_text(encoding="utf-8", errors="replace") if card.exists() else "",
            metrics=_read_json(metrics) if metrics.exists() else {},
            folder=folder,
        )

    def save(self, folder: Path) -> None:
        """Write the bundle; the config comes last, so that a half-written one is never loaded."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).unlink(missing_ok=True)
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, folder / WEIGHTS)
        (folder / CARD).write_text(self.card, encoding="utf-8")
        (folder / METRICS).write_text(_json(self.metrics), encoding="utf-8")
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            file.write(_json(self.config.to_dict()))
        os.chmod(file.name, 0o644)
        os.replace(file.name, folder / CONFIG)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _find(source: str | os.PathLike[str] | None) -> Path:
    folder = EMBEDDED if source is None else Path(source)
    if not folder.exists() and source is not None:
        try:
            folder = local_folder(str(source))
        except SerError as error:
            raise BundleError(
                f"There is no bundle {str(source)!r}: neither a folder nor a Hub id. {error}"
            ) from error
    if not (folder / CONFIG).is_file():
        raise BundleError(
            f"{folder.name} is not a bundle: it has no {CONFIG}. Name a folder with {CONFIG} and "
            f"{WEIGHTS}, or a Hub repository of that form."
        )
    return folder


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path.name} of the bundle cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path.name} of the bundle must hold a JSON object.")
    return values


def _load_model(path: Path, config: FusionConfig) -> FusionModel:
    """Weights from safetensors only, each key and size as the config says."""
    if not path.is_file():
        raise BundleError(
            f"The bundle has no {WEIGHTS}. Weights are read from safetensors only, never from a "
            "pickle (.bin, .pt, .ckpt)."
        )
    try:
        with safe_open(path, framework="pt") as file:
            found = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{WEIGHTS} is not a safetensors file or is damaged: {error}.") from error
    with torch.device("meta"):
        model = FusionModel(config)
    wanted = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    faults = {
        "missing": sorted(set(wanted) - set(found)),
        "superfluous": sorted(set(found) - set(wanted)),
        "of another size": [k for k in sorted(wanted) if k in found and found[k] != wanted[k]],
    }
    if any(faults.values()):
        told = "; ".join(f"{kind}: {', '.join(keys)}" for kind, keys in faults.items() if keys)
        raise BundleError(f"{WEIGHTS} does not match the sizes in {CONFIG}. {told}.")
    model.load_state_dict(state, strict=True, assign=True)
    return model.requires_grad_(False).eval()
