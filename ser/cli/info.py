"""What a bundle is, told without loading or downloading its encoders."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from safetensors import safe_open

from ser.bundle import Bundle, BundleConfig
from ser.card import licence
from ser.encoders import EncoderSpec
from ser.errors import HubError
from ser.hub import cached_folder, require_hub
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, ENCODERS
from ser.regions import KEY as REGIONS


def describe(source: str | None) -> Table:
    """Name, classes, encoders, transcriber, measured quality and licence of a bundle."""
    bundle = Bundle.load(source)
    config = bundle.config
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()

    def add(name: str, text: str) -> None:
        table.add_row(name, Text(text))

    add("bundle", f"{config.name} ({_readable(bundle.folder)})")
    add("classes", ", ".join(config.fusion.emotions))
    scale = f"{ATTRIBUTE_MIN:g} to {ATTRIBUTE_MAX:g}"
    add("attributes", f"{', '.join(ATTRIBUTES)}, each from {scale}")
    for name in ENCODERS:
        width = config.fusion.encoder_widths[name]
        add(name, f"{_encoder(name, config.encoders[name], bundle.folder)}, width {width}")
    add("fusion", _million(sum(tensor.numel() for tensor in bundle.model.parameters())))
    add("windows", f"speech is cut in its pauses into windows of {config.window_max_s:g} s at most")
    add("words", _transcriber(config))
    add("languages", f"words count in {', '.join(config.text_languages)}; the voice in any")
    if isinstance(summary := bundle.metrics.get("summary"), str):
        add("in short", summary)
    for name, figures in _quality(bundle.metrics):
        add(name, figures)
    add("licence", licence(bundle.card))
    return table


def _readable(folder: Path | None) -> str:
    if folder is None:
        return "not saved"
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _encoder(name: str, spec: EncoderSpec, root: Path | None) -> str:
    """A checkpoint and its size, where its files are on this machine."""
    inside = root / spec.checkpoint if root is not None else Path(spec.checkpoint)
    told = spec.checkpoint + (f" at {spec.revision}" if spec.revision else "")
    folder = inside if inside.is_dir() else _cached(spec)
    if folder is None:
        return f"{told}, not on this machine: fetched at the first use"
    # A whole Whisper has a decoder too, which is no part of the encoder.
    skipped = ".decoder." if name == "whisper" else None
    count = size = 0
    for key, shape, tensor_bytes in _tensors(folder):
        if not skipped or skipped not in f".{key}":
            count += math.prod(shape)
            size += tensor_bytes
    return f"{told}, {_million(count)}, {size / 1e6:.1f} MB"


def _cached(spec: EncoderSpec) -> Path | None:
    try:
        return cached_folder(spec.checkpoint, spec.revision)
    except HubError:
        return None


def _tensors(folder: Path) -> Iterator[tuple[str, list[int], int]]:
    """Name, shape and bytes of each tensor, from the headers of the files alone."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                part = file.get_slice(key)
                bits = int("".join(filter(str.isdigit, part.get_dtype().partition("_")[0])) or 8)
                yield key, part.get_shape(), math.prod(part.get_shape()) * bits // 8


def _million(count: int) -> str:
    return f"{count / 1e6:.2f} million parameters"


def _transcriber(config: BundleConfig) -> str:
    """Who writes the words on this machine."""
    name = config.transcriber
    if name == "pocketsphinx":
        return "PocketSphinx writes them"
    if name == config.encoders["whisper"].checkpoint:
        return f"{name} writes them, the same that hears the voice"
    try:
        if cached_folder(name) is not None:
            return f"{name} writes them; it is on this machine"
        require_hub(name)
    except HubError as error:
        return f"PocketSphinx writes them: {error}"
    return f"{name} writes them; it is fetched at the first use"


def _quality(metrics: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The figures of metrics.json, one entry for each group of numbers."""
    numbers = {key: _figure(value) for key, value in metrics.items()}
    if told := [f"{key} {figure}" for key, figure in numbers.items() if figure is not None]:
        yield " ".join(path).replace("_", " ") or "measured", ", ".join(told).replace("_", " ")
    for key, value in metrics.items():
        if isinstance(value, Mapping) and key != REGIONS:
            yield from _quality(value, (*path, key))


def _figure(value: Any) -> str | None:
    """A number, or a pair of them, as people read it; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, float) for v in value):
        return f"{value[0]:.3f} to {value[1]:.3f}"
    return None
