"""Batches of cached encoder frames: which rows an epoch draws, and what a batch holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ser.fusion import EncoderOutput
from ser.labels import ENCODERS
from training.config import Stage
from training.truth import Truth, fewer_annotators


class Frames(Protocol):
    """What batches need of the feature cache; `training.cache.FeatureCache` offers it."""

    widths: dict[str, int]

    def padded(self, encoder: str, rows: Sequence[int], copies: Sequence[int]) -> EncoderOutput:
        """Frames [B, T, D] of several clips, or [B, T, L, D], in the stored type."""
        ...

    def copies(self, row: int) -> int:
        """The clean copy and the augmented ones."""
        ...

    def lengths(self, encoder: str) -> np.ndarray:
        """Number of frames [rows, copies]."""
        ...


@dataclass(frozen=True)
class Draw:
    """One example: a row of the manifest's frame, a copy of it, the seed of its changes."""

    row: int
    copy: int = 0
    seed: int | None = None  # None: nothing is dropped


@dataclass(frozen=True)
class Batch:
    """B examples. Frames keep the type they are stored in until they are on their device."""

    encoded: dict[str, EncoderOutput]
    classes: Tensor  # [B, C] float32: one-hot, or soft from votes; zeros: no class
    attributes: Tensor  # [B, 3] float32 in 1..7; NaN: not rated
    rows: Tensor  # [B] int64, rows of the manifest's frame

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device) -> "Batch":
        """On another device, frames in float32."""
        # Two steps: one alone would widen the frames first and move twice the bytes.
        encoded = {
            name: EncoderOutput(output.hidden.to(device), output.mask, output.step_s).to(device)
            for name, output in self.encoded.items()
        }
        return Batch(
            encoded,
            self.classes.to(device),
            self.attributes.to(device),
            self.rows.to(device),
        )


class DrawnBatches(Dataset[Batch]):
    """A batch for each list of draws."""

    def __init__(self, cache: Frames, truth: Truth, stage: Stage) -> None:
        self.cache, self.truth, self.stage = cache, truth, stage

    def __getitem__(self, draws: Sequence[Draw]) -> Batch:  # type: ignore[override]
        """Load, drop what the stage drops, pad."""
        changes = [self._changes(draw) for draw in draws]
        rows = [draw.row for draw in draws]
        copies = [draw.copy for draw in draws]
        encoded = {}
        for name in ENCODERS:
            output = self.cache.padded(name, rows, copies)
            there = torch.tensor([absent != name for absent, _ in changes])
            encoded[name] = replace(output, mask=output.mask & there.unsqueeze(1))
        return Batch(
            encoded,
            torch.from_numpy(np.stack([target for _, target in changes]).astype(np.float32)),
            torch.from_numpy(self.truth.attributes[rows]),
            torch.tensor(rows),
        )

    def _changes(self, draw: Draw) -> tuple[str | None, np.ndarray]:
        """The encoder that this example lacks, if any, and its class target [C]."""
        target = self.truth.targets[draw.row]
        if draw.seed is None:
            return None, target
        random = np.random.default_rng(draw.seed)
        # Both numbers are drawn in any case, so that one switch never changes the other's draws.
        chance, place = random.random(), int(random.integers(len(ENCODERS)))
        absent = ENCODERS[place] if chance < self.stage.modality_dropout else None
        votes = self.truth.votes[draw.row]
        if self.stage.annotation_dropout and votes.any():
            kept = fewer_annotators(votes, self.stage.annotation_dropout, random)
            target = kept / kept.sum()
        return absent, target


@dataclass(frozen=True)
class Part:
    """Which of how many processes this is; example i of a global batch belongs to i mod count."""

    rank: int = 0
    count: int = 1

    def of(self, batch: Sequence[Draw]) -> list[Draw]:
        """This process' examples of a global batch."""
        return list(batch[self.rank :: self.count])


class EpochBatches(Sampler[list[Draw]]):
    """Rows drawn anew each epoch from (seed, epoch), in whole batches.

    All processes draw the same and take their part, so that together they see exactly the batches
    of one process. Rows come in shuffled rounds: none is drawn twice before all were drawn once.
    """

    def __init__(
        self,
        rows: np.ndarray,
        index: np.ndarray,
        copies: np.ndarray,
        stage: Stage,
        seed: int,
        part: Part,
    ) -> None:
        """`rows` [n] of the training set; class `index` and number of `copies` of each, [n]."""
        self.rows, self.index, self.copies = rows, index, copies
        self.batch_size, self.balanced = stage.batch_size, stage.balanced_sampling
        self.batches = batches_per_epoch(stage)
        self.seed, self.part, self.epoch = seed, part, 0

    def __len__(self) -> int:
        return self.batches

    def set_epoch(self, epoch: int) -> None:
        """The trainer calls this before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Draw]]:
        random = np.random.default_rng((self.seed, self.epoch))
        count = self.batches * self.batch_size
        places = self._balanced(count, random) if self.balanced else self._plain(count, random)
        copies = np.floor(random.random(count) * self.copies[places]).astype(np.int64)
        seeds = random.integers(2**63, size=count)
        draws = [
            Draw(int(row), int(copy), int(seed))
            for row, copy, seed in zip(self.rows[places], copies, seeds, strict=True)
        ]
        for start in range(0, count, self.batch_size):
            yield self.part.of(draws[start : start + self.batch_size])

    def _plain(self, count: int, random: np.random.Generator) -> np.ndarray:
        return _rounds(np.arange(len(self.rows)), count, random)

    def _balanced(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Every class equally often; rows without a class keep their share of the epoch."""
        nameless = np.flatnonzero(self.index < 0)
        others = round(count * len(nameless) / len(self.index))
        present = np.unique(self.index[self.index >= 0])
        shares = np.full(len(present), (count - others) // len(present))
        shares[random.permutation(len(present))[: (count - others) % len(present)]] += 1
        groups = [(nameless, others)] if others else []
        groups += [
            (np.flatnonzero(self.index == name), int(share))
            for name, share in zip(present, shares, strict=True)
        ]
        drawn = [_rounds(places, share, random) for places, share in groups]
        return random.permutation(np.concatenate(drawn))


def batches_per_epoch(stage: Stage) -> int:
    """Whole batches that hold at least `samples_per_epoch` samples."""
    return -(-stage.samples_per_epoch // stage.batch_size)


def _rounds(places: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` of `places`, in as many shuffled rounds as it takes."""
    rounds = -(-count // len(places))
    shuffled = [random.permutation(places) for _ in range(rounds)]
    return np.concatenate([*shuffled, places[:0]])[:count]


class OrderedBatches(Sampler[list[Draw]]):
    """Each of `rows` once, clean, in order of `lengths`, so that little padding is computed."""

    def __init__(self, rows: np.ndarray, lengths: np.ndarray, batch_size: int, part: Part) -> None:
        ordered = rows[np.argsort(lengths, kind="stable")]
        batches = [
            part.of([Draw(int(row)) for row in ordered[start : start + batch_size]])
            for start in range(0, len(ordered), batch_size)
        ]
        self.batches = [batch for batch in batches if batch]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self.batches)


class StageData(lightning.LightningDataModule):
    """The loaders of one stage. Prediction goes over `answered` rows, then over `training` rows."""

    def __init__(
        self,
        cache: Frames,
        truth: Truth,
        stage: Stage,
        training: np.ndarray,
        tuning: np.ndarray,
        answered: np.ndarray,
        seed: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.batches = DrawnBatches(cache, truth, stage)
        self.cache, self.stage, self.seed, self.workers = cache, stage, seed, workers
        self.training, self.tuning, self.answered = training, tuning, answered

    def train_dataloader(self) -> DataLoader:
        """One epoch of drawn batches."""
        rows = self.training
        copies = np.array([self.cache.copies(int(row)) for row in rows])
        index = self.batches.truth.index[rows]
        return self._loader(
            EpochBatches(rows, index, copies, self.stage, self.seed, self._part()), persistent=True
        )

    def val_dataloader(self) -> DataLoader:
        """The development set, every row once."""
        return self._loader(self._ordered(self.tuning), persistent=True)

    def predict_dataloader(self) -> list[DataLoader]:
        """Rows that get an answer, then the clean training set."""
        return [self._loader(self._ordered(rows)) for rows in (self.answered, self.training)]

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Lightning does not know how to move a batch."""
        return batch.to(device)

    def _ordered(self, rows: np.ndarray) -> OrderedBatches:
        lengths = self.cache.lengths("wavlm")[rows, 0]
        return OrderedBatches(rows, lengths, self.stage.batch_size, self._part())

    def _loader(self, sampler: Sampler[list[Draw]], persistent: bool = False) -> DataLoader:
        # As `sampler`, not as `batch_sampler`: only there does Lightning call set_epoch.
        return DataLoader(
            self.batches,
            batch_size=None,
            sampler=sampler,
            num_workers=self.workers,
            persistent_workers=persistent and self.workers > 0,
        )

    def _part(self) -> Part:
        trainer = self.trainer
        return Part() if trainer is None else Part(trainer.global_rank, trainer.world_size)
