"""Pre-training of the two small speech encoders: supervised, both tasks, from scratch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ser.encoders import WhisperBranch, encode_real_frames
from ser.encoders.base import length_mask
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES
from ser.pooling import AttentiveStatisticsPooling
from training.embedded.features import MelStore
from training.embedded.pretrain import one_cycle
from training.embedded.speech_data import Draw, Targets
from training.embedded.store import AudioStore
from training.metrics import unweighted_average_recall

MEL_HOP = 320  # 20 ms, so that Whisper's strided convolution gives a frame every 40 ms
INITIAL_STD = 0.06
POSITION_SCALE = 0.25
LEVEL = 0.2  # log units of Whisper's scaling
ATTRIBUTE_WEIGHT = 0.1
MEL_WEIGHT = 0.3
LABEL_SMOOTHING = 0.1
Batch = dict[str, Tensor]


def new_whisper_encoder() -> WhisperBranch:
    """An untrained Whisper encoder of the embedded size, with its feature extractor."""
    extractor = WhisperFeatureExtractor(feature_size=80, hop_length=MEL_HOP, n_fft=640)
    config = WhisperConfig(
        num_mel_bins=80, d_model=144, encoder_layers=3, encoder_attention_heads=4,
        encoder_ffn_dim=576, max_source_positions=750, dropout=0.1, init_std=INITIAL_STD,
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
        hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=512,
        conv_dim=(64, 96, 128, 128), conv_kernel=(32, 5, 4, 4), conv_stride=(16, 5, 4, 2),
        feat_extract_norm="layer", do_stable_layer_norm=True,
        num_conv_pos_embeddings=32, num_conv_pos_embedding_groups=8, layerdrop=0.0,
        hidden_dropout=0.1, attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.1,
        initializer_range=INITIAL_STD, mask_time_prob=0.1, mask_time_length=5, vocab_size=32,
        max_bucket_distance=200, num_buckets=64,
    )  # fmt: skip
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    return WavLMModel(config), extractor


class SpeechPretraining(lightning.LightningModule, ABC):
    """Encoder, pooling and a linear layer for classes and attributes."""

    def __init__(
        self, width: int, targets: Targets, emotions: Sequence[str], steps: int, peak: float
    ) -> None:
        super().__init__()
        self.emotions, self.steps, self.peak = tuple(emotions), steps, peak
        self.targets = targets
        self.pooling = AttentiveStatisticsPooling(width, attention_width=64)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(2 * width, len(emotions) + len(ATTRIBUTES))
        self.guesses: list[tuple[Tensor, Tensor]] = []

    @abstractmethod
    def collate(self, draws: Sequence[Draw]) -> Batch:
        """The inputs of a batch, changed as its draws' seeds say."""

    @abstractmethod
    def frames(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states [B, T, D], their mask [B, T], and a further loss."""

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Cross-entropy on soft classes, squared error on attributes, and the encoder's own."""
        logits, attributes, extra = self(self.mixed(batch))
        classes = functional.cross_entropy(
            logits, batch["classes"], label_smoothing=LABEL_SMOOTHING
        )
        loss = classes + ATTRIBUTE_WEIGHT * functional.mse_loss(attributes, batch["attributes"])
        self.log_dict({"loss": loss, "extra": extra}, prog_bar=True, on_epoch=True, on_step=False)
        return loss + extra

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, C], attributes [B, 3], further loss."""
        hidden, mask, extra = self.frames(batch)
        pooled, _ = self.pooling(hidden, mask)
        raw = self.output(self.dropout(pooled))
        span = ATTRIBUTE_MAX - ATTRIBUTE_MIN
        attributes = ATTRIBUTE_MIN + span * torch.sigmoid(raw[:, len(self.emotions) :])
        return raw[:, : len(self.emotions)], attributes, extra

    def mixed(self, batch: Batch) -> Batch:
        """Mixup on half of the batches: inputs and targets, weight from Beta(0.4, 0.4)."""
        if torch.rand(()) < 0.5:
            weight = float(np.random.beta(0.4, 0.4))
            order = torch.randperm(len(batch["lengths"]))
            for name in ("inputs", "classes", "attributes"):
                batch[name] = weight * batch[name] + (1 - weight) * batch[name][order]
            batch["lengths"] = torch.maximum(batch["lengths"], batch["lengths"][order])
        return batch

    def labelled(self, inputs: Sequence[Tensor], draws: Sequence[Draw]) -> Batch:
        """Pad inputs [T_i, ...] into a batch and add the targets of the draws' first clips."""
        rows = torch.tensor([draw.clips[0] for draw in draws])
        classes = functional.one_hot(self.targets.classes[rows], len(self.emotions)).float()
        return {
            "inputs": nn.utils.rnn.pad_sequence(list(inputs), batch_first=True),
            "lengths": torch.tensor([len(item) for item in inputs]),
            "classes": classes,
            "attributes": self.targets.attributes[rows],
            "rows": rows,
        }

    def validation_step(self, batch: Batch, index: int) -> None:
        """Keep the guesses: UAR needs all of them."""
        logits, _, _ = self(batch)
        self.guesses.append((logits.argmax(dim=-1), batch["classes"].argmax(dim=-1)))

    def on_validation_epoch_end(self) -> None:
        """UAR over the tuning speakers."""
        guess, truth = (torch.cat(column).numpy() for column in zip(*self.guesses, strict=True))
        self.guesses.clear()
        uar = unweighted_average_recall(truth, guess, len(self.emotions))
        self.log("tune_uar", uar, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under one cycle."""
        return one_cycle(self.parameters(), self.steps, self.peak)


class WhisperPretraining(SpeechPretraining):
    """The Whisper encoder on log-mel frames."""

    def __init__(self, branch: WhisperBranch, mels: MelStore, *options: object) -> None:
        super().__init__(branch.width, *options)  # type: ignore[arg-type]
        self.encoder = branch.encoder
        self.mels = mels

    def collate(self, draws: Sequence[Draw]) -> Batch:
        """Join, shift the level, warp the frequency axis, mask bands and stretches."""
        return self.labelled([self._frames_of(draw) for draw in draws], draws)

    def _frames_of(self, draw: Draw) -> Tensor:
        pairs = zip(draw.clips, draw.copies, strict=True)
        frames = np.concatenate([self.mels.mel(clip, copy) for clip, copy in pairs])
        if draw.seed is not None:
            frames = change_mels(frames, np.random.default_rng(draw.seed))
        return torch.from_numpy(frames)

    def frames(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The same forward pass that serves."""
        inputs = batch["inputs"].transpose(1, 2)
        hidden, mask = encode_real_frames(self.encoder, inputs, batch["lengths"])
        return hidden, mask, hidden.new_zeros(())


class WavlmPretraining(SpeechPretraining):
    """WavLM on the waveform; its convolutions also learn to tell the log-mel spectrum."""

    def __init__(
        self, model: WavLMModel, audio: AudioStore, mels: MelStore, *options: object
    ) -> None:
        super().__init__(model.config.hidden_size, *options)  # type: ignore[arg-type]
        self.encoder, self.audio, self.mels = model, audio, mels
        self.spectrum = nn.Linear(model.config.conv_dim[-1], mels.frames.shape[1])

    def collate(self, draws: Sequence[Draw]) -> Batch:
        """Join and normalise as the feature extractor does; the frames to tell beside it."""
        waves, spectra = [], []
        for draw in draws:
            pairs = list(zip(draw.clips, draw.copies, strict=True))
            wave = np.concatenate([self.audio.waveform(*pair).samples for pair in pairs])
            waves.append(torch.from_numpy((wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)))
            spectra.append(torch.from_numpy(np.concatenate([self.mels.mel(*p) for p in pairs])))
        batch = self.labelled(waves, draws)
        batch["spectra"] = nn.utils.rnn.pad_sequence(spectra, batch_first=True)
        return batch

    def mixed(self, batch: Batch) -> Batch:
        """Mixed waveforms have no one spectrum to tell."""
        before = batch["inputs"]
        batch = super().mixed(batch)
        if batch["inputs"] is not before:
            batch.pop("spectra")
        return batch

    def frames(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states, mask, and the distance of the told from the true spectrum."""
        mask = length_mask(batch["lengths"], batch["inputs"].shape[1])
        answer = self.encoder(batch["inputs"], attention_mask=mask.long())
        lengths = cast(torch.LongTensor, batch["lengths"])
        counts = self.encoder._get_feat_extract_output_lengths(lengths)
        hidden = answer.last_hidden_state
        frame_mask = length_mask(counts, hidden.shape[1])
        extra = hidden.new_zeros(())
        if self.training and "spectra" in batch:
            truth = batch["spectra"][:, ::2][:, : hidden.shape[1]]
            told = self.spectrum(answer.extract_features)[:, : truth.shape[1]]
            distance = (told - truth).abs().mean(dim=-1)
            extra = MEL_WEIGHT * distance[frame_mask[:, : truth.shape[1]]].mean()
        return hidden, frame_mask, extra


def change_mels(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Level by up to 0.2 log units, frequency axis by 0.9..1.1, two masks of each kind."""
    frames = frames + np.float32(random.uniform(-LEVEL, LEVEL))
    length, bands = frames.shape
    positions = np.clip(np.arange(bands) * random.uniform(0.9, 1.1), 0, bands - 1.001)
    low = positions.astype(int)
    share = (positions - low).astype(np.float32)
    frames = frames[:, low] * (1 - share) + frames[:, low + 1] * share
    floor = frames.min()
    for _ in range(2):
        start, width = random.integers(bands), random.integers(15)
        frames[:, start : start + width] = floor
        start, width = random.integers(length), random.integers(max(1, min(21, length // 5)))
        frames[start : start + width] = floor
    return frames
