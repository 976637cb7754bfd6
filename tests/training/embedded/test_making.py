"""What is trained already is not trained again, least of all to measure the bundle."""

import json
from pathlib import Path
from typing import Any

import pytest

from ser.bundle import EMBEDDED, METRICS
from ser.errors import SerError
from tests.conftest import REPOSITORY
from training.embedded import making
from training.embedded.conditions import CONDITIONS
from training.embedded.config import EmbeddedConfig
from training.embedded.plans import Plan
from training.embedded.recipe import Recipe

PLANS = [*(f"fold{number}" for number in range(5)), "ravdess-to-nemo", "nemo-to-ravdess"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedConfig:
    """Settings whose corpora are empty and whose work has not begun."""
    monkeypatch.setattr(Recipe, "clips", [])
    kept = json.loads((EMBEDDED / METRICS).read_text())["kept_out"]
    monkeypatch.setattr(making, "kept_out", lambda *_: kept)
    monkeypatch.setattr(making, "folds", lambda _: [Plan(n, (), ()) for n in PLANS[:5]])
    file = REPOSITORY / "training" / "configs" / "embedded.yaml"
    return EmbeddedConfig.read(file, [f"data={tmp_path}", f"work={tmp_path / 'work'}"])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[EmbeddedConfig]:
    """The settings that a measuring was begun with."""
    begun: list[EmbeddedConfig] = []
    monkeypatch.setattr(making, "measure_bundle", begun.append)
    return begun


def has_answered(config: EmbeddedConfig, name: str) -> None:
    """The plan's answers are there: to clips as they are and, for folds, under all conditions."""
    (config.work / name).mkdir(parents=True)
    for file in ("answers", *(CONDITIONS if name.startswith("fold") else ())):
        (config.work / name / f"{file}.npz").touch()


def test_what_was_never_trained_is_told_instead_of_trained(
    config: EmbeddedConfig, measured: list[EmbeddedConfig]
) -> None:
    with pytest.raises(SerError, match=r"of fold0, fold1, .*: run `python -m training embedded`"):
        making.evaluate_bundle(config)
    for name in PLANS[:-1]:
        has_answered(config, name)
    with pytest.raises(SerError, match="nor weights of nemo-to-ravdess: "):
        making.evaluate_bundle(config)
    has_answered(config, PLANS[-1])
    (config.work / "fold3" / "room.npz").unlink()
    with pytest.raises(SerError, match="nor weights of fold3: "):
        making.evaluate_bundle(config)
    assert not measured


def test_answers_or_weights_of_every_plan_are_enough(
    config: EmbeddedConfig, measured: list[EmbeddedConfig]
) -> None:
    for name in PLANS:
        (config.work / name / "bundle").mkdir(parents=True)
    making.evaluate_bundle(config)
    assert measured == [config]


def test_the_folds_alone_need_no_way_across(
    config: EmbeddedConfig, measured: list[EmbeddedConfig]
) -> None:
    for name in PLANS[:5]:
        (config.work / name / "bundle").mkdir(parents=True)
    folds_only = config.model_copy(update={"measure": "folds"})
    making.evaluate_bundle(folds_only)
    assert measured == [folds_only]


def test_a_bundle_is_not_measured_on_speakers_whom_it_may_have_heard(
    config: EmbeddedConfig, measured: list[EmbeddedConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "kept_out", lambda *_: {"ravdess": ["01"]})
    with pytest.raises(SerError, match=r"holds other recordings than .* was made from: "):
        making.evaluate_bundle(config.model_copy(update={"measure": "shipped"}))
    assert not measured


def test_a_folder_that_is_no_bundle_is_never_replaced(
    config: EmbeddedConfig, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(SerError, match="is no bundle, and would be replaced: give bundle=FOLDER"):
        making.make_bundle(config.model_copy(update={"bundle": tmp_path}))
    assert (tmp_path / "thesis.txt").exists()


def test_without_cross_validation_nothing_below_work_is_needed(
    config: EmbeddedConfig, measured: list[EmbeddedConfig]
) -> None:
    alone = config.model_copy(update={"measure": "shipped"})
    making.evaluate_bundle(alone)
    assert measured == [alone]


def test_a_plan_that_has_answered_trains_no_encoders_again(
    config: EmbeddedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, list[Any]] = {}
    monkeypatch.setattr(making, "run", lambda jobs, what, *_: told.update({what: jobs}))
    monkeypatch.setattr(Recipe, "mels", None)
    for name in ("fold0", "fold4", "ravdess-to-nemo"):
        has_answered(config, name)
    making.train_side_by_side(Recipe(config), [Plan(name, (), ()) for name in PLANS[:5]])
    words, *voices = [job.args[1:] for job in told["encoders"]]
    assert words[1] == "roberta"
    heard = ["fold1", "fold2", "fold3", "fold4", "nemo-to-ravdess"]  # the fourth is shipped
    assert [plan.name for plan, _ in voices] == heard * 2
    assert len(told["fusion"]) == len(PLANS)
