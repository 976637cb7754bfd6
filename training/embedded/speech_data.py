"""Batches of labelled speech: balanced draws, longer clips by joining, buckets by length."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ser.audio import SAMPLE_RATE_HZ
from training.corpora import Clip
from training.embedded.store import AudioStore
from training.targets import derived_attributes

BUCKET_BATCHES = 8


@dataclass(frozen=True)
class Draw:
    """One training example: the clips to join and the random state of its further changes."""

    clips: tuple[int, ...]
    copies: tuple[int, ...]
    seed: int | None  # None: leave them as they are


class BalancedBatches(Sampler[list[Draw]]):
    """Batches in which corpora have fixed shares and the classes of a corpus are equally likely.

    Every epoch draws anew from (seed, epoch), so a resumed run sees what it would have seen.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        rows: Sequence[int],
        audio: AudioStore,
        per_epoch: dict[str, int],
        batch_size: int,
        max_seconds: float,
        join_probability: float,
        speaker_power: float,
        seed: int,
    ) -> None:
        self.clips, self.rows, self.batch_size, self.seed = clips, list(rows), batch_size, seed
        self.seconds = (audio.spans[..., 1] - audio.spans[..., 0]) / SAMPLE_RATE_HZ
        self.copies, self.max_seconds, self.epoch = audio.copies, max_seconds, 0
        self.per_epoch, self.join_probability = per_epoch, join_probability
        self.speaker_power = speaker_power
        self.of_class: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.of_speaker: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for row in rows:
            clip = clips[row]
            self.of_class[clip.corpus, clip.label].append(row)
            self.of_speaker[clip.corpus, clip.speaker, clip.label].append(row)

    def __len__(self) -> int:
        return sum(self.per_epoch.values()) // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Draw]]:
        random = np.random.default_rng((self.seed, self.epoch))
        draws = [
            self._draw(row, random)
            for corpus, count in self.per_epoch.items()
            for row in self._rows_of(corpus, count, random)
        ]
        random.shuffle(draws)
        chunk = self.batch_size * BUCKET_BATCHES
        batches = []
        for start in range(0, len(draws), chunk):
            part = sorted(draws[start : start + chunk], key=self._seconds)
            batches += [
                part[at : at + self.batch_size] for at in range(0, len(part), self.batch_size)
            ]
        batches = [batch for batch in batches if len(batch) == self.batch_size]
        random.shuffle(batches)
        yield from batches[: len(self)]

    def _rows_of(self, corpus: str, count: int, random: np.random.Generator) -> list[int]:
        classes = [rows for (name, _), rows in self.of_class.items() if name == corpus]
        share = -(-count // len(classes))
        picked = [
            random.choice(rows, share, replace=share > len(rows), p=self._chances(rows))
            for rows in classes
        ]
        return [int(row) for row in random.permutation(np.concatenate(picked))[:count]]

    def _chances(self, rows: Sequence[int]) -> np.ndarray:
        """With a power above 0, each clip of a speaker who has many of them is drawn less often."""
        clips = [self.clips[row] for row in rows]
        counts = [float(len(self.of_speaker[c.corpus, c.speaker, c.label])) for c in clips]
        chances = np.power(counts, -self.speaker_power)
        return chances / chances.sum()

    def _draw(self, row: int, random: np.random.Generator) -> Draw:
        rows = [row]
        if random.random() < self.join_probability:
            clip = self.clips[row]
            rows.append(int(random.choice(self.of_speaker[clip.corpus, clip.speaker, clip.label])))
        copies = [int(random.integers(self.copies)) for _ in rows]
        if sum(self.seconds[r, c] for r, c in zip(rows, copies, strict=True)) > self.max_seconds:
            rows, copies = rows[:1], copies[:1]
        return Draw(tuple(rows), tuple(copies), int(random.integers(2**31)))

    def _seconds(self, draw: Draw) -> float:
        return sum(self.seconds[r, c] for r, c in zip(draw.clips, draw.copies, strict=True))


class PlainBatches(Sampler[list[Draw]]):
    """Clean clips in order of length, for validation: no change, no joining."""

    def __init__(self, rows: Sequence[int], audio: AudioStore, batch_size: int = 64) -> None:
        lengths = audio.spans[:, 0, 1] - audio.spans[:, 0, 0]
        self.rows = sorted(rows, key=lambda row: lengths[row])
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[list[Draw]]:
        for start in range(0, len(self.rows), self.batch_size):
            yield [Draw((row,), (0,), None) for row in self.rows[start : start + self.batch_size]]


class AsDrawn(Dataset[list[Draw]]):
    """A batch is what the sampler drew; the collate function loads it."""

    def __getitem__(self, draws: list[Draw]) -> list[Draw]:  # type: ignore[override]
        return draws


@dataclass(frozen=True)
class Targets:
    """Labels of all clips as tensors."""

    classes: Tensor  # [N] index into the emotion list
    attributes: Tensor  # [N, 3]

    @classmethod
    def of(cls, clips: Sequence[Clip], emotions: Sequence[str]) -> "Targets":
        """Class indices and derived attributes of each clip."""
        classes = torch.tensor([emotions.index(clip.label) for clip in clips])
        attributes = torch.tensor([derived_attributes(c.label, c.strong) for c in clips])
        return cls(classes, attributes)


def count_table(clips: Sequence[Clip], splits: Sequence[str]) -> str:
    """Clips per corpus and split, for the log."""
    counts = Counter((clip.corpus, split) for clip, split in zip(clips, splits, strict=True))
    return "\n".join(f"{corpus:8} {split:9} {n:5}" for (corpus, split), n in sorted(counts.items()))
