"""Whisper's encoder, on the real frames only or on Whisper's own padded 30 seconds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import dropout, gelu
from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.encoders.base import (
    LAST_LAYER,
    checkpoint_name,
    freeze,
    layer_indexes,
    length_mask,
    load_checked,
    load_preprocessor,
    pad_frames,
    run_layers,
    stack_layers,
)
from ser.errors import EncoderError
from ser.fusion import EncoderOutput

WHISPER_CONTEXTS: Final = ("real_frames", "padded_30s")
SILENCE_RMS: Final = 1e-5  # what is softer is not raised any further


class WhisperBranch:
    """Audio to frames. The context is a setting of the bundle: its features depend on it."""

    def __init__(
        self,
        encoder: WhisperEncoder,
        extractor: WhisperFeatureExtractor,
        context: str,
        generator: WhisperForConditionalGeneration | None = None,
        layers: tuple[int, ...] = LAST_LAYER,
    ) -> None:
        """`layers` as in `load`."""
        if context not in WHISPER_CONTEXTS:
            raise EncoderError(f"whisper_context must be one of {WHISPER_CONTEXTS}: {context!r}")
        self.encoder = encoder
        self.extractor = extractor
        self.context = context
        # Not in published checkpoints: an encoder trained so hears all speech at this level (RMS).
        self.level: float | None = getattr(extractor, "rms_level", None)
        self.generator = generator  # the whole Whisper, when its decoder came along
        self.blocks: int = encoder.config.encoder_layers
        self.layers = layer_indexes("whisper", layers, self.blocks)
        self.width: int = encoder.config.d_model
        stride = encoder.conv1.stride[0] * encoder.conv2.stride[0]
        self.step_s = stride * extractor.hop_length / SAMPLE_RATE_HZ
        self.max_seconds = encoder.config.max_source_positions * self.step_s

    @classmethod
    def load(
        cls,
        folder: Path,
        context: str,
        device: torch.device,
        dtype: torch.dtype,
        layers: tuple[int, ...] = LAST_LAYER,
    ) -> "WhisperBranch":
        """Load a full Whisper checkpoint, or an encoder saved alone as `WhisperEncoder`.

        `layers` are indexes into the encoder's hidden states: 0 are the convolutions' frames with
        their positions, -1 is the encoder's output after its final normalisation.
        """
        extractor = load_preprocessor(WhisperFeatureExtractor, folder)
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            architectures = config.get("architectures") or []
        except (OSError, ValueError, AttributeError) as error:
            name = checkpoint_name(folder)
            raise EncoderError(f"The checkpoint {name} has no readable config.json.") from error
        if "WhisperEncoder" in architectures:
            encoder = load_checked(WhisperEncoder, folder)
            return cls(freeze(encoder, device, dtype), extractor, context, layers=layers)
        whole = freeze(load_checked(WhisperForConditionalGeneration, folder), device, dtype)
        return cls(whole.model.encoder, extractor, context, generator=whole, layers=layers)

    @property
    def feeds_decoder(self) -> bool:
        """Whether the frames of `encode_padded` are those that Whisper's decoder reads."""
        as_published = self.context == "padded_30s" and self.level is None
        return as_published and self.layers == (self.blocks,)

    @torch.inference_mode()
    def encode(self, waveforms: Sequence[Waveform]) -> EncoderOutput:
        """Frames of each clip: [B, T, D] with T from the longest clip; padding is masked.

        [B, T, L, D] where several layers were asked for.
        """
        if self.context == "padded_30s":
            return self.trim(self.encode_padded(waveforms), waveforms)
        mels = [self.log_mel(waveform) for waveform in waveforms]
        lengths = torch.tensor([mel.shape[-1] for mel in mels], device=self.encoder.device)
        batch = mels[0].new_zeros(len(mels), mels[0].shape[0], int(lengths.max()))
        for row, mel in zip(batch, mels, strict=True):
            row[:, : mel.shape[-1]] = mel
        hidden, mask = encode_real_frames(self.encoder, batch, lengths, self.layers)
        return EncoderOutput(hidden.float(), mask, self.step_s)

    @torch.inference_mode()
    def encode_padded(self, waveforms: Sequence[Waveform]) -> Tensor:
        """Frames of each clip padded to 30 s, [B, 1500, D], or [B, 1500, L, D]."""
        mels = self.extractor(
            [self._samples(waveform) for waveform in waveforms],
            sampling_rate=SAMPLE_RATE_HZ,
            return_tensors="pt",
        ).input_features
        mels = mels.to(self.encoder.device, self.encoder.dtype)
        return run_layers(self.encoder, self.layers, self.blocks, mels)

    def trim(self, padded: Tensor, waveforms: Sequence[Waveform]) -> EncoderOutput:
        """The real frames of `encode_padded`'s answer, the padding cut off or masked."""
        frames = [
            row[: self._frame_count(waveform)]
            for row, waveform in zip(padded, waveforms, strict=True)
        ]
        return pad_frames(frames, self.step_s)

    def log_mel(self, waveform: Waveform) -> Tensor:
        """Log-mel frames of the real audio alone, [mels, T]."""
        features = self.extractor(
            self._samples(waveform),
            sampling_rate=SAMPLE_RATE_HZ,
            padding="do_not_pad",
            truncation=False,
            return_tensors="pt",
        ).input_features[0]
        return features.to(self.encoder.device, self.encoder.dtype)

    def _samples(self, waveform: Waveform) -> np.ndarray:
        if waveform.duration_s > self.max_seconds:
            raise EncoderError(
                f"Whisper's encoder takes {self.max_seconds:.0f} s at most, got "
                f"{waveform.duration_s:.1f} s: cut the recording into windows first."
            )
        samples = waveform.samples
        if self.level is None:
            return samples
        rms = float(np.sqrt(np.mean(np.square(samples))))
        return samples * np.float32(self.level / max(rms, SILENCE_RMS))

    def _frame_count(self, waveform: Waveform) -> int:
        return max(1, round(waveform.duration_s / self.step_s))


def encode_real_frames(
    encoder: WhisperEncoder,
    mels: Tensor,
    lengths: Tensor,
    layers: tuple[int, ...] = LAST_LAYER,
) -> tuple[Tensor, Tensor]:
    """Whisper's encoder without the padding to 30 s that transformers' own forward asks for.

    `mels` [B, M, T] with `lengths` [B] real frames each. Returns hidden states [B, T', D] and
    their mask [B, T'], where T' = ceil(T / 2); with several layers, [B, T', L, D]. Every padded
    position is kept from every real one, so that a clip gives the same frames alone and in a batch.
    """
    mel_mask = length_mask(lengths, mels.shape[-1]).unsqueeze(1)
    hidden = gelu(encoder.conv1(mels * mel_mask)) * mel_mask
    hidden = gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = dropout(hidden, encoder.dropout, encoder.training)
    mask = length_mask((lengths + 1) // 2, hidden.shape[1])
    bias = torch.zeros_like(mask, dtype=hidden.dtype)
    bias = bias.masked_fill(~mask, torch.finfo(hidden.dtype).min)[:, None, None]
    bias = bias.expand(-1, 1, hidden.shape[1], -1)
    indexes = layer_indexes("whisper", layers, len(encoder.layers))
    states = {}
    for index, block in enumerate(encoder.layers):
        if index in indexes:
            states[index] = hidden
        hidden = block(hidden, bias)
    states[len(encoder.layers)] = encoder.layer_norm(hidden)
    return stack_layers(states[index] for index in indexes), mask
