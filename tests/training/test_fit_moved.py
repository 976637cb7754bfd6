"""A stage that was stopped, and whose folder has another name when it goes on."""

import json
from pathlib import Path

import pytest

from tests.training.fit_world import train_in_world, world_config
from training.config import Config
from training.module import FusionTraining
from training.runs import FIT

SETTINGS = ("fit.epochs=3", "fit.samples_per_epoch=16", "fit.warmup_epochs=0")
FIGURES = (
    {"macro_f1": 0.9, "ccc": 0.1},
    {"macro_f1": 0.2, "ccc": 0.3},
    {"macro_f1": 0.3, "ccc": 0},
)


def stop_in_the_second_epoch(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until then."""
    whole = FusionTraining.training_step

    def step(module: FusionTraining, batch: object, batch_idx: int) -> object:
        if module.current_epoch == 1:
            raise RuntimeError("stopped")
        return whole(module, batch, batch_idx)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(FusionTraining, "training_step", step)
        with pytest.raises(RuntimeError, match="stopped"):
            train_in_world(FIT, config)


def test_the_best_epoch_is_still_known_where_the_folder_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter(FIGURES)
    monkeypatch.setattr("training.module.measured", lambda *_: dict(next(figures)))
    stop_in_the_second_epoch(world_config(tmp_path / "before", SETTINGS), monkeypatch)
    (tmp_path / "before").rename(tmp_path / "after")
    moved = world_config(tmp_path / "after", SETTINGS)
    train_in_world(FIT, moved)
    best = json.loads((moved.run / FIT / "done.json").read_text())["best"]
    assert {measure: told["epoch"] for measure, told in best.items()} == {"macro_f1": 1, "ccc": 2}
    assert not (tmp_path / "before").exists()
