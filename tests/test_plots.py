"""Figures hold the prediction's numbers, in fixed places, and can be read in both themes."""

import json
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from ser.audio import Waveform
from ser.labels import EMOTION_COLOURS, ENCODER_COLOURS
from ser.plots import QUIET, attention_figure, attribute_figure, emotion_figure
from ser.plots.lanes import MAX_COLUMNS
from ser.prediction import EncoderAttention, Prediction
from ser.transcript import Transcript, Word
from tests.contrast import contrast
from tests.fake_recognizer import CLASSES, HEARD, fake_prediction


def noise(seconds: float = 3.0, seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds))
    return Waveform(samples.astype(np.float32))


def prediction(attention: dict[str, EncoderAttention], words: tuple[Word, ...]) -> Prediction:
    return Prediction(
        emotions={"angry": 0.125, "sad": 0.5, "happy": 0.375},
        attributes={"arousal": 2.0, "valence": 3.0, "dominance": 5.0},
        attention=attention,
        contributions={},
        contribution_changes={},
        transcript=Transcript(" ".join(word.text for word in words), words, "user"),
        duration_s=3.0,
        speech_s=2.0,
        windows=(),
        bundle="b",
    )


def lane(figure: go.Figure, encoder: str) -> go.Scatter | go.Bar:
    axis = {"waveform": "y", "words": "y2", "whisper": "y3", "wavlm": "y4", "roberta": "y5"}
    return next(trace for trace in figure.data if trace.yaxis == axis[encoder])


def test_classes_stand_in_the_bundles_order_whatever_their_probabilities() -> None:
    for seed in range(3):
        figure = emotion_figure(fake_prediction(HEARD, noise(seed=seed)))
        assert tuple(figure.data[0].y) == CLASSES
        # plotly draws a category axis upwards, so the first class must come last to be on top
        assert figure.layout.yaxis.categoryarray == CLASSES[::-1]
        assert figure.layout.xaxis.range == (0, 1.16)


def test_probabilities_are_exact_and_written_with_one_decimal() -> None:
    bars = emotion_figure(prediction({}, ())).data[0]
    assert list(bars.x) == [0.125, 0.5, 0.375]
    assert list(bars.text) == ["12.5%", "50.0%", "37.5%"]
    assert list(bars.marker.color) == [EMOTION_COLOURS[name] for name in ("angry", "sad", "happy")]


def test_the_likeliest_class_is_not_told_by_colour_alone() -> None:
    axis = emotion_figure(prediction({}, ())).layout.yaxis
    assert dict(zip(axis.tickvals, axis.ticktext, strict=True)) == {
        "angry": "Angry",
        "sad": "<b>Sad</b>",
        "happy": "Happy",
    }


def test_the_point_lies_at_valence_arousal_dominance_in_a_cube_of_1_to_7() -> None:
    figure = attribute_figure(prediction({}, ()))
    point = figure.data[-1]
    assert (point.x[0], point.y[0], point.z[0]) == (3.0, 2.0, 5.0)
    shadows = figure.data[1]
    for foot in zip(shadows.x, shadows.y, shadows.z, strict=True):
        shared = [own == its for own, its in zip((3.0, 2.0, 5.0), foot, strict=True)]
        assert shared.count(True) == 2, "a shadow lies beside the point along one axis"
    scene = figure.layout.scene
    for axis, name in ((scene.xaxis, "Valence"), (scene.yaxis, "Arousal"), (scene.zaxis, "Dom")):
        assert axis.title.text.startswith(name)
        assert axis.range == (1.0, 7.0)


def test_the_viewers_camera_is_kept_between_results() -> None:
    revisions = {
        attribute_figure(fake_prediction(HEARD, noise(seed=seed))).layout.uirevision
        for seed in range(3)
    }
    assert len(revisions) == 1
    assert revisions != {None}


def test_all_lanes_share_one_time_axis_of_the_recordings_length() -> None:
    figure = attention_figure(fake_prediction(HEARD, noise()), noise())
    assert {trace.xaxis for trace in figure.data} == {None}
    assert figure.layout.xaxis.range == pytest.approx((0, 3.0), abs=0.05)
    assert len(figure.data) == 5
    domains = [figure.layout[f"yaxis{number}"].domain for number in ("", 2, 3, 4, 5)]
    for upper, lower in pairwise(domains):
        assert lower[1] < upper[0], "lanes overlap"


def test_the_envelope_reaches_every_peak() -> None:
    samples = np.zeros(48_000, np.float32)
    samples[12_345], samples[40_001] = 0.9, -0.7
    outline = attention_figure(prediction({}, ()), Waveform(samples)).data[0]
    assert (max(outline.y), min(outline.y)) == (0.9, -0.7)
    assert outline.x[outline.y.index(0.9)] == pytest.approx(12_345 / 16_000, abs=3 / MAX_COLUMNS)


def test_words_lie_where_they_were_said() -> None:
    words = (Word("<b>dogs</b>", 0.5, 0.9), Word("bark", 1.0, 1.75))
    boxes = lane(attention_figure(prediction({}, words), noise()), "words")
    assert list(boxes.base) == [0.5, 1.0]
    assert list(boxes.x) == pytest.approx([0.4, 0.75])
    assert boxes.text == ("&lt;b&gt;dogs&lt;/b&gt;", "bark"), "markup must show as written"


def test_frame_attention_is_drawn_as_it_is_and_breaks_in_a_pause() -> None:
    times = (0.01, 0.03, 0.05, 2.01, 2.03, 2.05)
    weights = (0.1, 0.2, 0.3, 0.1, 0.1, 0.2)
    drawn = lane(
        attention_figure(prediction({"wavlm": EncoderAttention(times, weights)}, ()), noise()),
        "wavlm",
    )
    assert drawn.x == (0.01, 0.03, 0.05, None, 2.01, 2.03, 2.05)
    assert drawn.y == (0.1, 0.2, 0.3, None, 0.1, 0.1, 0.2)
    assert drawn.line.color == ENCODER_COLOURS["wavlm"]


def test_half_an_hour_stays_small_and_keeps_all_attention() -> None:
    frames = 90_000
    weights = np.random.default_rng(1).dirichlet(np.ones(frames))
    times = np.arange(frames) * 0.02 + 0.01
    words = tuple(Word("word", 0.4 * i, 0.4 * i + 0.3) for i in range(4500))
    long = prediction(
        {
            "whisper": EncoderAttention(tuple(times), tuple(weights)),
            "roberta": EncoderAttention(
                tuple(word.start_s + 0.15 for word in words), (1 / 4500,) * 4500, ("word",) * 4500
            ),
        },
        words,
    )
    figure = attention_figure(long, Waveform(np.ones(16_000 * 1800, np.float32)))
    drawn = lane(figure, "whisper")
    assert len(drawn.y) <= MAX_COLUMNS
    assert sum(drawn.y) == pytest.approx(1.0)
    assert len(figure.to_json()) < 1_000_000


def test_tokens_share_the_stretch_of_their_word() -> None:
    words = (Word("surprising", 1.0, 2.0), Word("dogs", 2.0, 2.5))
    view = EncoderAttention(
        times_s=(1.0, 1.5, 1.5, 2.25, 2.5),
        weights=(0.1, 0.2, 0.3, 0.3, 0.1),
        tokens=("<s>", "surpr", "ising", "dogs", "</s>"),
    )
    bars = lane(attention_figure(prediction({"roberta": view}, words), noise()), "roberta")
    begins = [x - width / 2 for x, width in zip(bars.x, bars.width, strict=True)]
    assert begins[1:4] == pytest.approx([1.0, 1.5, 2.0])
    assert list(bars.width[1:4]) == pytest.approx([0.5, 0.5, 0.5])
    assert begins[0] + bars.width[0] == pytest.approx(1.0), "<s> stands before the first word"
    assert begins[4] == pytest.approx(2.5), "</s> stands after the last word"
    assert tuple(bars.y) == view.weights
    assert list(bars.customdata) == ["start of text", "surpr", "ising", "dogs", "end of text"]


def test_a_band_marks_each_peak_in_its_lane() -> None:
    view = EncoderAttention((0.51, 0.53, 0.55, 0.57), (0.1, 0.4, 0.3, 0.2))
    shapes = attention_figure(prediction({"wavlm": view}, ()), noise()).layout.shapes
    assert [(shape.yref, shape.x0, shape.x1) for shape in shapes] == [
        ("y4 domain", pytest.approx(0.52), pytest.approx(0.58))
    ]


def test_an_encoder_without_attention_is_named_as_left_out() -> None:
    answer = fake_prediction("", noise())
    figure = attention_figure(answer, noise())
    titles = [note.text for note in figure.layout.annotations]
    assert [("left out" in title) for title in titles] == [False, False, True]
    assert "RoBERTa was left out" in figure.layout.meta["description"]


@pytest.mark.parametrize("seconds", [0.3, 3.0])
def test_figures_are_json_with_a_description_in_words(seconds: float) -> None:
    answer = fake_prediction(HEARD, noise(seconds))
    for figure in (
        emotion_figure(answer),
        attribute_figure(answer),
        attention_figure(answer, noise(seconds)),
    ):
        made = json.loads(figure.to_json())
        assert len(made["layout"]["meta"]["description"]) > 30
        assert "layout" not in made["layout"]["template"], "colours of the page belong to the page"


def test_neutral_marks_can_be_seen_on_light_and_dark() -> None:
    assert contrast(QUIET, "#ffffff") >= 3
    assert contrast(QUIET, "#171c24") >= 3
