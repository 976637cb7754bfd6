"""The learning rate: linear warm-up, then half a cosine down to its end."""

import math
from dataclasses import dataclass

from training.config import Stage
from training.data import batches_per_epoch


@dataclass(frozen=True)
class Schedule:
    """Rate of each optimiser step, counted from 0."""

    peak: float
    end: float
    warmup_steps: int
    steps: int

    @classmethod
    def of(cls, stage: Stage) -> "Schedule":
        """Accumulated batches make one step; what is left at an epoch's end makes one too."""
        per_epoch = -(-batches_per_epoch(stage) // stage.accumulate)
        return cls(
            stage.rate, stage.rate_end, stage.warmup_epochs * per_epoch, stage.epochs * per_epoch
        )

    def at(self, step: int) -> float:
        """Reaches the peak with the last step of the warm-up and `end` with the last of all."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        length = max(1, self.steps - 1 - self.warmup_steps)
        progress = min(1.0, (step - self.warmup_steps) / length)
        return self.end + (self.peak - self.end) * 0.5 * (1.0 + math.cos(math.pi * progress))
