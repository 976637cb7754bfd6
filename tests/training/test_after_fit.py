"""Real stages, trained in the small world, through everything that comes after `fit`."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.training.fit_world import train_in_world, world_config, world_frame
from training import ensemble, evaluate, submit
from training.config import Config
from training.manifest import write_manifest
from training.predictions import Predictions
from training.runs import sources
from training.scores import points
from training.tables import grid, table1, table2

OVERRIDES = (
    "fit.epochs=12",
    "ensemble.valence=[fit/ccc,'tuned:1']",
    "ensemble.emotions=[fit/macro_f1,'tuned:1']",
    "submit.split=test",
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Trained, joined, evaluated, submitted, in the order of the commands."""
    config = world_config(tmp_path_factory.mktemp("world"), OVERRIDES)
    write_manifest(world_frame(), config.manifest)
    table2(config, partial(train_in_world, "fit"), partial(train_in_world, "finetune"))
    ensemble.run(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "drawings", lambda predictions, seed: [])  # see test_evaluate
        evaluate.run(config)
    return config


def test_what_was_trained_is_found_measured_and_told(config: Config) -> None:
    names = [source.name for source in sources(config.run)]
    stages = ("fit", "finetune/task1", "finetune/task2")
    assert names == [*(f"{s}/{m}" for s in stages for m in ("ccc", "macro_f1")), "ensemble"]
    written = pd.read_csv(config.run / "table2.csv").set_index("model")
    path = config.run / "finetune/task1/macro_f1/predictions/test.parquet"
    expected = points(Predictions.read(path))["macro_f1"]
    assert written["macro-F1, test"]["task1"] == pytest.approx(expected, abs=1e-6)
    assert expected > 0.8  # the world is easy
    report = (config.run / "report.md").read_text()
    assert "`finetune/task1/macro_f1` | test | " in report
    assert "| world | train | 64 | 8 |" in report


def test_models_with_and_without_other_are_joined_and_submitted(config: Config) -> None:
    """Recordings of "other" have no answer of task 1's model: the ensemble leaves them out."""
    frame = Predictions.read(config.run / "ensemble/predictions/test.parquet").frame
    truth = world_frame().query("split == 'test' and emotion != 'other'")
    assert frame["id"].tolist() == truth["id"].tolist()
    assert points(Predictions(frame))["macro_f1"] > 0.8
    listed = config.work / "names.txt"
    listed.write_text("\n".join(truth["path"]), encoding="utf-8")
    named = config.submit.model_copy(update={"files": listed.absolute()})
    submit.run(config.model_copy(update={"submit": named}))
    table = pd.read_csv(config.run / "submission/task1.csv", dtype=str)
    letters = truth["emotion"].map({"angry": "A", "sad": "S", "happy": "H"})
    assert table["FileName"].tolist() == truth["path"].tolist()
    assert (table["EmoClass"].to_numpy() == letters.to_numpy()).mean() > 0.8


def test_cells_of_the_grid_are_trained_and_lightened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "GRID", ((0.5, 0.5), (0.0, 1.0), (1.0, 0.0)))
    short = ("fit.epochs=2", "fit.samples_per_epoch=32", "fit.batch_size=16")
    config = world_config(tmp_path, short)
    write_manifest(world_frame(), config.manifest)
    table1(config, partial(train_in_world, "fit"))
    cell = config.run / "cells/a0.5_b0.5/fit"
    kept = {path.relative_to(cell).parts[0] for path in cell.rglob("*") if path.is_file()}
    assert kept == {"macro_f1", "ccc", "config.yaml", "data.json", "done.json", "log"}
    inside = [path.name for path in (cell / "ccc").iterdir()]
    assert inside == ["predictions"]
    assert len(pd.read_csv(config.run / "table1.csv")) == 3
