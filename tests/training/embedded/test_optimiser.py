"""The optimiser against PyTorch's own and against the singular values it promises."""

import pytest
import torch
from torch import nn

from training.embedded.optimiser import (
    MUON_PEAK,
    PEAK,
    WARM_UP,
    WEIGHT_DECAY,
    MuonAdamW,
    one_cycle,
    orthogonal,
)


@pytest.mark.parametrize("shape", [(16, 16), (24, 8), (8, 24)])
def test_a_step_of_muon_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_other_weights_learn_as_with_adamw() -> None:
    torch.manual_seed(0)
    start, target = torch.randn(5, 3), torch.randn(5, 3)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    pairs: list[tuple[nn.Parameter, torch.optim.Optimizer]] = [
        (ours, MuonAdamW([{"params": [ours], "lr": 0.01, "weight_decay": 0.1}])),
        (theirs, torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.1)),
    ]
    for parameter, optimiser in pairs:
        for _ in range(10):
            optimiser.zero_grad()
            (parameter - target).pow(4).sum().backward()
            optimiser.step()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_rates_rise_and_fall_once_and_vectors_do_not_decay() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    steps = 100
    cycle = one_cycle(module, steps, [module[0].weight])  # type: ignore[list-item]
    assert isinstance(cycle, dict)
    optimiser, schedule = cycle["optimizer"], cycle["lr_scheduler"]["scheduler"]  # type: ignore[typeddict-item, index]
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optimiser.param_groups])
        optimiser.step()
        schedule.step()
    muon = [rate[0] for rate in rates]
    peak = round(WARM_UP * steps) - 1
    assert muon.index(max(muon)) == pytest.approx(peak, abs=1)
    assert max(muon) == pytest.approx(MUON_PEAK, rel=0.01)
    assert max(rate[-1] for rate in rates) == pytest.approx(PEAK, rel=0.01)
    assert muon[:peak] == sorted(muon[:peak])
    assert muon[peak + 1 :] == sorted(muon[peak + 1 :], reverse=True)
    assert muon[-1] < 0.01 * MUON_PEAK
    decays = {
        tuple(p.shape): group["weight_decay"]
        for group in optimiser.param_groups
        for p in group["params"]
    }
    assert decays == {(4, 4): WEIGHT_DECAY, (4,): 0.0}
