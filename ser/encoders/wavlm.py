"""WavLM: audio to frames every 20 ms (or as its convolutions stride)."""

import math
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from transformers import Wav2Vec2FeatureExtractor, WavLMModel

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.encoders.base import (
    LAST_LAYER,
    freeze,
    layer_indexes,
    length_mask,
    load_checked,
    load_preprocessor,
    pad_frames,
    run_layers,
)
from ser.fusion import EncoderOutput


class WavlmBranch:
    """Audio to frames; batches never change an answer."""

    def __init__(
        self,
        model: WavLMModel,
        extractor: Wav2Vec2FeatureExtractor,
        layers: tuple[int, ...] = LAST_LAYER,
    ) -> None:
        """`layers` as in `load`."""
        self.model = model
        self.extractor = extractor
        self.blocks: int = model.config.num_hidden_layers
        self.layers = layer_indexes("wavlm", layers, self.blocks)
        self.width: int = model.config.hidden_size
        self.step_s = math.prod(model.config.conv_stride) / SAMPLE_RATE_HZ

    @classmethod
    def load(
        cls,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        layers: tuple[int, ...] = LAST_LAYER,
    ) -> "WavlmBranch":
        """Load a WavLM checkpoint from a local folder.

        `layers` are indexes into its hidden states. The last is the model's output, after the
        final normalisation that large checkpoints have; transformers' own list ends before it.
        """
        extractor = load_preprocessor(Wav2Vec2FeatureExtractor, folder)
        return cls(freeze(load_checked(WavLMModel, folder), device, dtype), extractor, layers)

    @torch.inference_mode()
    def encode(self, waveforms: Sequence[Waveform]) -> EncoderOutput:
        """Frames of each clip: [B, T, D] with T from the longest clip; padding is masked.

        [B, T, L, D] where several layers were asked for.
        """
        inputs = [self._normalised(waveform) for waveform in waveforms]
        frames: list[Tensor] = [torch.empty(0)] * len(inputs)
        for rows in self._batches(inputs):
            lengths = torch.tensor([len(inputs[row]) for row in rows], device=self.model.device)
            batch = torch.nn.utils.rnn.pad_sequence(
                [inputs[row] for row in rows], batch_first=True
            ).to(self.model.device, self.model.dtype)
            mask = length_mask(lengths, batch.shape[1])
            with warnings.catch_warnings():
                # torch warns that WavLM's position bias and padding mask differ in type.
                warnings.filterwarnings("ignore", message="Support for mismatched")
                hidden = run_layers(
                    self.model, self.layers, self.blocks, batch, attention_mask=mask.long()
                )
            counts = self.model._get_feat_extract_output_lengths(cast(torch.LongTensor, lengths))
            for row, output, count in zip(rows, hidden, counts, strict=True):
                frames[row] = output[: int(count)]
        return pad_frames(frames, self.step_s)

    def _normalised(self, waveform: Waveform) -> Tensor:
        values = self.extractor(
            waveform.samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt"
        ).input_values[0]
        return values

    def _batches(self, inputs: Sequence[Tensor]) -> list[list[int]]:
        """Rows that may share a padded batch.

        Group normalisation in the convolutions takes its statistics over the padding too, so
        checkpoints that have it (the base ones) run in batches of equal length.
        """
        if self.model.config.feat_extract_norm == "layer":
            return [list(range(len(inputs)))]
        groups = defaultdict(list)
        for row, values in enumerate(inputs):
            groups[len(values)].append(row)
        return list(groups.values())
