"""The learning rate against closed formulas and torch's own schedules."""

import math

import pytest
import torch

from training.config import Stage
from training.schedule import Schedule


def test_the_papers_schedule() -> None:
    schedule = Schedule.of(Stage())  # 50 epochs of 250 steps, three of them warm-up
    assert schedule.steps == 12_500
    assert schedule.warmup_steps == 750
    assert schedule.at(0) == pytest.approx(2e-5 / 750)
    assert schedule.at(374) == pytest.approx(1e-5)
    assert schedule.at(749) == schedule.at(750) == pytest.approx(2e-5)
    assert schedule.at(12_499) == pytest.approx(1e-7)
    assert schedule.at(12_500) == pytest.approx(1e-7)  # the scheduler moves once more at the end
    for step in range(750, 12_500, 97):
        share = (step - 750) / (12_499 - 750)
        expected = 1e-7 + (2e-5 - 1e-7) * (1 + math.cos(math.pi * share)) / 2
        assert schedule.at(step) == pytest.approx(expected)


def test_without_warm_up_it_is_torchs_cosine() -> None:
    schedule = Schedule.of(
        Stage(epochs=3, samples_per_epoch=40, batch_size=4, warmup_epochs=0, rate=5e-6)
    )
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=5e-6)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=schedule.steps - 1, eta_min=1e-7
    )
    for step in range(schedule.steps):
        assert schedule.at(step) == pytest.approx(cosine.get_last_lr()[0])
        optimizer.step()
        cosine.step()


def test_accumulated_batches_are_one_step() -> None:
    stage = Stage(epochs=2, samples_per_epoch=50, batch_size=8, accumulate=3, warmup_epochs=1)
    schedule = Schedule.of(stage)  # seven batches: steps of 3, 3 and 1
    assert (schedule.warmup_steps, schedule.steps) == (3, 6)
