"""An encoder's own self-attention in one window: which frame, or token, looks at which."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ser.answer import words_of_windows
from ser.encoders import EncoderBank
from ser.errors import SerError
from ser.labels import ENCODERS
from ser.prediction import Prediction
from ser.recording import Recording


@dataclass(frozen=True, eq=False)
class SelfAttention:
    """The mean over the heads of one layer."""

    encoder: str
    layer: int  # from 1, the first block, to `layers`
    layers: int
    weights: np.ndarray  # [T, T] float32: a row looks at the columns; rows sum to 1, less what
    # falls on the padding of a Whisper that reads 30 s
    times_s: tuple[float, ...]  # [T] in the recording
    tokens: tuple[str, ...] | None = None  # [T], text encoder only


def layer_counts(encoders: EncoderBank) -> dict[str, int]:
    """How many layers each encoder has to choose from."""
    return {name: len(_blocks(name, _model(name, getattr(encoders, name)))) for name in ENCODERS}


@torch.inference_mode()
def self_attention(
    encoders: EncoderBank,
    recording: Recording,
    prediction: Prediction,
    encoder: str,
    layer: int | None = None,
    window: int = 0,
) -> SelfAttention:
    """Run one encoder once more over one window of an answer and keep one layer's attention.

    `layer` counts from 1; None takes the last. SerError for what is not there.
    """
    if encoder not in ENCODERS:
        raise SerError(f"There is no encoder {encoder!r}. Choose one of: {', '.join(ENCODERS)}.")
    if not 0 <= window < len(prediction.windows):
        raise SerError(
            f"There is no window {window + 1}: the answer has {len(prediction.windows)}."
        )
    view = prediction.windows[window].attention[encoder]
    if not view.weights:
        raise SerError(f"{encoder} had nothing to read in this window, so it looked nowhere.")
    branch = copy.copy(getattr(encoders, encoder))
    model = _with_eager_attention(_model(encoder, branch))
    blocks = _blocks(encoder, model)
    layer = len(blocks) if layer is None else layer
    if not 1 <= layer <= len(blocks):
        raise SerError(f"{encoder} has layers 1 to {len(blocks)}, not {layer}.")
    setattr(branch, "encoder" if encoder == "whisper" else "model", model)
    with _watched(_attention_of(encoder, blocks[layer - 1])) as caught:
        if encoder == "roberta":
            words = words_of_windows(prediction.transcript.words, recording.windows)[window]
            text = " ".join(word.text for word in words)
            branch.encode([text])
            pieces = _piece_lengths([token.start == token.end for token in branch.tokens(text)])
        else:
            branch.encode(recording.cut(recording.windows[window : window + 1]))
            pieces = [len(view.weights)]
    weights = _blocks_of(torch.cat(caught), pieces)
    return SelfAttention(encoder, layer, len(blocks), weights, view.times_s, view.tokens)


def _model(encoder: str, branch: Any) -> Any:
    return branch.encoder if encoder == "whisper" else branch.model


def _blocks(encoder: str, model: Any) -> nn.ModuleList:
    if encoder == "whisper":
        return model.layers
    return model.encoder.layer if encoder == "roberta" else model.encoder.layers


def _attention_of(encoder: str, block: Any) -> nn.Module:
    """The part of a block whose second output is its weights [B, heads, T, T]."""
    if encoder == "whisper":
        return block.self_attn
    return block.attention.self if encoder == "roberta" else block.attention


def _with_eager_attention(model: Any) -> Any:
    """A copy that shares the weights and computes attention step by step, which shows it.

    Switching the model itself would change the last digits of answers given meanwhile.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, shared)
    twin.set_attn_implementation("eager")
    return twin


@contextmanager
def _watched(module: nn.Module) -> Iterator[list[Tensor]]:
    """The mean over the heads of what the module gives, one [B, T, T] for each run of it."""
    caught: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, outputs: Any) -> None:
        caught.append(outputs[1].float().mean(dim=1).cpu())

    handle = module.register_forward_hook(keep)
    try:
        yield caught
    finally:
        handle.remove()


def _piece_lengths(marks: list[bool]) -> list[int]:
    """Tokens of each piece of a long text, from which of them are <s> or </s>."""
    places = [place for place, mark in enumerate(marks) if mark]
    return [end - start + 1 for start, end in zip(places[::2], places[1::2], strict=True)]


def _blocks_of(weights: Tensor, lengths: list[int]) -> np.ndarray:
    """The real part of each row of [B, T, T], one after the other: no piece sees another."""
    return torch.block_diag(
        *(row[:length, :length] for row, length in zip(weights, lengths, strict=True))
    ).numpy()
