"""Muon for the matrices of small transformers, AdamW for everything else, under one cycle."""

import math
from collections.abc import Iterable

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import Parameter

PEAK, MUON_PEAK = 1e-3, 2e-3
WARM_UP = 0.15  # share of the steps
WEIGHT_DECAY = 0.01
MOMENTUM = 0.95
BETAS, EPSILON = (0.9, 0.999), 1e-8
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


class MuonAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for groups with `muon`, AdamW for the others, in float32.

    Muon makes each momentum matrix nearly orthogonal, so that all its directions learn equally
    fast. Steps are scaled by 0.2 sqrt(longer side) as in "Muon is Scalable for LLM Training"
    (Liu et al. 2025), which makes them as long as AdamW's. torch.optim.Muon computes in bfloat16,
    which most processors do slowly.
    """

    def __init__(self, groups: list[dict[str, object]]) -> None:
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0, "muon": False})

    @torch.no_grad()
    def step(self, closure: object = None) -> object:  # type: ignore[override]
        """One step; `closure` computes the loss, as Lightning asks for it."""
        loss = None
        if callable(closure):
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            direction = self._muon if group["muon"] else self._adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    step = direction(parameter)
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(step, alpha=-group["lr"])
        return loss

    def _muon(self, parameter: Parameter) -> Tensor:
        grad, state = parameter.grad, self.state[parameter]
        assert grad is not None
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        momentum.lerp_(grad, 1 - MOMENTUM)
        return orthogonal(grad.lerp(momentum, MOMENTUM)) * 0.2 * math.sqrt(max(parameter.shape))

    def _adam(self, parameter: Parameter) -> Tensor:
        grad, state = parameter.grad, self.state[parameter]
        assert grad is not None
        if not state:
            state.update(
                steps=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter)
            )
        state["steps"] += 1
        state["mean"].lerp_(grad, 1 - BETAS[0])
        state["square"].lerp_(grad.square(), 1 - BETAS[1])
        mean = state["mean"] / (1 - BETAS[0] ** state["steps"])
        square = state["square"] / (1 - BETAS[1] ** state["steps"])
        return mean / (square.sqrt() + EPSILON)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are all 1, by a Newton-Schulz iteration."""
    upright = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if upright else matrix
    x = x / (x.norm() + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if upright else x


def one_cycle(
    module: nn.Module, steps: int, matrices: Iterable[Parameter] = ()
) -> OptimizerLRScheduler:
    """Rates rise to their peaks over the first 15 % of `steps` and fall to 0 along a cosine.

    `matrices` learn by Muon, the other parameters of `module` by AdamW; biases, gains and other
    vectors do not decay.
    """
    by_muon = list(matrices)
    chosen = {id(parameter) for parameter in by_muon}
    others = [p for p in module.parameters() if p.requires_grad and id(p) not in chosen]
    groups = [
        {"params": by_muon, "lr": MUON_PEAK, "weight_decay": WEIGHT_DECAY, "muon": True},
        {"params": [p for p in others if p.ndim > 1], "lr": PEAK, "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in others if p.ndim <= 1], "lr": PEAK},
    ]
    optimiser = MuonAdamW([group for group in groups if group["params"]])

    def share(step: int) -> float:
        done = min((step + 1) / steps, 1.0)
        if done < WARM_UP:
            return done / WARM_UP
        return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
