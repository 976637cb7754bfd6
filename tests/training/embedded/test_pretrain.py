"""Pre-training draws anew in every epoch, and a run that goes on draws what it would have drawn."""

import platform
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning
import pandas as pd
import pytest
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import Sampler

from training.embedded.optimiser import one_cycle
from training.embedded.pretrain import pretrain, restore


class Batches(Sampler[list[int]]):
    """Two batches an epoch, numbered by the epoch."""

    epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[list[int]]:
        yield from ([10 * self.epoch + batch] * 3 for batch in range(2))


class Listener(lightning.LightningModule):
    """Writes down what it is given."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.heard: list[int] = []
        self.steps = steps

    @staticmethod
    def collate(draws: Sequence[int]) -> Tensor:
        return torch.tensor(draws)

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        assert batch.shape == (3,)
        self.heard.append(int(batch[0]))
        return self.layer(batch.float()[:, None]).square().mean()

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.log("tune_uar", 0.5)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        return one_cycle(self, self.steps)


def test_every_epoch_draws_its_own_batches(tmp_path: Path) -> None:
    module = Listener(steps=6)
    pretrain(module, module.collate, Batches(), Batches(), tmp_path, epochs=3)
    assert module.heard == [0, 1, 10, 11, 20, 21]


def test_a_run_goes_on_where_it_stopped_and_needs_no_tuning(tmp_path: Path) -> None:
    first, second = Listener(steps=6), Listener(steps=6)
    pretrain(first, first.collate, Batches(), None, tmp_path, epochs=2)
    pretrain(second, second.collate, Batches(), None, tmp_path, epochs=3)
    assert second.heard == [20, 21]


def test_logs_keep_what_was_told_before_a_stop(tmp_path: Path) -> None:
    for epochs in (2, 4):
        module = Listener(steps=8)
        pretrain(module, module.collate, Batches(), Batches(), tmp_path, epochs)
    files = sorted((tmp_path / "log").glob("*/metrics.csv"))
    told = [pd.read_csv(file).dropna(subset="tune_uar")["epoch"].tolist() for file in files]
    assert told == [[1], [3]]  # every second epoch is watched


def test_what_was_trained_is_given_back(tmp_path: Path) -> None:
    trained, other = Listener(steps=2), Listener(steps=2)
    pretrain(trained, trained.collate, Batches(), None, tmp_path, epochs=1)
    restore(other, tmp_path)
    assert torch.equal(other.layer.weight, trained.layer.weight)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is asked")
def test_memory_of_one_step_serves_the_next(tmp_path: Path) -> None:
    pretrain(Listener(2), Listener.collate, Batches(), None, tmp_path, epochs=1)
    faults = []
    for _ in range(3):
        torch.ones(2**24)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    assert faults[2] - faults[1] < 1000  # 16384 pages, fetched anew
