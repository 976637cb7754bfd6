"""What is written for the challenge, and what is refused before anything is written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ser.errors import SerError
from tests.training.told import CLASSES, rows, told, write_rows, write_stage
from training import submit
from training.config import Config, Submit
from training.predictions import Predictions

FOLDER = "submission"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(
        data=tmp_path, work=tmp_path, name="run", submit=Submit(predictions="fit/macro_f1")
    )
    write_rows(config.manifest, ("dev", "test3"))
    write_stage(config.run / "fit", 0.5, ("dev", "test3"))
    return config


def predictions_path(config: Config) -> Path:
    return config.run / "fit/macro_f1/predictions/test3.parquet"


def changed(config: Config, frame: pd.DataFrame) -> None:
    Predictions(frame).write(predictions_path(config))


def test_both_files_have_the_challenges_form(config: Config) -> None:
    frame = Predictions.read(predictions_path(config)).frame
    frame.loc[0, ["pred_arousal", "pred_valence", "pred_dominance"]] = [7.5, 0.2, 3.25]
    frame.loc[0, [f"p_{name}" for name in CLASSES]] = [0, 0, 0, 0.3, 0, 0, 0.1, 0, 0.6]
    changed(config, frame)
    submit.run(config)
    first = pd.read_csv(config.run / FOLDER / "task1.csv")
    second = pd.read_csv(config.run / FOLDER / "task2.csv")
    assert first.columns.tolist() == ["FileName", "EmoClass"]
    assert second.columns.tolist() == ["FileName", "EmoAct", "EmoVal", "EmoDom"]
    assert first["FileName"].tolist() == [f"MSP-PODCAST_test3_{k:04d}.wav" for k in range(120)]
    assert first["EmoClass"][0] == "U"  # surprise: the best but "other"
    assert set(first["EmoClass"]) <= set("ACDFHNSU")
    assert second.iloc[0, 1:].tolist() == [7.0, 1.0, 3.25]
    np.testing.assert_allclose(second["EmoDom"][1:], frame["pred_dominance"][1:], atol=1e-6)


def test_rows_follow_the_challenges_list(config: Config) -> None:
    names = [f"MSP-PODCAST_test3_{k:04d}.wav" for k in reversed(range(120))]
    (config.data / "list.txt").write_text("\n".join(names) + "\n")
    listed = Submit(predictions="fit/ccc", files=Path("list.txt"))
    submit.run(config.model_copy(update={"submit": listed}))
    table = pd.read_csv(config.run / FOLDER / "task2.csv")
    assert table["FileName"].tolist() == names
    own = Predictions.read(config.run / "fit/ccc/predictions/test3.parquet").frame
    np.testing.assert_allclose(table["EmoVal"], own["pred_valence"][::-1], atol=1e-6)


def test_missing_superfluous_and_doubled_files_are_named(config: Config) -> None:
    frame = Predictions.read(predictions_path(config)).frame
    changed(config, pd.concat([frame.iloc[1:], frame.iloc[[5]]], ignore_index=True))
    names = [f"MSP-PODCAST_test3_{k:04d}.wav" for k in range(119)]
    pd.DataFrame({"FileName": names}).to_csv(config.data / "list.csv", index=False)
    listed = config.submit.model_copy(update={"files": Path("list.csv")})
    with pytest.raises(SerError) as fault:
        submit.run(config.model_copy(update={"submit": listed}))
    assert "missing for 1 (MSP-PODCAST_test3_0000)" in str(fault.value)
    assert "not in the list of test files: 1 (MSP-PODCAST_test3_0119)" in str(fault.value)
    assert "twice: 1 (MSP-PODCAST_test3_0005)" in str(fault.value)
    assert not (config.run / FOLDER).exists()


def test_predictions_that_are_no_numbers_are_named(config: Config) -> None:
    frame = Predictions.read(predictions_path(config)).frame
    frame.loc[3, "pred_valence"] = np.nan
    changed(config, frame)
    with pytest.raises(SerError, match=r"not numbers for 1 \(MSP-PODCAST_test3_0003\)"):
        submit.run(config)
    assert not (config.run / FOLDER).exists()


def test_the_ensemble_is_submitted_where_there_is_one(config: Config) -> None:
    nobody_named = config.model_copy(update={"submit": Submit()})
    with pytest.raises(SerError, match=r"submit.predictions=STAGE/MEASURE: .* fit/ccc, fit/macro"):
        submit.run(nobody_named)
    together = told(rows("test3"), skill=0.9, seed=4)
    together.write(config.run / "ensemble/predictions/test3.parquet")
    submit.run(nobody_named)
    table = pd.read_csv(config.run / FOLDER / "task2.csv")
    np.testing.assert_allclose(table["EmoAct"], together.attributes[:, 0].clip(1, 7), atol=1e-6)


def test_predictions_that_are_not_there_are_told(config: Config) -> None:
    other = config.model_copy(update={"submit": Submit(predictions="finetune/x/ccc")})
    with pytest.raises(SerError, match=r"finetune/x/ccc is not there: .* from fit/ccc"):
        submit.run(other)
