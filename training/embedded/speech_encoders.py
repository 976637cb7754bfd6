"""Pre-training of the two small speech encoders: supervised, from scratch."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import Parameter, functional
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ser.audio import SAMPLE_RATE_HZ
from ser.encoders import WhisperBranch, encode_real_frames
from ser.encoders.base import length_mask
from ser.labels import ATTRIBUTES
from ser.pooling import AttentiveStatisticsPooling
from training.embedded.changes import (
    MELS,
    Mixture,
    change_mels,
    change_waves,
    normalised,
    stretched,
    tempos,
)
from training.embedded.noise import Noises
from training.embedded.optimiser import one_cycle
from training.embedded.speech_data import Draw

MEL_HOP = 320  # 20 ms, so that Whisper's strided convolution gives a frame every 40 ms
SPEECH_RMS = 0.05  # about that of most recordings
MEL_STEP_S = MEL_HOP / SAMPLE_RATE_HZ
INITIAL_STD = 0.06
POSITION_SCALE = 0.25
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
LEVEL_BIAS = 0.3  # beside waveforms of variance 1
ATTENTION_WIDTH = 64  # of these encoders' poolings, with which the fusion begins
LABEL_SMOOTHING = 0.1
MIXED_BATCHES = 0.5
ATTRIBUTE_WEIGHT = 0.7
Batch = dict[str, Tensor]


def new_whisper_encoder() -> WhisperBranch:
    """An untrained Whisper encoder of the embedded size, with its feature extractor."""
    extractor = WhisperFeatureExtractor(
        feature_size=MELS, hop_length=MEL_HOP, n_fft=400, rms_level=SPEECH_RMS
    )
    config = WhisperConfig(
        num_mel_bins=MELS, d_model=96, encoder_layers=3, encoder_attention_heads=4,
        encoder_ffn_dim=384, max_source_positions=750, dropout=0.1, init_std=INITIAL_STD,
    )  # fmt: skip
    encoder = WhisperEncoder(config)
    # transformers' starting weights are small, and its sinusoids of amplitude 1 would drown the
    # convolutions' output: it took epochs to grow out of that.
    for convolution in (encoder.conv1, encoder.conv2):
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    encoder.embed_positions.weight.mul_(POSITION_SCALE)
    return WhisperBranch(encoder, extractor, "real_frames")


def new_wavlm() -> tuple[WavLMModel, Wav2Vec2FeatureExtractor]:
    """An untrained WavLM of the embedded size: narrow convolutions, a frame every 40 ms."""
    config = WavLMConfig(
        hidden_size=96, num_hidden_layers=3, num_attention_heads=4, intermediate_size=384,
        conv_dim=(32, 64, 96, 96), conv_kernel=(64, 5, 4, 4), conv_stride=(16, 5, 4, 2),
        feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True,
        num_conv_pos_embeddings=32, num_conv_pos_embedding_groups=8, layerdrop=0.0,
        hidden_dropout=0.1, attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.1,
        initializer_range=INITIAL_STD, mask_time_prob=0.0, vocab_size=32,
        max_bucket_distance=200, num_buckets=64,
    )  # fmt: skip
    model = WavLMModel(config)
    # A fixed bank of filters: learning it takes half of the time and brings little.
    first = model.feature_extractor.conv_layers[0].requires_grad_(False)
    model.feature_extractor._requires_grad = False  # or the waveform itself would get a gradient
    filters = cast(nn.Conv1d, first.conv)
    count, _, taps = filters.weight.shape
    filters.weight.copy_(tuned_filters(count, taps).unsqueeze(1))
    # Layer normalisation makes every millisecond equally loud. A bias beside the filters' answers
    # keeps how loud it was: without one, loudness over time is lost.
    assert filters.bias is not None
    filters.bias.copy_(LEVEL_BIAS * (-1) ** torch.arange(count))
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    return model, extractor


def tuned_filters(count: int, taps: int) -> Tensor:
    """Windowed waves [count, taps] of unit energy, their frequencies even on the mel scale."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    hertz = 700 * (10 ** (torch.linspace(low, high, count) / 2595) - 1)
    times = torch.arange(taps) / SAMPLE_RATE_HZ
    phases = 2 * math.pi * torch.rand(count, 1)
    waves = torch.cos(2 * math.pi * hertz[:, None] * times + phases) * torch.hann_window(taps)
    return waves / waves.norm(dim=1, keepdim=True)


@dataclass(frozen=True)
class Task:
    """What the encoders learn to tell of each clip, under which noise, over how many steps."""

    classes: Tensor  # [N] places among `emotions`
    attributes: Tensor  # [N, 3] on -1..1
    emotions: tuple[str, ...]
    noises: Noises
    steps: int


class SpeechPretraining(lightning.LightningModule, ABC):
    """Encoder, attentive statistics pooling, and a linear layer for class and attributes."""

    def __init__(self, encoder: nn.Module, width: int, task: Task) -> None:
        super().__init__()
        self.encoder, self.task = encoder, task
        self.pooling = AttentiveStatisticsPooling(width, ATTENTION_WIDTH)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(2 * width, len(task.emotions) + len(ATTRIBUTES))

    @abstractmethod
    def inputs(self, draws: Sequence[Draw]) -> Batch:
        """`inputs` [B, T, ...] and `lengths` [B] of a batch, changed as the draws' seeds say."""

    @abstractmethod
    def frames(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Hidden states [B, T, D] and their mask [B, T]."""

    def collate(self, draws: Sequence[Draw]) -> Batch:
        """Inputs with the truth: soft classes [B, C], attributes [B, 3] on -1..1."""
        clips, task = [draw.clip for draw in draws], self.task
        classes = functional.one_hot(task.classes[clips], len(task.emotions)).float()
        inputs, attributes = self.inputs(draws), task.attributes[clips]
        random = np.random.default_rng([*(draw.seed or 0 for draw in draws), len(draws)])
        if draws[0].seed is not None and random.random() < MIXED_BATCHES:
            mixture = Mixture.drawn(len(draws), random)
            inputs = mixture.of_inputs(inputs)
            classes, attributes = mixture.of(classes), mixture.of(attributes)
        return {**inputs, "classes": classes, "attributes": attributes}

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits [B, C] and attributes [B, 3] on -1..1."""
        return self.told(*self.frames(batch))

    def told(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, C] and attributes [B, 3] on -1..1 from hidden states [B, T, D]."""
        pooled, _ = self.pooling(hidden, mask)
        told = self.output(self.dropout(pooled))
        logits, attributes = told.split([len(self.task.emotions), len(ATTRIBUTES)], dim=1)
        return logits, attributes

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Cross-entropy on soft classes and squared errors of attributes."""
        logits, attributes = self(batch)
        losses = {
            "classes": functional.cross_entropy(
                logits, batch["classes"], label_smoothing=LABEL_SMOOTHING
            ),
            "attributes": ATTRIBUTE_WEIGHT * functional.mse_loss(attributes, batch["attributes"]),
        }
        self.log_dict(losses, prog_bar=True, on_epoch=True, on_step=False)
        return torch.stack(list(losses.values())).sum()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Muon for the encoder's linear layers."""
        matrices = [
            cast(Parameter, m.weight) for m in self.encoder.modules() if isinstance(m, nn.Linear)
        ]
        return one_cycle(self, self.task.steps, matrices)


class WhisperPretraining(SpeechPretraining):
    """The Whisper encoder on log-mel frames."""

    def __init__(self, branch: WhisperBranch, mels: np.ndarray, spans: np.ndarray, task: Task):
        """`mels` [N, M] holds the frames, `spans` [clips, copies, 2] tells where they lie."""
        super().__init__(branch.encoder, branch.width, task)
        self.mels, self.spans = mels, spans

    def inputs(self, draws: Sequence[Draw]) -> Batch:
        """Log-mel frames; in training tempo, noise, frequencies, level, tilt and masks change."""
        spans = np.array([self.spans[draw.clip, draw.copy] for draw in draws])
        if draws[0].seed is None:
            frames = [torch.from_numpy(self.mels[start:end]).float() for start, end in spans]
            lengths = torch.tensor([len(item) for item in frames])
            return {"inputs": pad_sequence(frames, batch_first=True), "lengths": lengths}
        random = np.random.default_rng([draw.seed or 0 for draw in draws])
        mels, lengths, mask = stretched(self.mels, spans, tempos(random, len(draws)))
        mels = self.task.noises.into_mels(mels, mask, random)
        return {"inputs": change_mels(mels, mask, MEL_STEP_S, random), "lengths": lengths}

    def frames(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same forward pass that serves."""
        encoder = cast(WhisperEncoder, self.encoder)
        return encode_real_frames(encoder, batch["inputs"].transpose(1, 2), batch["lengths"])


class WavlmPretraining(SpeechPretraining):
    """WavLM on the waveform."""

    def __init__(self, model: WavLMModel, samples: np.ndarray, spans: np.ndarray, task: Task):
        """`samples` [N] int16 of all clips, `spans` [clips, copies, 2] where they lie."""
        super().__init__(model, model.config.hidden_size, task)
        self.samples, self.spans = samples, spans

    def inputs(self, draws: Sequence[Draw]) -> Batch:
        """Waveforms of variance 1; in training their tempo, noise, spectrum and masks change."""
        spans = np.array([self.spans[draw.clip, draw.copy] for draw in draws])
        plain = draws[0].seed is None
        random = np.random.default_rng([draw.seed or 0 for draw in draws])
        factors = np.ones(len(draws)) if plain else tempos(random, len(draws))
        waves, lengths, mask = stretched(self.samples, spans, factors)
        waves = waves / 32768
        if not plain:
            waves = self.task.noises.into_waves(waves, mask, random)
            waves = change_waves(waves, mask, random)
        return {"inputs": normalised(waves, mask), "lengths": lengths}

    def frames(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same forward pass that serves."""
        encoder, lengths = cast(WavLMModel, self.encoder), batch["lengths"]
        mask = length_mask(lengths, batch["inputs"].shape[1])
        hidden = encoder(batch["inputs"], attention_mask=mask.long()).last_hidden_state
        counts = encoder._get_feat_extract_output_lengths(cast(torch.LongTensor, lengths))
        return hidden, length_mask(counts, hidden.shape[1])
