"""Pooling against numbers worked out by hand, and against its own padding."""

import math

import pytest
import torch

from ser.pooling import (
    AttentiveStatisticsPooling,
    AveragePooling,
    masked_softmax,
    weighted_statistics,
)

HIDDEN = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, -100.0]]])  # the last frame is padding
MASK = torch.tensor([[True, True, False]])


def fixed_pooling(weight: float) -> AttentiveStatisticsPooling:
    """Scores of tanh(weight * first value), so that the softmax can be done on paper."""
    pooling = AttentiveStatisticsPooling(width=2, attention_width=1)
    with torch.no_grad():
        pooling.hidden.weight.copy_(torch.tensor([[weight, 0.0]]))
        pooling.hidden.bias.zero_()
        pooling.score.weight.fill_(1.0)
        pooling.score.bias.zero_()
    return pooling


def test_equal_scores_give_mean_and_population_deviation() -> None:
    pooled, weights = fixed_pooling(0.0)(HIDDEN, MASK)
    assert weights.tolist() == [[0.5, 0.5, 0.0]]
    torch.testing.assert_close(pooled, torch.tensor([[2.0, 4.0, 1.0, 2.0]]))


def test_attention_follows_the_formula() -> None:
    first, second = math.exp(math.tanh(0.5)), math.exp(math.tanh(1.5))
    share = first / (first + second)
    mean = [share * 1 + (1 - share) * 3, share * 2 + (1 - share) * 6]
    square = [share * 1 + (1 - share) * 9, share * 4 + (1 - share) * 36]
    deviation = [math.sqrt(s - m * m) for s, m in zip(square, mean, strict=True)]
    pooled, weights = fixed_pooling(0.5)(HIDDEN, MASK)
    torch.testing.assert_close(weights, torch.tensor([[share, 1 - share, 0.0]]))
    torch.testing.assert_close(pooled, torch.tensor([mean + deviation]))


def test_average_pooling_is_the_mean_of_the_valid_frames() -> None:
    pooled, weights = AveragePooling(2)(HIDDEN, MASK)
    assert weights.tolist() == [[0.5, 0.5, 0.0]]
    torch.testing.assert_close(pooled, torch.tensor([[2.0, 4.0]]))


@pytest.mark.parametrize("kind", [AttentiveStatisticsPooling, AveragePooling])
def test_a_row_of_padding_gives_zeros(
    kind: type[AttentiveStatisticsPooling] | type[AveragePooling],
) -> None:
    pooled, weights = kind(2)(HIDDEN, torch.zeros(1, 3, dtype=torch.bool))
    assert not pooled.any()
    assert not weights.any()


def test_padding_may_hold_anything() -> None:
    pooling = AttentiveStatisticsPooling(2)
    dirty = HIDDEN.clone()
    dirty[0, 2] = torch.nan
    torch.testing.assert_close(pooling(dirty, MASK)[0], pooling(HIDDEN, MASK)[0])


def test_a_single_frame_has_no_deviation_and_finite_gradients() -> None:
    hidden = torch.randn(1, 1, 2, requires_grad=True)
    pooled, _ = AttentiveStatisticsPooling(2)(hidden, torch.ones(1, 1, dtype=torch.bool))
    pooled.sum().backward()
    assert pooled[0, 2:].tolist() == [0.0, 0.0]
    assert hidden.grad is not None
    assert torch.isfinite(hidden.grad).all()


def test_softmax_survives_large_scores() -> None:
    weights = masked_softmax(torch.tensor([[1e4, -1e4, 1e4]]), torch.tensor([[True, True, False]]))
    assert weights.tolist() == [[1.0, 0.0, 0.0]]


def test_statistics_keep_precision_far_from_zero() -> None:
    hidden = torch.tensor([[[10_000.0], [10_001.0]]])
    statistics = weighted_statistics(hidden, torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(statistics, torch.tensor([[10_000.5, 0.5]]))
