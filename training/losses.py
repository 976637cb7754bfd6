"""The losses, as functions over a whole batch. What has no label takes no part in them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from training.config import Stage


def cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Weighted cross-entropy of `logits` [B, C] against one-hot or soft `targets` [B, C].

    sum_n sum_c w_c y'_nc (-log p_nc) / sum_n sum_c w_c y_nc with y' = (1 - s) y + s / C: for
    one-hot targets that is torch's `cross_entropy(..., weight, label_smoothing)`. Rows of zeros
    have no class.
    """
    smoothed = _smoothed(targets, smoothing)
    terms = smoothed * weights * torch.log_softmax(logits, dim=-1)
    return -terms.sum() / _mass(targets, weights)


def kl_divergence(
    logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Weighted divergence KL(y' || p), normalised as `cross_entropy`; equal weights: mean KL."""
    smoothed = _smoothed(targets, smoothing)
    logs = torch.log_softmax(logits, dim=-1)
    terms = weights * (torch.xlogy(smoothed, smoothed) - smoothed * logs)
    return terms.sum() / _mass(targets, weights)


def _smoothed(targets: Tensor, smoothing: float) -> Tensor:
    mass = targets.sum(dim=-1, keepdim=True)  # 0 where there is no class
    return (1.0 - smoothing) * targets + smoothing * mass / targets.shape[-1]


def _mass(targets: Tensor, weights: Tensor) -> Tensor:
    total = (targets * weights).sum()
    return torch.where(total > 0, total, torch.ones_like(total))


def squared_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error over the attributes [B, 3] that are not NaN in `truth`."""
    return _mean_of_known(torch.ones_like(predicted), predicted, truth)


def gaussian_squared_error(predicted: Tensor, truth: Tensor, mean: float, sigma: float) -> Tensor:
    """mean( exp(-(p - mean)^2 / (2 sigma^2)) (y - p)^2 ) over the known attributes (paper, 3.2).

    The factor has a gradient of its own, as the formula is written: it can push predictions away
    from `mean`.
    """
    factor = torch.exp(-((predicted - mean) ** 2) / (2 * sigma**2))
    return _mean_of_known(factor, predicted, truth)


def _mean_of_known(factor: Tensor, predicted: Tensor, truth: Tensor) -> Tensor:
    known = ~truth.isnan()
    errors = torch.where(known, truth - predicted, 0.0)
    return (factor * errors.square()).sum() / known.sum().clamp_min(1)


def concordance_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """1 - CCC over the batch, mean over the attributes of which it knows two values or more.

    CCC = 2 cov / (var_y + var_p + (mean_y - mean_p)^2) with population moments.
    """
    known = ~truth.isnan()
    count = known.sum(dim=0).clamp_min(1)
    target = torch.where(known, truth, 0.0)
    guess = torch.where(known, predicted, 0.0)
    target_mean, guess_mean = target.sum(dim=0) / count, guess.sum(dim=0) / count
    target_gap = torch.where(known, target - target_mean, 0.0)
    guess_gap = torch.where(known, guess - guess_mean, 0.0)
    covariance = (target_gap * guess_gap).sum(dim=0) / count
    spread = (target_gap.square() + guess_gap.square()).sum(dim=0) / count
    spread = spread + (target_mean - guess_mean).square()
    usable = (known.sum(dim=0) > 1) & (spread > 0)
    concordance = 2 * covariance / torch.where(usable, spread, 1.0)
    return (usable * (1.0 - concordance)).sum() / usable.sum().clamp_min(1)


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Inverse frequencies [C], N / (C n_c): their mean over all N samples is 1."""
    return counts.sum() / (len(counts) * counts)


@dataclass(frozen=True)
class Losses:
    """The two losses of a stage and their weights in its sum."""

    classes: Callable[[Tensor, Tensor], Tensor]  # logits [B, C], targets [B, C]
    attributes: Callable[[Tensor, Tensor], Tensor]  # predictions [B, 3], truth [B, 3]
    alpha: float  # of the attributes
    beta: float  # of the classes

    @classmethod
    def of(cls, stage: Stage, classes: tuple[str, ...], targets: np.ndarray) -> "Losses":
        """For a stage that trains on class `targets` [N, C]."""
        kinds = {"cross_entropy": cross_entropy, "kl": kl_divergence}
        weights = class_weights(stage, classes, targets)

        def class_loss(logits: Tensor, aims: Tensor) -> Tensor:
            return kinds[stage.class_loss](
                logits, aims, weights.to(logits.device), stage.label_smoothing
            )

        return cls(class_loss, _attribute_loss(stage), stage.alpha, stage.beta)

    def total(self, classes: Tensor, attributes: Tensor) -> Tensor:
        """alpha * attributes + beta * classes."""
        return self.alpha * attributes + self.beta * classes


def class_weights(stage: Stage, classes: tuple[str, ...], targets: np.ndarray) -> Tensor:
    """Weights [C]: balanced or all 1, times the stage's `class_factors`.

    Balanced sampling draws the classes equally often already, so that their inverse frequency as
    drawn is 1. Classes of which `targets` [N, C] has none weigh 1.
    """
    counts = targets.sum(axis=0, dtype=np.float64)
    weights = np.ones(len(classes))
    if stage.class_weights == "balanced" and not stage.balanced_sampling:
        found = counts > 0
        weights[found] = balanced_weights(counts[found])
    weights *= [stage.class_factors.get(name, 1.0) for name in classes]
    return torch.tensor(weights, dtype=torch.float32)


def _attribute_loss(stage: Stage) -> Callable[[Tensor, Tensor], Tensor]:
    if stage.attribute_loss == "ccc":
        return concordance_loss
    if stage.gaussian is None:
        return squared_error
    return partial(gaussian_squared_error, mean=stage.gaussian.mean, sigma=stage.gaussian.sigma)
