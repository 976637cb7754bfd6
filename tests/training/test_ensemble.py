"""Averages, votes and the choice of members against numbers worked out here."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from tests.training.told import rows, told, write_rows, write_stage
from training import ensemble
from training.config import Config, Ensemble
from training.ensemble import majority_of
from training.predictions import Predictions
from training.scores import points

SPLITS = ("dev", "test1", "test3")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a fit and four fine-tuned variants, better and better."""
    work = tmp_path_factory.mktemp("work")
    write_rows(work / "manifest.parquet", ("train", *SPLITS))
    write_stage(work / "run" / "fit", 0.4, SPLITS)
    for number in range(4):
        stage = work / "run" / "finetune" / f"v{number}"
        write_stage(stage, 0.5 + 0.1 * number, SPLITS, seed=10 * number)
    return work


@pytest.fixture
def config(made_once: Path, tmp_path: Path) -> Config:
    """A copy of that run, to change."""
    config = Config(data=tmp_path / "data", work=tmp_path / "work", name="run")
    config.data.mkdir()
    shutil.copytree(made_once, config.work)
    return config


def with_members(config: Config, **members: object) -> Config:
    return config.model_copy(update={"ensemble": Ensemble(**members)})  # type: ignore[arg-type]


def made(config: Config, split: str) -> Predictions:
    return Predictions.read(config.run / "ensemble" / "predictions" / f"{split}.parquet")


def of(config: Config, name: str, split: str) -> pd.DataFrame:
    path = config.run / name / "predictions" / f"{split}.parquet"
    return Predictions.read(path).frame.set_index("id")


def write_baseline(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """A CSV in the challenge's column order, rows and columns mixed up."""
    names = [Path(p).name for p in frame["path"]]
    random = np.random.default_rng(7)
    values = random.uniform(1, 7, (len(names), 3))
    table = pd.DataFrame(values, columns=["EmoVal", "EmoDom", "EmoAct"]).assign(FileName=names)
    table.sample(frac=1, random_state=1).to_csv(path, index=False)
    return table


def test_each_attribute_is_the_mean_of_its_own_members(config: Config) -> None:
    ensemble.run(
        with_members(
            config,
            arousal=("fit/ccc", "finetune/v1/ccc"),
            valence=("finetune/v0/ccc",),
            dominance=("fit/ccc",),
            emotions=("fit/macro_f1", "finetune/v2/macro_f1"),
        )
    )
    for split in SPLITS:
        frame = made(config, split).frame.set_index("id")
        fit, first = of(config, "fit/ccc", split), of(config, "finetune/v1/ccc", split)
        mean = (fit["pred_arousal"] + first["pred_arousal"]) / 2
        pd.testing.assert_series_equal(frame["pred_arousal"], mean, check_names=False)
        valence = of(config, "finetune/v0/ccc", split)["pred_valence"]
        pd.testing.assert_series_equal(frame["pred_valence"], valence)
        shares = [of(config, f"{name}/macro_f1", split)["p_sad"] for name in ("fit", "finetune/v2")]
        expected = (shares[0] + shares[1]) / 2
        pd.testing.assert_series_equal(frame["p_sad"], expected, check_names=False)


def test_the_best_are_chosen_on_the_development_set_alone(config: Config) -> None:
    """The variant that is best elsewhere, and the best fit, are not taken for it."""
    for split in ("test1", "test3"):
        perfect = told(rows(split), skill=1.0)
        perfect.write(config.run / "finetune/v0/ccc/predictions" / f"{split}.parquet")
    told(rows("dev"), skill=1.0).write(config.run / "fit/ccc/predictions/dev.parquet")
    chosen = ensemble.choose(with_members(config, valence=("tuned:2", "fit/ccc")))
    assert [m.name for m in chosen["valence"]] == ["finetune/v3/ccc", "finetune/v2/ccc", "fit/ccc"]
    dev = points(Predictions.read(config.run / "finetune/v3/ccc/predictions/dev.parquet"))
    assert chosen["valence"][0].dev == pytest.approx(dev["ccc_valence"])
    assert [m.name for m in chosen["arousal"]] == [m.name for m in chosen["valence"]]


def test_the_best_of_all_may_be_the_model_before_fine_tuning(config: Config) -> None:
    told(rows("dev"), skill=1.0).write(config.run / "fit/ccc/predictions/dev.parquet")
    chosen = ensemble.choose(with_members(config, arousal=("best:2",), valence=("tuned:1",)))
    assert [member.name for member in chosen["arousal"]] == ["fit/ccc", "finetune/v3/ccc"]
    assert [member.name for member in chosen["valence"]] == ["finetune/v3/ccc"]


def test_what_was_chosen_is_told(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ensemble.run(with_members(config, valence=("tuned:1",)))
    stored = json.loads((config.run / "ensemble" / "members.json").read_text())
    assert stored["valence"][0]["member"] == "finetune/v3/ccc"
    assert "valence: mean of finetune/v3/ccc (dev 0." in caplog.text


def test_a_baseline_is_matched_by_file_name_and_column_name(config: Config) -> None:
    everything = pd.concat([rows(split) for split in SPLITS])
    table = write_baseline(config.data / "baseline.csv", everything)
    ensemble.run(with_members(config, arousal=("fit/ccc", "baseline.csv")))
    frame = made(config, "test3").frame
    fit = of(config, "fit/ccc", "test3").loc[frame["id"]]
    acts = table.set_index("FileName")["EmoAct"]
    theirs = acts.loc[[name.removeprefix("msp/") + ".wav" for name in frame["id"]]]
    mean = (fit["pred_arousal"].to_numpy() + theirs.to_numpy()) / 2
    np.testing.assert_allclose(frame["pred_arousal"], mean)
    np.testing.assert_allclose(frame["pred_valence"], fit["pred_valence"])


def test_a_split_that_a_member_lacks_is_left_out(config: Config) -> None:
    write_baseline(config.data / "base_dev.csv", rows("dev"))
    ensemble.run(with_members(config, arousal=("fit/ccc", "base_{split}.csv")))
    written = sorted((config.run / "ensemble" / "predictions").iterdir())
    assert [path.name for path in written] == ["dev.parquet"]


def test_missing_and_unknown_recordings_of_a_baseline_are_named(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    frame = rows("dev")
    strange = frame.iloc[[0]].assign(path="Audios/nobody.wav")
    write_baseline(config.data / "baseline.csv", pd.concat([frame, strange]))
    wanted = with_members(config, arousal=("fit/ccc", "baseline.csv"))
    ensemble.run(wanted)
    assert "1 (nobody)" in caplog.text
    write_baseline(config.data / "baseline.csv", frame.iloc[2:])
    with pytest.raises(SerError, match=r"lacks predictions of split dev: 2 \(MSP-PODCAST_dev_0000"):
        ensemble.run(wanted)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("File,EmoAct\na.wav,1\n", "no column FileName"),
        ("FileName,Act\na.wav,1\n", "none of the columns EmoAct"),
        ("FileName,EmoAct\na.wav,1\na.wav,2\n", r"rows twice: 1 \(a.wav\)"),
        ("FileName,EmoAct\na.wav,high\n", r"no number in EmoAct for 1 \(a.wav\)"),
        ("FileName,EmoClass\na.wav,Q\n", r"unknown classes in EmoClass: \['Q'\]"),
    ],
)
def test_a_broken_baseline_is_told_in_a_sentence(config: Config, text: str, sentence: str) -> None:
    (config.data / "baseline.csv").write_text(text)
    with pytest.raises(SerError, match=sentence):
        ensemble.run(with_members(config, arousal=("fit/ccc", "baseline.csv")))


def test_a_baseline_that_is_not_there_is_found_before_training(config: Config) -> None:
    with pytest.raises(SerError, match=r"base_\{split\}.csv of `ensemble` gives no predictions"):
        ensemble.check_external(with_members(config, arousal=("tuned:3", "base_{split}.csv")))


def test_a_majority_decides_and_the_mean_probability_breaks_ties() -> None:
    shares = np.array(
        [
            [[0.40, 0.35, 0.25], [0.9, 0.1, 0.0]],
            [[0.40, 0.35, 0.25], [0.1, 0.5, 0.4]],
            [[0.00, 0.95, 0.05], [0.1, 0.4, 0.5]],
        ]
    )
    together = majority_of(shares)
    assert together.argmax(axis=1).tolist() == [0, 0]  # two votes; then one each, highest mean
    assert shares.mean(axis=0)[0].argmax() == 1  # which the mean alone would have said
    np.testing.assert_allclose(together.sum(axis=1), 1)


def test_a_model_without_other_joins_one_with_it(config: Config) -> None:
    """Fine-tuning for task 1 answers no recording of that class."""
    for split in SPLITS:
        path = config.run / "finetune/v0/macro_f1/predictions" / f"{split}.parquet"
        frame = Predictions.read(path).frame
        Predictions(frame[frame["emotion"] != "other"].drop(columns="p_other")).write(path)
    ensemble.run(with_members(config, emotions=("fit/macro_f1", "finetune/v0/macro_f1")))
    frame = made(config, "dev").frame
    assert len(frame) == int((rows("dev")["emotion"] != "other").sum())
    fit = of(config, "fit/macro_f1", "dev").loc[frame["id"]]
    np.testing.assert_allclose(frame["p_other"], fit["p_other"] / 2)


def test_members_that_answer_different_recordings_are_refused(config: Config) -> None:
    path = config.run / "finetune/v0/ccc/predictions/dev.parquet"
    Predictions(Predictions.read(path).frame.iloc[1:]).write(path)
    with pytest.raises(SerError, match=r"finetune/v0/ccc lacks 1 \(msp/MSP-PODCAST_dev_0000\)"):
        ensemble.run(with_members(config, arousal=("fit/ccc", "finetune/v0/ccc")))


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ((), "names no checkpoint"),
        (("fit/uar",), "finished are fit/ccc, fit/macro_f1, finetune/v0/ccc"),
        (("tuned:9",), "4 fine-tuned checkpoints by ccc are finished"),
        (("tuned:many",), "write tuned:3, or another number"),
    ],
)
def test_members_that_are_not_there_are_told(
    config: Config, members: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(SerError, match=sentence):
        ensemble.run(with_members(config, valence=members))


def test_an_unfinished_stage_is_no_member(config: Config) -> None:
    (config.run / "finetune/v3/done.json").unlink()
    chosen = ensemble.choose(with_members(config, **dict.fromkeys(ATTRIBUTES, ("tuned:1",))))
    assert chosen["arousal"][0].name == "finetune/v2/ccc"
