"""The last stage: frozen encoders run once, then the fusion model learns from their frames."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from ser.encoders import EncoderBank
from ser.encoders.base import pad_frames
from ser.fusion import EncoderOutput, FusionModel
from ser.labels import ENCODERS
from training.embedded.pairing import Pair, Pairing
from training.embedded.pretrain import one_cycle
from training.embedded.speech_data import Draw
from training.embedded.store import AudioStore
from training.embedded.text_encoder import spoken
from training.metrics import unweighted_average_recall

ENCODE_BATCH = 64
ATTRIBUTE_WEIGHT, CLASS_WEIGHT = 0.25, 0.75  # the paper's alpha and beta of task 1
LABEL_SMOOTHING = 0.05
BRANCH_DROPOUT = 0.1
Batch = dict[str, Any]


@dataclass(frozen=True)
class FrameStore:
    """Frames of one speech encoder for all clips and copies, float16."""

    frames: np.ndarray  # [total, D]
    spans: np.ndarray  # [clips, copies, 2]

    def get(self, clip: int, copy: int) -> Tensor:
        """Frames of one copy of one clip, [T, D] float32."""
        start, end = self.spans[clip, copy]
        return torch.from_numpy(self.frames[start:end].astype(np.float32))


def build_frames(folder: Path, name: str, audio: AudioStore, encoders: EncoderBank) -> FrameStore:
    """Run one speech encoder over the whole store, or open what an earlier run made."""
    branch = getattr(encoders, name)
    index, data = folder / f"{name}_index.npy", folder / f"{name}.f16"
    if not index.exists():
        folder.mkdir(parents=True, exist_ok=True)
        spans = np.zeros_like(audio.spans)
        keys = [(clip, copy) for clip in range(len(audio)) for copy in range(audio.copies)]
        keys.sort(key=lambda key: int(audio.spans[key][1] - audio.spans[key][0]))
        position = 0
        with data.open("wb") as file:
            for start in tqdm(range(0, len(keys), ENCODE_BATCH), desc=name, mininterval=10):
                batch = keys[start : start + ENCODE_BATCH]
                output = branch.encode([audio.waveform(*key) for key in batch])
                for key, hidden, mask in zip(batch, output.hidden, output.mask, strict=True):
                    frames = hidden[mask].half().numpy()
                    file.write(frames.tobytes())
                    spans[key] = position, position + len(frames)
                    position += len(frames)
        temporary = folder / f"{name}_index.partial.npy"
        np.save(temporary, spans)
        os.replace(temporary, index)
    frames = np.fromfile(data, dtype=np.float16).reshape(-1, branch.width)
    return FrameStore(frames, np.load(index))


class FusionTraining(lightning.LightningModule):
    """Both tasks at once on pairs of voice and words, branches dropped at random."""

    def __init__(
        self,
        model: FusionModel,
        encoders: EncoderBank,
        stores: dict[str, FrameStore],
        pairing: Pairing,
        steps: int,
        peak: float,
    ) -> None:
        super().__init__()
        self.model, self.steps, self.peak = model, steps, peak
        self.encoders, self.stores, self.pairing = encoders, stores, pairing
        self.guesses: list[Tensor] = []

    def collate(self, draws: Sequence[Draw]) -> Batch:
        """Pairs for training; clean voices alone where a draw has no seed."""
        emotions = self.model.config.emotions
        pairs, randoms = [], []
        for draw in draws:
            random = None if draw.seed is None else np.random.default_rng(draw.seed)
            randoms.append(random)
            if random is None:
                clip = self.pairing.clips[draw.clips[0]]
                pairs.append(Pair(draw.clips[0], 0, None, {clip.label: 1.0}, (4.0, 4.0, 4.0)))
            else:
                pairs.append(self.pairing.draw(draw.clips[0], random))
        encoded = self._encoded(pairs, randoms)
        classes = [[pair.classes.get(name, 0.0) for name in emotions] for pair in pairs]
        return {
            "encoded": encoded,
            "classes": torch.tensor(classes),
            "attributes": torch.tensor([pair.attributes for pair in pairs]),
        }

    def _encoded(
        self, pairs: Sequence[Pair], randoms: Sequence[np.random.Generator | None]
    ) -> dict[str, EncoderOutput]:
        texts = [
            spoken(pair.text, random) if pair.text else ""
            for pair, random in zip(pairs, randoms, strict=True)
        ]
        encoded = {}
        for name, store in self.stores.items():
            frames = [
                torch.zeros(0, store.frames.shape[1])
                if pair.clip is None
                or (random is not None and pair.text is None and random.random() < BRANCH_DROPOUT)
                else store.get(pair.clip, pair.copy)
                for pair, random in zip(pairs, randoms, strict=True)
            ]
            encoded[name] = pad_frames(frames, None)
        encoded["roberta"] = self.encoders.roberta.encode(texts)
        return {
            # Tensors made in inference mode cannot take part in training: clone them.
            name: EncoderOutput(encoded[name].hidden.clone(), encoded[name].mask.clone(), None)
            for name in ENCODERS
        }

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """alpha * squared error + beta * cross-entropy on soft targets."""
        output = self.model(batch["encoded"])
        classes = functional.cross_entropy(
            output.emotion_logits, batch["classes"], label_smoothing=LABEL_SMOOTHING
        )
        attributes = functional.mse_loss(output.attributes, batch["attributes"])
        self.log_dict(
            {"classes": classes, "attributes": attributes}, prog_bar=True, on_epoch=True,
            on_step=False, batch_size=len(batch["classes"]),
        )  # fmt: skip
        return ATTRIBUTE_WEIGHT * attributes + CLASS_WEIGHT * classes

    def validation_step(self, batch: Batch, index: int) -> None:
        """Hits of the voice alone, per clip."""
        guess = self.model(batch["encoded"]).emotion_logits.argmax(dim=1)
        truth = batch["classes"].argmax(dim=1)
        self.guesses.append(torch.stack([guess, truth]))

    def on_validation_epoch_end(self) -> None:
        """UAR of the voice alone over the tuning speakers."""
        guess, truth = torch.cat(self.guesses, dim=1).numpy()
        self.guesses.clear()
        uar = unweighted_average_recall(truth, guess, len(self.model.config.emotions))
        self.log("tune_uar", uar, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under one cycle."""
        return one_cycle(self.model.parameters(), self.steps, self.peak)

    @torch.no_grad()
    def store_embedding_means(self, batches: Iterable[Sequence[Draw]]) -> None:
        """Each encoder's mean embedding over the training pairs in which it is present."""
        total = torch.zeros_like(self.model.embedding_means)
        count = torch.zeros(len(ENCODERS), 1)
        for draws in batches:
            encoded = self.collate(draws)["encoded"]
            present = torch.stack([encoded[name].mask.any(dim=1) for name in ENCODERS], dim=1)
            embeddings, _ = self.model.embed(encoded)
            total += (embeddings * present.unsqueeze(-1)).sum(dim=0)
            count += present.sum(dim=0).unsqueeze(-1)
        self.model.embedding_means.copy_(total / count.clamp_min(1))

    @torch.no_grad()
    def logits_of(self, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
        """Logits [N, C] and class indices [N] of collated batches."""
        pairs = [(self.model(b["encoded"]).emotion_logits, b["classes"].argmax(1)) for b in batches]
        logits, classes = zip(*pairs, strict=True)
        return torch.cat(logits), torch.cat(classes)


@torch.inference_mode()
def fit_temperature(logits: Tensor, classes: Tensor) -> float:
    """The temperature with the least cross-entropy, of 200 between 0.5 and 5."""
    grid = torch.logspace(np.log10(0.5), np.log10(5.0), 200)
    losses = [functional.cross_entropy(logits / value, classes) for value in grid]
    return float(grid[int(torch.stack(losses).argmin())])
