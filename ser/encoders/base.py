"""What the three encoders share: where they run, how they load, how batches are padded."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from ser.errors import EncoderError
from ser.fusion import EncoderOutput

LAST_LAYER: Final = (-1,)
"""The encoder's own output, after its final normalisation: what the paper uses."""
_loading = threading.Lock()  # transformers changes globals of torch while it loads


@dataclass(frozen=True)
class EncoderSpec:
    """Which checkpoint an encoder is: a Hub name, a local folder, or a path inside the bundle."""

    checkpoint: str
    revision: str | None = None


def choose_device(requested: str | None = None) -> torch.device:
    """The device asked for, else the best there is: CUDA, then Apple's MPS, then the CPU."""
    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if requested is None:
        return torch.device(next(kind for kind, count in counts.items() if count))
    try:
        device = torch.device(requested)
    except RuntimeError as error:
        raise EncoderError(f"Unknown device {requested!r}: use cpu, cuda or mps.") from error
    if (device.index or 0) >= counts.get(device.type, 0):
        usable = ", ".join(kind for kind, count in counts.items() if count)
        raise EncoderError(f"This computer has no usable device {requested!r}. It has: {usable}.")
    return device


def choose_dtype(device: torch.device, requested: str | None = None) -> torch.dtype:
    """float32 unless bfloat16 is asked for and the hardware computes it.

    Without AMX bfloat16 is slower than float32 on a CPU, so it is refused there.
    """
    if requested in (None, "float32"):
        return torch.float32
    if requested != "bfloat16":
        raise EncoderError(f"Unknown precision {requested!r}: use float32 or bfloat16.")
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported()
    elif device.type == "cpu":
        supported = torch.cpu._is_amx_tile_supported()
    else:
        supported = False
    if not supported:
        raise EncoderError(f"This {device.type} does not compute in bfloat16: use float32.")
    return torch.bfloat16


def load_checked(model_class: Any, folder: Path, **options: Any) -> Any:
    """`from_pretrained` on a local folder that refuses to leave any weight at its random start."""
    with _loading:
        bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.disable_progress_bar()
        try:
            model, info = model_class.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,
                **options,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            name = checkpoint_name(folder)
            raise EncoderError(f"The checkpoint {name} cannot be loaded: {error}") from error
        finally:
            if bars:
                transformers_logging.enable_progress_bar()
    faults = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if faults:
        raise EncoderError(
            f"The checkpoint {checkpoint_name(folder)} lacks weights of {model_class.__name__}: "
            f"{', '.join(faults[:5])}{' …' if len(faults) > 5 else ''}. "
            "Take a complete checkpoint of that architecture."
        )
    return model


def checkpoint_name(folder: Path) -> str:
    """What a person calls the checkpoint: in the Hub's cache its folder is named by a hash."""
    if folder.parent.name == "snapshots":
        return folder.parents[1].name.removeprefix("models--").replace("--", "/")
    return folder.name


def load_preprocessor(kind: Any, folder: Path, **options: Any) -> Any:
    """The feature extractor or tokenizer that was saved beside the weights."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(
            f"The checkpoint {checkpoint_name(folder)} has no usable {kind.__name__} files; "
            "take a complete checkpoint, with its preprocessor or tokenizer."
        ) from error


def freeze(model: nn.Module, device: torch.device, dtype: torch.dtype) -> Any:
    """The model on its device, without gradients or dropout."""
    return model.to(device=device, dtype=dtype).requires_grad_(False).eval()


def layer_indexes(encoder: str, layers: Sequence[int], blocks: int) -> tuple[int, ...]:
    """Indexes into the hidden states of an encoder, counted from 0.

    As in transformers, an encoder of `blocks` blocks has one state more: 0 is what enters the first
    block, k what leaves block k, and negative indexes count from the end. EncoderError for states
    that are not there, are named twice, or none at all.
    """
    if not layers:
        raise EncoderError(f"{encoder} has an empty list of layers: name one at least, such as -1.")
    if beyond := [layer for layer in layers if not -blocks - 1 <= layer <= blocks]:
        raise EncoderError(
            f"{encoder} has no layer {beyond[0]}: this checkpoint has 0 to {blocks}, or counted "
            f"from the last {-blocks - 1} to -1."
        )
    indexes = tuple(layer % (blocks + 1) for layer in layers)
    if len(set(indexes)) < len(indexes):
        raise EncoderError(f"{encoder} names a layer twice in {list(layers)}: name it once.")
    return indexes


def run_layers(model: Any, layers: Sequence[int], blocks: int, *args: Any, **kwargs: Any) -> Tensor:
    """Run an encoder of `blocks` blocks and keep the hidden states of these indexes only.

    [B, T, D] for one, [B, T, L, D] for several. The last is always the encoder's output: some
    models of transformers tell their last hidden state before the final normalisation (WavLM),
    others after it (Whisper).
    """
    inner = [layer for layer in layers if layer < blocks]
    output = model(*args, output_hidden_states=inner or None, **kwargs)
    return stack_layers(
        output.last_hidden_state if layer == blocks else output.hidden_states[layer]
        for layer in layers
    )


def stack_layers(states: Iterable[Tensor]) -> Tensor:
    """One state [B, T, D] as it is, several as [B, T, L, D]."""
    first, *others = states
    return torch.stack([first, *others], dim=2) if others else first


def pad_frames(frames: Sequence[Tensor], step_s: float | None) -> EncoderOutput:
    """Stack sequences [T_i, D] or [T_i, L, D] into one float32 batch with the mask of lengths."""
    lengths = torch.tensor([len(item) for item in frames], device=frames[0].device)
    hidden = nn.utils.rnn.pad_sequence([item.float() for item in frames], batch_first=True)
    return EncoderOutput(hidden, length_mask(lengths, hidden.shape[1]), step_s)


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Mask [B, size], true on the first `lengths[b]` positions of row b."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)
