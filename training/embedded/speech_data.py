"""Batches of labelled speech: balanced draws, in buckets by length."""

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

BUCKET_BATCHES = 8
SPEAKER_POWER = 0.5
"""A clip's chance falls with the root of how many clips of its class its speaker has: four fifths
of IESC are by unknown users, whose microphones would be learnt instead of emotions."""
CLEAN_SHARE = 0.5  # of the draws; the others are copies in rooms or over a telephone


@dataclass(frozen=True)
class Draw:
    """One training example: a clip, which copy of it, and the random state of further changes."""

    clip: int
    copy: int
    seed: int | None  # None: leave it as it is


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
        seed: int,
    ) -> None:
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.per_epoch, self.copies = per_epoch, audio.copies
        self.seconds = (audio.spans[..., 1] - audio.spans[..., 0]) / SAMPLE_RATE_HZ
        of_class: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in rows:
            of_class[clips[row].corpus, clips[row].label].append(row)
        self.of_class = {
            key: (np.array(members), _chances([clips[row].speaker for row in members]))
            for key, members in of_class.items()
        }

    def __len__(self) -> int:
        return sum(self.per_epoch.values()) // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Draw]]:
        random = np.random.default_rng((self.seed, self.epoch))
        rows = [r for corpus, n in self.per_epoch.items() for r in self._rows(corpus, n, random)]
        draws = [self._draw(row, random) for row in random.permutation(rows)]
        chunk = self.batch_size * BUCKET_BATCHES
        batches = []
        for start in range(0, len(draws), chunk):
            part = sorted(
                draws[start : start + chunk], key=lambda d: float(self.seconds[d.clip, d.copy])
            )
            batches += [part[at : at + self.batch_size] for at in range(0, chunk, self.batch_size)]
        batches = [batch for batch in batches if len(batch) == self.batch_size]
        random.shuffle(batches)
        yield from batches[: len(self)]

    def _rows(self, corpus: str, count: int, random: np.random.Generator) -> list[int]:
        classes = [value for (name, _), value in self.of_class.items() if name == corpus]
        share = -(-count // len(classes))
        picked = [
            random.choice(members, share, replace=share > len(members), p=chances)
            for members, chances in classes
        ]
        return [int(row) for row in random.permutation(np.concatenate(picked))[:count]]

    def _draw(self, row: int, random: np.random.Generator) -> Draw:
        clean = self.copies == 1 or random.random() < CLEAN_SHARE
        copy = 0 if clean else int(random.integers(1, self.copies))
        return Draw(int(row), copy, int(random.integers(2**31)))


def _chances(speakers: Sequence[str]) -> np.ndarray:
    counts = Counter(speakers)
    chances = np.array([counts[name] for name in speakers], dtype=float) ** -SPEAKER_POWER
    return chances / chances.sum()


class AsDrawn(Dataset[list[Draw]]):
    """A batch is what the sampler drew; the collate function loads it."""

    def __getitem__(self, draws: list[Draw]) -> list[Draw]:  # type: ignore[override]
        return draws


def class_indexes(clips: Sequence[Clip], emotions: Sequence[str]) -> Tensor:
    """Index [N] of each clip's class in `emotions`; -1 for a class that is not among them."""
    place = {name: index for index, name in enumerate(emotions)}
    return torch.tensor([place.get(clip.label, -1) for clip in clips])
