"""Figures with intervals against other libraries and against drawing one set after another."""

import json

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from ser.labels import ATTRIBUTES
from tests.training.told import CLASSES, rows, told
from training.bootstrap import groups_of, resamples
from training.metrics import concordance, expected_calibration_error
from training.predictions import Predictions
from training.scores import Measure, class_view, points, score

EIGHT = [name for name in CLASSES if name != "other"]


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return told(rows("dev", 400, speakers=12), skill=0.6)


def test_classes_are_scored_over_the_challenges_eight(predictions: Predictions) -> None:
    frame = predictions.frame[predictions.frame["emotion"] != "other"]
    truth = torch.tensor([EIGHT.index(e) for e in frame["emotion"]])
    guess = torch.from_numpy(frame[[f"p_{name}" for name in EIGHT]].to_numpy().argmax(axis=1))
    figures = points(predictions)
    f1 = MulticlassF1Score(num_classes=8, average="none")(guess, truth)
    assert figures["macro_f1"] == pytest.approx(float(f1.mean()))
    assert [figures[f"f1_{name}"] for name in EIGHT] == pytest.approx(f1.tolist())
    recall = MulticlassAccuracy(num_classes=8, average="macro")(guess, truth)
    assert figures["uar"] == pytest.approx(float(recall))
    assert figures["accuracy"] == pytest.approx(float((guess == truth).float().mean()))


def test_attributes_are_scored_where_all_are_rated(predictions: Predictions) -> None:
    frame = predictions.frame.copy()
    frame.loc[:99, "valence"] = np.nan
    figures = points(Predictions(frame))
    kept = frame.iloc[100:]
    each = [
        concordance(kept[name].to_numpy(), kept[f"pred_{name}"].to_numpy()) for name in ATTRIBUTES
    ]
    assert [figures[f"ccc_{name}"] for name in ATTRIBUTES] == pytest.approx(each)
    assert figures["ccc"] == pytest.approx(np.mean(each))


def test_intervals_are_those_of_drawing_speaker_by_speaker(predictions: Predictions) -> None:
    """The quick sums give, draw for draw, what measuring each drawn set anew gives."""
    frame = predictions.frame[predictions.frame["emotion"] != "other"].reset_index(drop=True)
    kept = Predictions(frame)
    groups = groups_of(frame["speaker"].tolist())
    drawn: dict[str, list[float]] = {"accuracy": [], "ece": [], "ccc_arousal": []}
    for times in np.concatenate(list(resamples(groups.max() + 1, draws=60, seed=5))):
        taken = np.repeat(np.arange(len(frame)), times[groups])
        view = class_view(Predictions(frame.iloc[taken]))
        drawn["accuracy"].append(float(np.mean(view.truth == view.guess)))
        drawn["ece"].append(expected_calibration_error(view.probabilities, view.truth))
        aim, guess = (frame[name].to_numpy()[taken] for name in ("arousal", "pred_arousal"))
        drawn["ccc_arousal"].append(concordance(aim, guess))
    measures = score(kept, draws=60, seed=5).measures
    for name in ("accuracy", "ccc_arousal"):
        ends = np.percentile(drawn[name], [2.5, 97.5])
        assert (measures[name].low, measures[name].high) == pytest.approx(ends)
    # equal confidences may fall into either of two bins
    assert measures["ece"].high == pytest.approx(np.percentile(drawn["ece"], 97.5), abs=0.02)


def test_every_speaker_is_drawn_as_often_as_the_others() -> None:
    times = np.concatenate(list(resamples(7, draws=4000, seed=1)))
    assert (times.sum(axis=1) == 7).all()
    assert times.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)


def test_recordings_of_unknown_speakers_are_drawn_alone() -> None:
    assert len(set(groups_of(["msp/unknown", "msp/7", "msp/unknown", "msp/7", "msp/8"]))) == 4
    single = told(rows("dev", 300, speakers=2), skill=0.6)
    alone = Predictions(single.frame.assign(speaker="msp/unknown"))
    wide, narrow = score(single).measures["accuracy"], score(alone).measures["accuracy"]
    expected = 1.96 * np.sqrt(narrow.value * (1 - narrow.value) / score(alone).classified)
    assert (narrow.high - narrow.low) / 2 == pytest.approx(expected, rel=0.15)
    assert wide.value == narrow.value


def test_what_has_no_labels_has_no_figures() -> None:
    unlabelled = score(told(rows("test3"), skill=0.5))
    assert unlabelled.measures == {}
    assert unlabelled.ece_floor is None
    no_ratings = rows("dev").assign(**dict.fromkeys(ATTRIBUTES, np.nan))
    assert set(points(told(no_ratings, 0.5))).isdisjoint({"ccc", "ccc_arousal"})


def test_a_class_that_never_occurs_is_null_in_json_and_a_dash_in_tables() -> None:
    frame = rows("dev").assign(emotion="sad")
    told_sad = told(frame, skill=1.0)
    scores = score(told_sad, draws=20)
    assert scores.measures["macro_f1"].value == 1
    assert str(scores.measures["f1_fear"]) == "-"
    stored = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert stored["measures"]["f1_fear"]["value"] is None


def test_a_measure_reads_with_three_decimals() -> None:
    assert str(Measure(0.51249, 0.4, 0.6)) == "0.512 [0.400, 0.600]"


def test_one_speaker_has_figures_without_intervals() -> None:
    measures = score(told(rows("dev", speakers=1), 0.6)).measures
    for name in ("accuracy", "ece", "ccc"):
        assert np.isnan([measures[name].low, measures[name].high]).all()
        assert str(measures[name]) == f"{measures[name].value:.3f}"


def test_a_model_that_knows_no_other_is_scored_like_one_that_does() -> None:
    predictions = told(rows("dev"), 0.7)
    shares = predictions.frame[[f"p_{name}" for name in EIGHT]]
    eight = predictions.frame.drop(columns="p_other")
    eight[shares.columns] = shares.div(shares.sum(axis=1), axis=0)
    assert points(Predictions(eight)) == pytest.approx(points(predictions))
