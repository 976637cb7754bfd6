"""A killed run ends as an undisturbed one, and two processes end as one: real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ser.bundle import Bundle
from tests.conftest import REPOSITORY
from tests.training.fit_world import train_in_world, world_config
from training.runs import FIT

LIMIT_S = 300.0  # on a busy machine
# Every random part takes part; batches of 16 are dealt out over two processes.
SETTINGS = [
    "fit.epochs=4", "fit.samples_per_epoch=64", "fit.rate=1e-3",
    "fit.manifold_mixup=0.4", "fit.modality_dropout=0.2",
    "fit.class_loss=kl", "fit.annotation_dropout=0.2", "fit.attribute_loss=ccc",
]  # fmt: skip


def start(work: Path, *overrides: str) -> subprocess.Popen[str]:
    """The world's command line, with as many threads as this process has."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.fit_world", FIT, str(work), *SETTINGS, *overrides],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process that nobody stopped."""
    config = world_config(tmp_path_factory.mktemp("undisturbed"), SETTINGS)
    train_in_world(FIT, config)
    return config.run / FIT


def dev_figures(folder: Path) -> dict[str, float]:
    figures: dict[str, float] = json.loads((folder / "metrics.json").read_text())["dev"]
    return figures


def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(
    undisturbed: Path, tmp_path: Path
) -> None:
    config = world_config(tmp_path, SETTINGS)
    last = config.run / FIT / "checkpoints" / "last.ckpt"
    process = start(tmp_path)
    deadline = time.monotonic() + LIMIT_S
    while not last.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    epoch = torch.load(last, weights_only=True)["epoch"]
    assert epoch < config.fit.epochs - 1  # it was killed on its way
    train_in_world(FIT, config)
    for measure in ("macro_f1", "ccc"):
        resumed = Bundle.load(config.run / FIT / measure).model.state_dict()
        expected = Bundle.load(undisturbed / measure).model.state_dict()
        assert all(torch.equal(resumed[name], expected[name]) for name in expected)
        assert dev_figures(config.run / FIT / measure) == dev_figures(undisturbed / measure)


def test_two_processes_end_as_one(undisturbed: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "devices=2")
    told, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, told
    assert "Starting with 2 processes" in told
    for measure in ("macro_f1", "ccc"):
        together = tmp_path / "run" / FIT / measure
        model, expected = Bundle.load(together).model, Bundle.load(undisturbed / measure).model
        for name, tensor in expected.state_dict().items():
            # It shifts all scores of a softmax: its gradient is 0 but for rounding, which AdamW
            # blows up.
            if name.endswith("pooling.score.bias"):
                continue
            torch.testing.assert_close(model.state_dict()[name], tensor, atol=1e-5, rtol=1e-5)
        assert dev_figures(together) == pytest.approx(dev_figures(undisturbed / measure), abs=1e-5)
