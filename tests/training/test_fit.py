"""Stages from features to bundles, in this process; see fit_world for what there is to learn."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ser import Recognizer
from ser.bundle import Bundle
from ser.errors import SerError
from ser.labels import ATTRIBUTES, ENCODERS
from tests.conftest import REPOSITORY
from tests.tiny import save_bundle
from tests.training.fit_world import (
    CLASSES,
    WorldCache,
    train_in_world,
    world_config,
    world_frame,
)
from training.config import Config
from training.fit import run_finetune, train_stages
from training.folds import with_fold
from training.manifest import VOTES
from training.metrics import macro_f1
from training.predictions import Predictions
from training.runs import FINETUNE, FIT

QUICK = ("fit.epochs=1", "fit.samples_per_epoch=16", "fit.warmup_epochs=0")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A finished fit whose encoders are tiny checkpoints in a folder."""
    root = save_bundle(tmp_path_factory.mktemp("encoders"))
    encoders = json.dumps({name: {"checkpoint": f"encoders/{name}"} for name in ENCODERS})
    config = world_config(
        tmp_path_factory.mktemp("work"),
        [f"encoders={encoders}", f"encoder_root={root}", "whisper_context=real_frames"],
    )
    train_in_world(FIT, config)
    return config


def answers_by_hand(bundle: Bundle, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and attributes of the world's rows, one at a time."""
    cache = WorldCache(world_frame())
    probabilities, attributes = [], []
    for row in rows.tolist():
        output = bundle.model({name: cache.padded(name, [row], [0]).to("cpu") for name in ENCODERS})
        scores = output.emotion_logits[0] / bundle.config.temperature
        probabilities.append(scores.softmax(dim=0).numpy())
        attributes.append(output.attributes[0].numpy())
    return np.array(probabilities), np.array(attributes)


def test_a_stage_ends_as_bundles_predictions_and_nothing_more(fitted: Config) -> None:
    folder = fitted.run / FIT
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml", "data.json", "log", "macro_f1", "ccc", "done.json"
    }  # fmt: skip
    assert Config.read(folder / "config.yaml") == fitted
    done = json.loads((folder / "done.json").read_text())
    assert done["best"]["macro_f1"]["dev"]["macro_f1"] > 0.8
    assert done["best"]["ccc"]["dev"]["ccc"] > 0.4
    weights = Bundle.load(folder / "ccc").model.parameters()
    assert done["trainable_parameters"] == sum(tensor.numel() for tensor in weights)
    for measure in ("macro_f1", "ccc"):
        metrics = json.loads((folder / measure / "metrics.json").read_text())
        assert metrics["dev"] == done["best"][measure]["dev"]
        card = (folder / measure / "README.md").read_text()
        assert "| world | train | 64 | 8 |" in card
        assert f"{metrics['dev']['ccc']:.4f}" in card


def test_logs_hold_every_epoch_and_choose_its_best(fitted: Config) -> None:
    log = fitted.run / FIT / "log"
    table = pd.read_csv(log / "csv" / "version_0" / "metrics.csv")
    epochs = table.dropna(subset="macro_f1").set_index("epoch")
    assert list(epochs.index) == [0, 1, 2, 3, 4, 5]
    done = json.loads((fitted.run / FIT / "done.json").read_text())
    for measure in ("macro_f1", "ccc"):
        assert done["best"][measure]["epoch"] == epochs[measure].idxmax() + 1
    assert {"loss", "loss_classes", "loss_attributes", "lr-AdamW", "spread_valence"} <= set(table)
    assert list((log / "tensorboard").glob("events*"))


def test_predictions_are_what_the_bundle_answers(fitted: Config) -> None:
    frame = world_frame()
    for split in ("dev", "test"):
        bundle = Bundle.load(fitted.run / FIT / "ccc")
        told = Predictions.read(bundle.folder / "predictions" / f"{split}.parquet")  # type: ignore[operator]
        rows = np.flatnonzero(frame["split"] == split)
        assert told.frame["id"].tolist() == frame["id"].iloc[rows].tolist()
        assert told.classes == CLASSES
        probabilities, attributes = answers_by_hand(bundle, rows)
        np.testing.assert_allclose(told.probabilities, probabilities, atol=1e-5)
        np.testing.assert_allclose(told.attributes, attributes, atol=1e-5)
    index = np.array([CLASSES.index(name) for name in frame["emotion"]])
    dev = np.flatnonzero(frame["split"] == "dev")
    dev = dev[index[dev] < 3]  # "other" is no answer of the challenge
    guess = answers_by_hand(bundle, dev)[0][:, :3].argmax(axis=1)
    assert bundle.metrics["dev"]["macro_f1"] == pytest.approx(macro_f1(index[dev], guess, 3))


def test_embedding_means_are_those_of_the_clean_training_set(fitted: Config) -> None:
    frame = world_frame()
    bundle, cache = Bundle.load(fitted.run / FIT / "macro_f1"), WorldCache(frame)
    rows = np.flatnonzero(frame["split"] == "train").tolist()
    total = torch.zeros_like(bundle.model.embedding_means)
    for row in rows:
        encoded = {name: cache.padded(name, [row], [0]).to("cpu") for name in ENCODERS}
        total += bundle.model.embed(encoded)[0][0]
    torch.testing.assert_close(bundle.model.embedding_means, total / len(rows))


def test_the_bundle_serves_with_its_own_encoders(fitted: Config) -> None:
    recognizer = Recognizer.from_pretrained(fitted.run / FIT / "macro_f1", transcriber=None)
    example = REPOSITORY / "assets" / "examples" / "plain.flac"
    answer = recognizer.predict(example, transcript="kids are talking by the door")
    assert set(answer.emotions) == set(CLASSES)
    assert sum(answer.emotions.values()) == pytest.approx(1.0)


def test_what_is_done_is_not_run_again(fitted: Config) -> None:
    done = fitted.run / FIT / "done.json"
    before = done.stat().st_mtime_ns
    train_in_world(FIT, fitted)
    assert done.stat().st_mtime_ns == before


def test_other_settings_need_another_name(fitted: Config) -> None:
    changed = fitted.model_copy(update={"fit": fitted.fit.model_copy(update={"rate": 0.5})})
    with pytest.raises(SerError, match=r"begun with other settings \(stage.rate\)"):
        train_in_world(FIT, changed)
    workers = fitted.model_copy(update={"workers": 1, "devices": 1})
    train_in_world(FIT, workers)  # what changes no result may change


def test_fine_tuning_starts_from_a_stage_and_leaves_classes_out(fitted: Config) -> None:
    train_in_world(FINETUNE, fitted)
    bundle = Bundle.load(fitted.run / "finetune/task1/macro_f1")
    assert bundle.model.config.emotions == CLASSES[:3]
    told = Predictions.read(fitted.run / "finetune/task1/macro_f1/predictions/dev.parquet")
    assert told.classes == CLASSES[:3]
    assert set(told.frame["emotion"]) == set(CLASSES[:3])
    np.testing.assert_allclose(told.probabilities.sum(axis=1), 1.0)
    start = Bundle.load(fitted.run / "fit/macro_f1").model
    # Two epochs at a low rate: near the rows of the start, not near random ones.
    kept = [0, 1, 2, 4, 5, 6]
    gap = (bundle.model.output.weight - start.output.weight[kept]).abs().max()
    assert 0 < float(gap) < 1e-3
    # alpha is 0 there, and its CCC is measured all the same; so is macro-F1 where beta is 0.
    assert (fitted.run / "finetune/task1/ccc/config.json").is_file()
    done = json.loads((fitted.run / "finetune/task2/done.json").read_text())
    assert done["best"]["macro_f1"]["dev"]["macro_f1"] > 0.8


def test_a_fast_development_run_writes_nothing(tmp_path: Path) -> None:
    config = world_config(tmp_path)
    train_in_world(FIT, config, fast_dev_run=True)
    assert not config.run.exists()


def test_all_switches_together_train(tmp_path: Path) -> None:
    switches = {
        "epochs": 2, "samples_per_epoch": 32, "accumulate": 2, "clip_norm": 1.0,
        "precision": "bf16-mixed",
        "attribute_loss": "ccc", "class_loss": "kl", "label_smoothing": 0.05,
        "balanced_sampling": True, "annotation_dropout": 0.2, "modality_dropout": 0.3,
        "manifold_mixup": 0.4, "class_factors": {"sad": 1.5},
    }  # fmt: skip
    overrides = [f"fit.{name}={json.dumps(value)}" for name, value in switches.items()]
    config = world_config(tmp_path, [*overrides, "fusion.pooling=average", "workers=1"])
    train_in_world(FIT, config)
    bundle = Bundle.load(config.run / "fit/ccc")
    assert bundle.model.config.pooling == "average"
    assert all(tensor.isfinite().all() for tensor in bundle.model.state_dict().values())


def test_the_test_sets_of_the_challenge_stay_out_of_folds() -> None:
    frame = world_frame()
    frame.loc[:3, "split"] = "test3"
    for fold in range(3):
        split = with_fold(frame, 3, fold)["split"]
        assert (split[:4] == "test3").all()
        assert set(split[4:]) == {"train", "dev", "test"}


def test_folds_answer_every_known_speaker_once_unheard(tmp_path: Path) -> None:
    config = world_config(tmp_path, [*QUICK, "folds={count: 3}"])
    seen: list[pd.DataFrame] = []

    def open_cache(frame: pd.DataFrame) -> WorldCache:
        seen.append(frame)
        return WorldCache(frame)

    frame = world_frame()
    frame.loc[frame["speaker"] == "world/11", "speaker"] = "world/unknown"
    train_stages(config, {FIT: config.fit}, frame, open_cache)
    pooled = Predictions.read(config.run / "fit/macro_f1/predictions/test.parquet").frame
    assert sorted(pooled["id"]) == sorted(frame["id"][frame["speaker"] != "world/unknown"])
    assert not pooled["id"].duplicated().any()
    for fold, split in enumerate(seen):
        of = {name: set(rows["speaker"]) for name, rows in split.groupby("split")}
        assert not of["train"] & of["dev"] | of["train"] & of["test"] | of["dev"] & of["test"]
        assert "world/unknown" in of["train"]
        mine = Predictions.read(config.run / f"fold{fold}/fit/macro_f1/predictions/test.parquet")
        assert set(mine.frame["speaker"]) == of["test"]


def changed(frame: pd.DataFrame, where: pd.Series, **values: Any) -> pd.DataFrame:
    frame = frame.copy()
    for name, value in values.items():
        frame.loc[where, name] = value
    return frame


FRAME = world_frame()
ALL = pd.Series(True, FRAME.index)
NOT_RATED = dict.fromkeys(ATTRIBUTES, np.nan)
NO_VOTES = dict.fromkeys(VOTES.values(), np.nan)


@pytest.mark.parametrize(
    ("frame", "overrides", "sentence"),
    [
        (FRAME[FRAME["split"] != "train"], [], "no labelled recording is left in its split train"),
        (FRAME[FRAME["split"] != "dev"], [], "no labelled recording is left in its split dev"),
        (
            changed(FRAME, FRAME["split"] == "dev", **NOT_RATED),
            [],
            "no recording of its development set has ratings, so ccc cannot be measured",
        ),
        (
            changed(FRAME, FRAME["split"] == "dev", emotion=None),
            [],
            "no recording of its development set has a class, so macro_f1",
        ),
        (
            FRAME[(FRAME["split"] != "train") | (FRAME["emotion"] != "sad")],
            [],
            "its training set has no recording of sad",
        ),
        (changed(FRAME, ALL, **NOT_RATED), [], "nobody rated arousal, valence, dominance"),
        (changed(FRAME, ALL, **NO_VOTES), ["fit.class_loss=kl", "fit.annotation_dropout=0.1"],
         "needs the votes"),
        (FRAME, ["fit.annotation_dropout=0.1"], "set class_loss=kl"),
        (FRAME, ["fit.alpha=0", "fit.beta=0"], "alpha and beta are both 0"),
        (FRAME, ["fit.warmup_epochs=6"], "warmup_epochs must be below epochs"),
        (FRAME, ["fit.class_factors={calm: 2}"], "class_factors names"),
        (FRAME, ["fit.attribute_loss=ccc", "fit.gaussian={sigma: 3}"], "Gaussian"),
        (FRAME, ["fit.precision=16-mixed"], "16-mixed needs a GPU"),
        (FRAME, ["devices=3"], "batch_size must be a multiple of the 3 processes"),
        (FRAME, ["fit.start=elsewhere/fit"], "run the stage that makes it first"),
        (FRAME, ["folds={count: 13}"], "12 known speakers, too few for 13 folds"),
        (FRAME, ["transcriber=../whisper"], "transcriber must be Hub names"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_told_before(
    tmp_path: Path, frame: pd.DataFrame, overrides: list[str], sentence: str
) -> None:
    config = world_config(tmp_path, overrides)
    with pytest.raises(SerError, match=sentence):
        train_stages(config, {FIT: config.fit}, frame.reset_index(drop=True), WorldCache)
    assert not config.run.exists()


def test_a_start_made_for_other_encoders_or_classes_is_refused(
    fitted: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = str(fitted.run / "fit/ccc")
    config = fitted.model_copy(update={"classes": (*CLASSES[:3], "calm"), "name": "other"})
    stage = fitted.finetune["task1"].model_copy(update={"start": start})
    calm = changed(FRAME, FRAME["emotion"] == "other", emotion="calm")
    with pytest.raises(SerError, match="does not know calm"):
        train_stages(config, {"finetune/task1": stage}, calm, WorldCache)
    monkeypatch.setattr(
        "tests.training.fit_world.WIDTHS", {"whisper": 3, "wavlm": 24, "roberta": 32}
    )
    with pytest.raises(SerError, match="the features have"):
        train_stages(fitted, {"finetune/x": stage}, FRAME, WorldCache)


def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nearly:
        free = 1000

    monkeypatch.setattr("training.stage.shutil.disk_usage", lambda _: Nearly())
    with pytest.raises(SerError, match="GB left"):
        train_in_world(FIT, world_config(tmp_path))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: .*run/fit"),
        (torch.OutOfMemoryError("CUDA"), "too little memory for run/fit: .* batch_size=8 and acc"),
    ],
)
def test_faults_on_the_way_are_sentences_and_the_run_goes_on(
    tmp_path: Path, fault: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = world_config(tmp_path, QUICK)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise fault

        patch.setattr("lightning.fabric.plugins.io.torch_io._atomic_save", fail)
        with pytest.raises(SerError, match=sentence):
            train_in_world(FIT, config)
    train_in_world(FIT, config)
    assert (config.run / FIT / "done.json").is_file()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    config = world_config(tmp_path, [*QUICK, "accelerator=gpu"])
    with pytest.raises(SerError, match="accelerator, devices, nodes and precision do not fit"):
        train_in_world(FIT, config)


def test_accumulated_batches_learn_what_one_large_batch_does(tmp_path: Path) -> None:
    """Mean squared errors of halves of a batch average to that of the whole."""
    settings = [*QUICK, "fit.alpha=1", "fit.beta=0"]
    parts = ["fit.batch_size=8", "fit.accumulate=2"]
    weights = []
    for name, more in (("whole", ["fit.batch_size=16"]), ("halves", parts)):
        config = world_config(tmp_path / name, [*settings, *more])
        train_in_world(FIT, config)
        weights.append(Bundle.load(config.run / "fit/ccc").model.state_dict())
    whole, halves = weights
    for name in whole:
        if not name.endswith("pooling.score.bias"):  # its gradient is 0 but for rounding
            torch.testing.assert_close(halves[name], whole[name], atol=1e-6, rtol=1e-5)


def test_fine_tuning_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(SerError, match="no fine-tuning"):
        run_finetune(world_config(tmp_path, ["finetune={}"]))
    with pytest.raises(SerError, match="does not say what it starts from"):
        run_finetune(world_config(tmp_path, ["finetune.task1.start=null"]))
