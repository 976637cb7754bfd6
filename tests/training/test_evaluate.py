"""The report of a run: its figures are those of the predictions, and everything it shows exists."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ser.errors import SerError
from tests.training.told import rows, told, write_rows, write_stage
from training import ensemble, evaluate
from training.config import Config, Ensemble, Folds, Fusion, Stage
from training.figures import MOST_POINTS, scatter
from training.metrics import concordance
from training.predictions import Predictions
from training.trained_with import trained_with


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A run with a fit and an ensemble, evaluated."""
    work = tmp_path_factory.mktemp("work")
    config = Config(work=work, name="run", ensemble=Ensemble(arousal=("fit/ccc", "fit/macro_f1")))
    write_rows(config.manifest, ("train", "dev", "test1", "test3"))
    write_stage(config.run / "fit", 0.6, ("dev", "test3"))
    config.save(config.run / "fit")
    write_stage(config.run / "finetune" / "running", 0.9, ("dev",))
    (config.run / "finetune" / "running" / "done.json").unlink()
    ensemble.run(config)
    evaluate.run(config)
    return config


def test_figures_are_those_of_the_predictions(config: Config) -> None:
    stored = json.loads((config.run / "evaluation" / "metrics.json").read_text())
    assert sorted(stored) == ["ensemble", "fit/ccc", "fit/macro_f1"]  # what is finished
    assert list(stored["fit/ccc"]) == ["dev"]  # what has labels
    frame = Predictions.read(config.run / "fit/ccc/predictions/dev.parquet").frame
    found = stored["fit/ccc"]["dev"]["measures"]["ccc_valence"]
    expected = concordance(frame["valence"].to_numpy(), frame["pred_valence"].to_numpy())
    assert found["value"] == pytest.approx(expected)
    assert found["low"] < found["value"] < found["high"]
    report = (config.run / "report.md").read_text()
    assert f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]" in report


def test_every_figure_the_report_shows_is_there(config: Config) -> None:
    report = (config.run / "report.md").read_text()
    shown = re.findall(r"\]\((evaluation/[^)]+)\)", report)
    assert len(shown) == 3 * 3 * 2  # sources, kinds, forms
    for path in shown:
        file = config.run / path
        assert file.is_file()
        if file.suffix == ".png":
            with Image.open(file) as picture:
                assert min(picture.size) > 300
        else:
            script = re.search(r'src="([^"]+plotly\.min\.js)"', file.read_text())
            assert script is not None
            assert (file.parent / script.group(1)).resolve().is_file()


def test_the_report_says_first_who_is_best_and_what_was_trained_on_what(config: Config) -> None:
    report = (config.run / "report.md").read_text()
    assert report.index("Best macro-F1 on dev") < report.index("## How good it is")
    assert "| msp | train | 120 | 6 |" in report
    assert "50 epochs of 32,000 samples, batch 128, rate 2e-05 to 1e-07" in report
    assert "| msp | train | 120 | 6 | 4.0 min |" in report
    assert "| arousal | `fit/ccc` | - |" in report
    assert "one speaker alone" not in report
    assert not re.search(r"\bnan\b", report)


def test_folds_are_pooled_and_told_one_by_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two corpora in the pool are measured one by one too."""
    config = Config(work=tmp_path, name="run", folds=Folds(count=3))
    everything = told(rows("test", 150), 0.6).frame
    everything.loc[:59, "corpus"] = "ravdess"
    for fold in range(3):
        stage = config.run / f"fold{fold}" / "fit"
        part = Predictions(everything.iloc[fold::3].reset_index(drop=True))
        part.write(stage / "ccc" / "predictions" / "test.parquet")
        (stage / "done.json").write_text("{}")
    Predictions(everything).write(config.run / "fit" / "ccc" / "predictions" / "test.parquet")
    with caplog.at_level(logging.INFO):
        evaluate.run(config)
    stored = json.loads((config.run / "evaluation" / "metrics.json").read_text())
    assert list(stored["fit/ccc"]) == ["test", "test, msp", "test, ravdess"]
    assert stored["fit/ccc"]["test, ravdess"]["recordings"] == 60
    part = everything.iloc[1::3]
    expected = concordance(part["arousal"].to_numpy(), part["pred_arousal"].to_numpy())
    fold = stored["fold1/fit/ccc"]["test"]["measures"]["ccc_arousal"]
    assert fold == {"value": pytest.approx(expected), "low": None, "high": None}
    assert "`fold2/fit/ccc`" in (config.run / "report.md").read_text()


def test_settings_are_those_a_stage_was_trained_with(tmp_path: Path) -> None:
    """Inner runs differ in pooling, a stage in a fold has its settings there, one has none."""
    run = Config(work=tmp_path, name="run")
    for inside, pooling in (("attentive", "attentive_statistics"), ("average", "average")):
        fusion = Fusion.model_validate({"pooling": pooling})
        tuned = {"mse": Stage(start="fit/ccc", epochs=7)}
        inner = Config(work=tmp_path, fit=Stage(epochs=4, rate=3e-4), finetune=tuned, fusion=fusion)
        inner.save(run.run / inside / "fold0/fit")
        inner.save(run.run / inside / "finetune/mse")
    stages = ("attentive/fit", "average/fit", "attentive/finetune/mse", "average/finetune/mse")
    names = [f"{stage}/{measure}" for stage in stages for measure in ("ccc", "macro_f1")]
    page = trained_with(run.run, [*names, "bare/fit/ccc", "ensemble"])
    pooled = "Fusion of `attentive/fit`, `attentive/finetune/mse`: attentive statistics pooling"
    assert pooled in page
    assert "Fusion of `average/fit`, `average/finetune/mse`: average pooling" in page
    assert "- Encoders, frozen: whisper openai/whisper-large-v3" in page  # shared
    assert "- `average/fit`: 4 epochs of 32,000 samples, batch 128, rate 0.0003" in page
    assert page.count(": 7 epochs") == page.count("; start fit/ccc") == 2
    assert "50 epochs" not in page  # of the configuration that `evaluate` has
    assert "for want of a readable config.yaml: `bare/fit`\n" in page


def test_one_speaker_has_no_brackets_and_the_report_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "drawings", lambda predictions, seed: [])
    config = Config(work=tmp_path, name="run")
    for measure in ("ccc", "macro_f1"):
        told(rows("dev", speakers=1), 0.6).write(
            config.run / "fit" / measure / "predictions" / "dev.parquet"
        )
    (config.run / "fit" / "done.json").write_text("{}")
    evaluate.run(config)
    report = (config.run / "report.md").read_text()
    assert report.count("one speaker alone") == 1
    assert not re.search(r"\d \[0", report)


def test_a_scatter_of_many_draws_some_and_says_so() -> None:
    frame = pd.concat([rows("dev", 1000, seed=k) for k in range(4)], ignore_index=True)
    drawing = scatter(told(frame, 0.5), np.arange(4000), seed=0)
    dots = drawing.page.data[1]
    assert len(dots.x) == MOST_POINTS
    assert "3,000 of 4,000" in drawing.page.layout.title.text


def test_a_run_without_predictions_is_told(tmp_path: Path) -> None:
    with pytest.raises(SerError, match="run `fit` first"):
        evaluate.run(Config(work=tmp_path, name="run"))
