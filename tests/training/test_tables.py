"""The tables: what is trained, what is chosen, and that they start again where they stopped."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from ser.errors import SerError
from tests.training.told import rows, told, write_rows, write_stage
from training.config import Config, Ensemble, Stage
from training.metrics import concordance
from training.predictions import Predictions
from training.scores import points
from training.tables import table1, table2, table3
from training.tables.grid import GRID


class FakeFit:
    """Leaves what `fit` leaves, for cells whose skill is best near alpha 0.75, beta 0.25."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.trained: list[tuple[float, float]] = []
        self.stop_after = stop_after

    def __call__(self, config: Config) -> None:
        if len(self.trained) == self.stop_after:
            raise KeyboardInterrupt
        alpha, beta = config.fit.alpha, config.fit.beta
        self.trained.append((alpha, beta))
        skill = 0.9 - 0.5 * abs(alpha - 0.75) - 0.3 * abs(beta - 0.25)
        stage = config.run / "fit"
        for measure in ("macro_f1", "ccc"):
            (stage / measure / "encoders").mkdir(parents=True)
            (stage / measure / "model.safetensors").write_bytes(b"0" * 1000)
            (stage / measure / "encoders" / "weights").write_bytes(b"0" * 1000)
        config.save(stage)
        write_stage(stage, skill, ("dev", "test"))


@pytest.fixture
def grid(tmp_path: Path) -> Config:
    config = Config(work=tmp_path, name="grid")
    write_rows(config.manifest, ("train", "dev", "test"))
    return config


@dataclass(frozen=True)
class Trained:
    """A grid that was stopped in its sixth cell and started again."""

    config: Config
    before: FakeFit
    after: FakeFit
    printed: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    config = Config(work=tmp_path_factory.mktemp("grid"), name="grid")
    write_rows(config.manifest, ("train", "dev", "test"))
    before, after, printed = FakeFit(stop_after=5), FakeFit(), io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        table1(config, before)
    with contextlib.redirect_stdout(printed):
        table1(config, after)
    return Trained(config, before, after, printed.getvalue())


def test_the_grid_starts_again_where_it_stopped(trained: Trained) -> None:
    assert trained.before.trained + trained.after.trained == list(GRID)
    assert len(GRID) == 24
    assert (0.0, 0.0) not in GRID


def test_finished_cells_keep_predictions_but_no_weights(trained: Trained) -> None:
    names = {path.name for path in trained.config.run.rglob("*") if path.is_file()}
    assert {"dev.parquet", "test.parquet", "config.yaml", "done.json"} <= names
    assert names.isdisjoint({"model.safetensors", "weights"})


def test_a_finished_grid_prints_the_same_table_and_trains_nothing(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = FakeFit(stop_after=0)
    table1(trained.config, nothing)
    assert capsys.readouterr().out == trained.printed


def test_table_one_shows_three_joint_and_two_single_rows(trained: Trained) -> None:
    run = trained.config.run
    written = pd.read_csv(run / "table1.csv", dtype={"alpha": str, "beta": str})
    assert written["tasks"].tolist() == ["both", "both", "both", "classes", "attributes"]
    cells = pd.read_csv(run / "grid.csv", dtype={"alpha": str, "beta": str})
    assert len(cells) == 24
    sums = {}
    for _, row in cells[cells["tasks"] == "both"].iterrows():
        fit = run / "cells" / f"a{row['alpha']}_b{row['beta']}" / "fit"
        dev = points(Predictions.read(fit / row["checkpoint"] / "predictions/dev.parquet"))
        sums[row["alpha"], row["beta"]] = dev["macro_f1"] + dev["ccc"]
    best = sorted(sums, key=lambda cell: -sums[cell])[:3]
    assert list(zip(written["alpha"], written["beta"], strict=True))[:3] == best
    single = run / "cells" / f"a{written['alpha'][4]}_b0" / "fit/ccc/predictions/test.parquet"
    frame = Predictions.read(single).frame
    ccc = concordance(frame["dominance"].to_numpy(), frame["pred_dominance"].to_numpy())
    assert written["CCC dominance, test"][4] == pytest.approx(ccc, abs=1e-6)
    assert written["macro-F1, test"].isna().tolist() == [False] * 4 + [True]
    assert written["mean CCC, test"].isna().tolist() == [False] * 3 + [True, False]
    assert (run / "table1.md").read_text() in trained.printed
    assert f"{ccc:.3f} [" in trained.printed


def test_a_grid_of_other_settings_is_refused_before_training(grid: Config) -> None:
    with pytest.raises(KeyboardInterrupt):
        table1(grid, FakeFit(stop_after=1))
    longer = grid.model_copy(update={"fit": Stage(epochs=60)})
    with pytest.raises(SerError, match=r"grid/cells/a0_b0.25 was trained with other settings"):
        table1(longer, FakeFit())


def test_a_split_without_labels_is_told_before_training(grid: Config) -> None:
    write_rows(grid.manifest, ("train", "dev", "test3"))
    with pytest.raises(SerError, match="No recording of the split test has a class"):
        table1(grid, FakeFit())


def stages(skills: dict[str, float]) -> tuple[Callable[[Config], None], Callable[[Config], None]]:
    """Commands that write fit and every variant with these skills."""

    def fit(config: Config) -> None:
        write_stage(config.run / "fit", skills["fit"], ("dev", "test1", "test3"))

    def finetune(config: Config) -> None:
        for number, name in enumerate(config.finetune):
            stage = config.run / "finetune" / name
            write_stage(stage, skills[name], ("dev", "test1", "test3"), seed=10 * number)

    return fit, finetune


def test_table_two_compares_the_start_with_each_variant(tmp_path: Path) -> None:
    start = Stage(start="fit/macro_f1")
    config = Config(work=tmp_path, name="run", finetune={"low": start, "high": start})
    write_rows(config.manifest, ("train", "dev", "test1", "test3"))
    table2(config, *stages({"fit": 0.5, "low": 0.3, "high": 0.8}))
    written = pd.read_csv(config.run / "table2.csv")
    assert written["model"].tolist() == ["multi-task start", "low", "high"]
    path = config.run / "finetune/low/macro_f1/predictions/test1.parquet"
    expected = points(Predictions.read(path))["macro_f1"]
    assert written["macro-F1, test1"][1] == pytest.approx(expected, abs=1e-6)
    assert "finetune/high/macro_f1" in (config.run / "table2.md").read_text()


def test_table_three_measures_members_baseline_and_ensemble(tmp_path: Path) -> None:
    variants = {"sigma3": Stage(start="fit/ccc"), "none": Stage(start="fit/ccc")}
    both = ("tuned:3", "baseline.csv")
    config = Config(
        data=tmp_path,
        work=tmp_path,
        name="task2",
        finetune=variants,
        ensemble=Ensemble(arousal=both, dominance=both, valence=("tuned:3", "attentive/fit/ccc")),
    )
    write_rows(config.manifest, ("train", "dev", "test1", "test3"))
    baseline = told(rows("test1"), skill=0.3, seed=9)
    names = [f"{name.removeprefix('msp/')}.wav" for name in baseline.frame["id"]]
    table = pd.DataFrame(baseline.attributes, columns=["EmoAct", "EmoVal", "EmoDom"])
    table.assign(FileName=names).to_csv(tmp_path / "baseline.csv", index=False)
    table3(config, *stages({"fit": 0.4, "sigma3": 0.6, "none": 0.7}))
    written = pd.read_csv(config.run / "table3.csv").set_index("model")
    assert list(written.index) == [
        "attentive/fit/ccc", "attentive/finetune/none/ccc", "attentive/finetune/sigma3/ccc",
        "average/fit/ccc", "average/finetune/none/ccc", "average/finetune/sigma3/ccc",
        "baseline.csv", "ensemble",
    ]  # fmt: skip
    assert written["in the ensemble for"]["attentive/fit/ccc"] == "valence"
    theirs = points(baseline)
    assert written["mean CCC, test1"]["baseline.csv"] == pytest.approx(theirs["ccc"], abs=1e-6)
    together = points(Predictions.read(config.run / "ensemble/predictions/test1.parquet"))
    found = written["CCC arousal, test1"]["ensemble"]
    assert found == pytest.approx(together["ccc_arousal"], abs=1e-6)


def test_a_missing_baseline_is_told_before_training(tmp_path: Path) -> None:
    config = Config(
        data=tmp_path,
        work=tmp_path,
        finetune={"none": Stage(start="fit/ccc")},
        ensemble=Ensemble(arousal=("tuned:1", "baseline_{split}.csv")),
    )
    write_rows(config.manifest, ("train", "dev"))

    def never(config: Config) -> None:
        raise AssertionError("trained before the check")

    with pytest.raises(SerError, match="gives no predictions for dev"):
        table3(config, never, never)


def test_fine_tuning_without_a_start_is_told_before_training(tmp_path: Path) -> None:
    config = Config(work=tmp_path, finetune={"low": Stage()})
    with pytest.raises(SerError, match=r"finetune.low.start is missing"):
        table2(config)
