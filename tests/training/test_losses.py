"""The losses against torch's own, numpy and batches worked out by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from training.config import GaussianPenalty, Stage
from training.losses import (
    Losses,
    balanced_weights,
    class_weights,
    concordance_loss,
    cross_entropy,
    gaussian_squared_error,
    kl_divergence,
    squared_error,
)

CLASSES = ("angry", "sad", "happy")
WEIGHTS = torch.tensor([0.5, 2.0, 1.25])
NAN = float("nan")


def random_logits(rows: int = 7, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, len(CLASSES))))


def random_shares(rows: int = 7, seed: int = 1) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(len(CLASSES)), rows))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_one_hot_targets_is_torchs(smoothing: float) -> None:
    logits, index = random_logits(), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    expected = functional.cross_entropy(
        logits, index, weight=WEIGHTS.double(), label_smoothing=smoothing
    )
    one_hot = functional.one_hot(index, len(CLASSES)).double()
    torch.testing.assert_close(cross_entropy(logits, one_hot, WEIGHTS, smoothing), expected)


def test_rows_without_a_class_take_no_part() -> None:
    logits, targets = random_logits(), random_shares()
    targets[3:] = 0.0
    for loss in (cross_entropy, kl_divergence):
        whole = loss(logits, targets, WEIGHTS, 0.1)
        torch.testing.assert_close(whole, loss(logits[:3], targets[:3], WEIGHTS, 0.1))
        nobody = loss(logits.requires_grad_(), torch.zeros_like(targets), WEIGHTS, 0.1)
        assert nobody == 0
        nobody.backward()
        assert logits.grad is not None
        assert logits.grad.eq(0).all()
        logits = logits.detach()


def test_kl_divergence_is_torchs_mean_over_the_batch() -> None:
    logits, targets = random_logits(), random_shares()
    targets[0] = torch.tensor([0.0, 1.0, 0.0])  # 0 log 0 is 0
    expected = functional.kl_div(logits.log_softmax(-1), targets, reduction="batchmean")
    torch.testing.assert_close(kl_divergence(logits, targets, torch.ones(3)), expected)


def test_weighted_kl_divergence_follows_its_formula() -> None:
    logits, targets = random_logits(), random_shares()
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    y, w = targets.numpy(), WEIGHTS.numpy()
    expected = (w * y * np.log(y / p)).sum() / (w * y).sum()
    assert float(kl_divergence(logits, targets, WEIGHTS)) == pytest.approx(expected)


def test_squared_error_is_the_mean_over_known_attributes() -> None:
    predicted = torch.tensor([[2.0, 4.0, 6.0], [1.0, 1.0, 1.0]])
    truth = torch.tensor([[3.0, NAN, 4.0], [NAN, NAN, NAN]])
    assert float(squared_error(predicted, truth)) == pytest.approx((1 + 4) / 2)
    assert float(squared_error(predicted, torch.full_like(truth, NAN))) == 0


def test_missing_attributes_give_no_gradient() -> None:
    predicted = torch.tensor([[2.0, 4.0, 6.0]], requires_grad=True)
    for loss in (squared_error, lambda p, y: gaussian_squared_error(p, y, 4.0, 3.0)):
        loss(predicted, torch.tensor([[3.0, NAN, 4.0]])).backward()
        assert predicted.grad is not None
        assert predicted.grad[0, 1] == 0
        assert predicted.grad[0, 0] != 0
        predicted.grad = None


def test_gaussian_penalty_of_a_batch_worked_out_by_hand() -> None:
    # sigma 1: the factor of a prediction of 4 is 1, of 6 exp(-2), of 3 exp(-1/2).
    predicted, truth = torch.tensor([[4.0, 6.0, 3.0]]), torch.tensor([[5.0, 4.0, 5.0]])
    expected = (1 * 1 + 4 * 0.1353352832 + 4 * 0.6065306597) / 3
    assert float(gaussian_squared_error(predicted, truth, 4.0, 1.0)) == pytest.approx(expected)


@pytest.mark.parametrize("sigma", [3.0, 5.0, 7.0])
def test_gaussian_penalty_has_the_gradient_of_its_factor(sigma: float) -> None:
    random = np.random.default_rng(0)
    p, y = random.uniform(1, 7, (5, 3)), random.uniform(1, 7, (5, 3))
    factor = np.exp(-((p - 4) ** 2) / (2 * sigma**2))
    expected = factor * (-2 * (y - p) - (p - 4) / sigma**2 * (y - p) ** 2) / p.size
    predicted = torch.from_numpy(p).requires_grad_()
    gaussian_squared_error(predicted, torch.from_numpy(y), 4.0, sigma).backward()
    assert predicted.grad is not None
    np.testing.assert_allclose(predicted.grad.numpy(), expected)


def test_concordance_loss_is_one_minus_the_mean_ccc() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(1, 7, (40, 3))
    guess = 0.5 * truth + random.normal(size=truth.shape)
    truth[5:9, 1] = NAN
    each = []
    for k in range(3):
        known = ~np.isnan(truth[:, k])
        y, p = truth[known, k], guess[known, k]
        # rho s_y s_p 2 / (…): the formula of Lin (1989), by way of the correlation
        rho = np.corrcoef(y, p)[0, 1]
        each.append(2 * rho * y.std() * p.std() / (y.var() + p.var() + (y.mean() - p.mean()) ** 2))
    loss = concordance_loss(torch.from_numpy(guess), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(1 - np.mean(each))


def test_concordance_loss_stays_finite_where_there_is_nothing_to_agree_on() -> None:
    constant = torch.full((4, 3), 4.0, requires_grad=True)
    truth = torch.tensor([[4.0, 1.0, NAN], [4.0, 2.0, NAN], [4.0, NAN, 3.0], [4.0, NAN, NAN]])
    loss = concordance_loss(constant, truth)
    assert loss.item() == pytest.approx(1.0)  # of the second attribute alone: CCC 0
    loss.backward()
    assert constant.grad is not None
    assert constant.grad.isfinite().all()


def test_balanced_weights_have_mean_one_over_the_samples() -> None:
    counts = np.array([10.0, 30.0, 60.0])
    weights = balanced_weights(counts)
    np.testing.assert_allclose(weights, [100 / 30, 100 / 90, 100 / 180])
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)


def test_class_weights_multiply_factors_and_leave_balanced_sampling_alone() -> None:
    targets = np.repeat(np.eye(3), [1, 3, 6], axis=0)
    stage = Stage(class_factors={"sad": 2.0})
    expected = [10 / 3, 2 * 10 / 9, 10 / 18]
    np.testing.assert_allclose(class_weights(stage, CLASSES, targets), expected, rtol=1e-6)
    drawn = stage.model_copy(update={"balanced_sampling": True})
    assert class_weights(drawn, CLASSES, targets).tolist() == [1, 2, 1]
    plain = stage.model_copy(update={"class_weights": "none"})
    assert class_weights(plain, CLASSES, targets).tolist() == [1, 2, 1]


def test_a_stage_chooses_its_losses_and_their_weights() -> None:
    targets = np.eye(3)
    logits, truth = random_logits(3), torch.tensor([[2.0, 3.0, 4.0], [5.0, 1.0, 2.0]])
    predicted = torch.tensor([[3.0, 3.0, 3.0], [4.0, 2.0, 2.0]])
    aims = torch.eye(3).double()
    stage = Stage(alpha=0.25, beta=0.75, gaussian=GaussianPenalty(sigma=5.0), label_smoothing=0.1)
    losses = Losses.of(stage, CLASSES, targets)
    classes, attributes = losses.classes(logits, aims), losses.attributes(predicted, truth)
    torch.testing.assert_close(classes, cross_entropy(logits, aims, torch.ones(3), 0.1))
    torch.testing.assert_close(attributes, gaussian_squared_error(predicted, truth, 4.0, 5.0))
    assert float(losses.total(classes, attributes)) == pytest.approx(
        0.25 * float(attributes) + 0.75 * float(classes)
    )
    other = Losses.of(Stage(class_loss="kl", attribute_loss="ccc"), CLASSES, targets)
    assert other.attributes is concordance_loss
    shares = random_shares(3)
    torch.testing.assert_close(
        other.classes(logits, shares), kl_divergence(logits, shares, torch.ones(3))
    )
