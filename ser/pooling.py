"""From a sequence of encoder frames to one vector: attentive statistics, or the plain average."""

import torch
from torch import Tensor, nn


class AttentiveStatisticsPooling(nn.Module):
    """Attentive statistics pooling (Okabe, Koshinaka and Shinoda, Interspeech 2018).

    e_t = v' tanh(W h_t + b) + k; alpha = softmax of e over the valid frames;
    mean = sum alpha h; deviation = sqrt(sum alpha h^2 - mean^2).
    """

    width_factor = 2  # mean and deviation side by side

    def __init__(self, width: int, attention_width: int = 128) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, attention_width)
        self.score = nn.Linear(attention_width, 1)

    def forward(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Pool `hidden` [B, T, D] over the frames where `mask` [B, T] is true.

        Returns statistics [B, 2 D] and weights [B, T]. A row without a valid frame gives zeros
        for both, never NaN.
        """
        scores = self.score(torch.tanh(self.hidden(hidden))).squeeze(-1)
        weights = masked_softmax(scores, mask)
        return weighted_statistics(hidden, weights), weights


class AveragePooling(nn.Module):
    """Mean over the valid frames: the variant of one of the paper's two models of task 2."""

    width_factor = 1

    def __init__(self, width: int, attention_width: int = 0) -> None:
        super().__init__()

    def forward(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As the attentive pooling, with equal weights. Returns [B, D] and [B, T]."""
        weights = masked_softmax(torch.zeros_like(hidden[..., 0]), mask)
        return torch.einsum("bt,btd->bd", weights, _valid_only(hidden, mask)), weights


POOLINGS: dict[str, type[AttentiveStatisticsPooling] | type[AveragePooling]] = {
    "attentive_statistics": AttentiveStatisticsPooling,
    "average": AveragePooling,
}


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax of `scores` [B, T] over true positions of `mask`; all-padding rows become zeros."""
    weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
    return weights * mask


def weighted_statistics(hidden: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean and standard deviation of `hidden` [B, T, D], concatenated to [B, 2 D]."""
    hidden = _valid_only(hidden, weights > 0)
    mean = torch.einsum("bt,btd->bd", weights, hidden)
    # Central moments instead of E[h^2] - mean^2: the same value without cancellation.
    centred = (hidden - mean.unsqueeze(1)).square()
    variance = torch.einsum("bt,btd->bd", weights, centred)
    # The root's slope is infinite at zero; clamping keeps gradients of single-frame clips finite.
    deviation = variance.clamp_min(1e-10).sqrt() * (variance > 0)
    return torch.cat([mean, deviation], dim=-1)


def _valid_only(hidden: Tensor, mask: Tensor) -> Tensor:
    """Padding may hold anything, even NaN, which a weight of zero would not remove."""
    return hidden.masked_fill(~mask.unsqueeze(-1), 0.0)
