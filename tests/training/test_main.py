"""The command line: how it ends, and in which order it may be written."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.embedded.test_pretrain import Batches, Listener
from training.__main__ import main
from training.config import Config
from training.embedded.pretrain import pretrain


class Interrupted(Listener):
    """Somebody presses Ctrl-C while it trains."""

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        raise KeyboardInterrupt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration."""
    path = tmp_path / "mine.yaml"
    path.write_text("seed: 1", encoding="utf-8")
    return path


@pytest.fixture
def _ctrl_c_afterwards() -> Iterator[None]:
    """Lightning takes Ctrl-C away from the process that it ends."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_afterwards")
@pytest.mark.parametrize("in_training", [True, False])
def test_ctrl_c_is_told_also_where_lightning_trains(
    path: Path,
    in_training: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(config: Config) -> None:
        if in_training:
            pretrain(Interrupted(2), Listener.collate, Batches(), None, path.parent, epochs=1)
        raise KeyboardInterrupt

    monkeypatch.setattr("training.evaluate.run", run)
    assert main(["evaluate", str(path)]) == 130
    assert capsys.readouterr().err.endswith("Stopped; the same command goes on from here.\n")


def test_other_exits_keep_their_status(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluate.run", lambda _: sys.exit(3))
    with pytest.raises(SystemExit) as own:
        main(["evaluate", str(path)])
    with pytest.raises(SystemExit) as wrong_usage:
        main(["evaluate"])
    assert (own.value.code, wrong_usage.value.code) == (3, 2)


@pytest.mark.parametrize("place", range(4))
def test_options_may_stand_anywhere(
    path: Path, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[int, bool]] = []
    monkeypatch.setattr(
        "training.fit.run", lambda config, fast_dev_run: called.append((config.seed, fast_dev_run))
    )
    arguments = ["fit", str(path), "seed=5"]
    arguments.insert(place, "--fast-dev-run")
    assert main(arguments) == 0
    assert called == [(5, True)]
