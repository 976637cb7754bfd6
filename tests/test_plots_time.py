"""Figures over time, in the cube and of self-attention hold the numbers they are given."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.labels import ATTRIBUTE_COLOURS, ATTRIBUTES, EMOTION_COLOURS
from ser.plots import (
    Take,
    attribute_curves_figure,
    attribute_figure,
    envelope,
    path_figure,
    projections_figure,
    ribbon_figure,
    self_attention_figure,
    takes_figure,
    timeline_figure,
)
from ser.plots.self_attention import MAX_CELLS
from ser.plots.timeline import runs
from ser.prediction import Prediction, WindowPrediction
from ser.regions import Region, measure_regions
from ser.self_attention import SelfAttention
from tests.contrast import contrast
from tests.fake_recognizer import HEARD, fake_prediction

NOISE = Waveform(np.random.default_rng(0).normal(0, 0.1, 10 * SAMPLE_RATE_HZ).astype(np.float32))


def window(start_s: float, end_s: float, angry: float, arousal: float) -> WindowPrediction:
    emotions = {"angry": angry, "sad": 1 - angry}
    attributes = {"arousal": arousal, "valence": 8 - arousal, "dominance": 4.0}
    return WindowPrediction(start_s, end_s, 1.0, emotions, attributes, {}, {})


@pytest.fixture
def prediction() -> Prediction:
    """Two windows that overlap from 2 to 3 s, a pause from 5 to 7 s, and a third one."""
    windows = (window(1, 3, 0.9, 6.0), window(2, 5, 0.6, 5.0), window(7, 9, 0.2, 2.0))
    whole = fake_prediction(HEARD, NOISE)
    return replace(
        whole, windows=windows, emotions={"angry": 0.6, "sad": 0.4},
        attributes={"arousal": 4.5, "valence": 3.5, "dominance": 4.0},
    )  # fmt: skip


@pytest.fixture
def regions() -> tuple[Region, ...]:
    spread = np.diag([0.25, 1.0, 0.04])
    return (
        Region("angry", (6.0, 2.0, 5.0), tuple(map(tuple, spread.tolist())), 40),
        Region("sad", (2.0, 3.0, 3.0), tuple(map(tuple, spread.tolist())), 30),
    )


class TestOverTime:
    def test_the_ribbon_is_the_distribution_of_each_window_and_nothing_in_a_pause(
        self, prediction: Prediction
    ) -> None:
        angry, sad = ribbon_figure(prediction).data[:2]
        assert angry.x == (1, 2.5, 5, 7, 9)
        assert angry.y == (0.9, 0.6, 0, 0.2, 0)
        assert [a + s for a, s in zip(angry.y, sad.y, strict=True)] == [1, 1, 0, 1, 0]
        assert angry.line.shape == "hv"
        assert angry.stackgroup == sad.stackgroup
        assert angry.name == "Angry"

    def test_the_pointer_finds_each_window_with_its_own_times(self, prediction: Prediction) -> None:
        bars = next(t for t in ribbon_figure(prediction).data if t.meta == "windows")
        assert [entry[:2] for entry in bars.customdata] == [[1, 3], [2, 5], [7, 9]]
        assert bars.customdata[0][2].startswith("Angry 90%")
        assert list(bars.width) == [1.5, 2.5, 2.0]

    def test_successive_windows_of_one_emotion_are_one_run(self, prediction: Prediction) -> None:
        assert runs(prediction) == [("angry", 1, 5), ("sad", 7, 9)]
        names = ribbon_figure(prediction).data[-1]
        assert names.text == ("<b>Angry</b>", "<b>Sad</b>")

    def test_curves_pass_through_each_window_and_break_in_pauses(
        self, prediction: Prediction
    ) -> None:
        curves = attribute_curves_figure(prediction).data
        assert [curve.name.split()[0].lower() for curve in curves] == list(ATTRIBUTES)
        assert curves[0].x == (1, 1.75, 3.75, 5, None, 7, 8, 9)
        assert curves[0].y == (6, 6, 5, 5, None, 2, 2, 2)
        assert len({curve.line.dash for curve in curves}) == 3, "not told by colour alone"

    def test_the_timeline_has_a_lane_for_each_on_one_axis(self, prediction: Prediction) -> None:
        figure = timeline_figure(prediction, NOISE)
        assert {trace.xaxis for trace in figure.data} == {None}
        assert {trace.yaxis for trace in figure.data} == {"y", "y2", "y3", "y4"}
        assert figure.layout.xaxis.range == pytest.approx((0, 10), abs=0.06)
        stretch = timeline_figure(replace(prediction, stretch=(2.0, 4.0)), NOISE)
        assert stretch.layout.xaxis.range == pytest.approx((2, 4), abs=0.02)

    def test_half_an_hour_stays_small(self, prediction: Prediction) -> None:
        windows = tuple(window(i, i + 4, (i % 10) / 10, 4.0) for i in range(1796))
        long = replace(prediction, windows=windows, duration_s=1800.0)
        figure = timeline_figure(long, Waveform(np.ones(1800 * SAMPLE_RATE_HZ, np.float32)))
        assert len(figure.to_json()) < 1_000_000
        assert len(figure.layout.meta["description"]) < 1000

    def test_an_envelope_in_pieces_is_that_of_the_whole(self) -> None:
        outline = envelope(NOISE, 77)
        edges = np.linspace(0, len(NOISE.samples), 78).astype(int)
        parts = [NOISE.samples[a:b] for a, b in pairwise(edges)]
        np.testing.assert_array_equal(outline.lowest, [part.min() for part in parts])
        np.testing.assert_array_equal(outline.highest, [part.max() for part in parts])
        assert len(envelope(Waveform(NOISE.samples[:5]), 77).highest) == 5


class TestCube:
    def test_the_path_is_the_windows_in_order_coloured_by_time(
        self, prediction: Prediction
    ) -> None:
        path = path_figure(prediction).data[0]
        assert (path.x, path.y, path.z) == ((2, 3, 6), (6, 5, 2), (4, 4, 4))
        assert list(path.marker.color) == list(path.line.color) == [2, 3.5, 8]
        assert path_figure(prediction).layout.scene.xaxis.range == (1, 7)

    def test_takes_lie_where_they_are_under_their_names(self, prediction: Prediction) -> None:
        other = replace(prediction, attributes={"arousal": 1, "valence": 2, "dominance": 3})
        first, second = takes_figure([Take("<b>1", prediction), Take("2", other)]).data
        assert (first.x[0], first.y[0], first.z[0]) == (3.5, 4.5, 4.0)
        assert (second.x[0], second.y[0], second.z[0]) == (2, 1, 3)
        names = takes_figure([Take("<b>1", prediction), Take("2", other)]).layout.scene.annotations
        assert [name.text for name in names] == ["<b>&lt;b&gt;1</b>", "<b>2</b>"]
        assert (names[1].x, names[1].y, names[1].z) == (2, 1, 3)
        assert first.marker.symbol != second.marker.symbol, "not told by colour alone"

    def test_a_region_is_the_surface_one_deviation_away(
        self, prediction: Prediction, regions: tuple[Region, ...]
    ) -> None:
        mesh = takes_figure([Take("1", prediction)], regions).data[1]
        surface = np.stack([mesh.y, mesh.x, mesh.z], axis=1)  # arousal, valence, dominance
        distance = ((surface - (2.0, 3.0, 3.0)) ** 2 / (0.25, 1.0, 0.04)).sum(axis=1)
        assert distance == pytest.approx(1, abs=0.005)  # to four decimals
        assert mesh.color == EMOTION_COLOURS["sad"]
        alone = attribute_figure(prediction, regions)
        assert [trace.meta for trace in alone.data] == ["region"] * 3 + [None] * 3

    def test_the_sides_show_each_pair_of_attributes(
        self, prediction: Prediction, regions: tuple[Region, ...]
    ) -> None:
        figure = projections_figure([Take("1", prediction)], regions)
        titles = [figure.layout[f"xaxis{n}"].title.text for n in ("", 2, 3)]
        assert titles == ["Valence", "Valence", "Arousal"]
        assert [figure.layout[f"xaxis{n}"].anchor for n in ("", 2, 3)] == ["y", "y2", "y3"]
        points = [trace for trace in figure.data if trace.mode == "markers+text"]
        assert [(p.x[0], p.y[0]) for p in points] == [(3.5, 4.5), (3.5, 4.0), (4.5, 4.0)]
        ellipse = figure.data[0]
        distance = (np.array(ellipse.x) - 2) ** 2 / 1.0 + (np.array(ellipse.y) - 6) ** 2 / 0.25
        assert distance == pytest.approx(1, abs=0.005)
        paths = [trace for trace in figure.data if trace.mode == "lines+markers"]
        assert paths[0].x == (2, 3, 6)
        assert not any(
            t.mode == "lines+markers" for t in projections_figure([Take("1", prediction)] * 2).data
        )


class TestSelfAttention:
    def test_the_heat_is_the_weights_on_axes_in_seconds(self) -> None:
        weights = np.random.default_rng(0).dirichlet(np.ones(5), 5).astype(np.float32)
        times = (1.01, 1.03, 1.05, 1.07, 1.09)
        heat = self_attention_figure(SelfAttention("wavlm", 2, 3, weights, times)).data[0]
        assert tuple(heat.x) == tuple(heat.y) == pytest.approx(times)
        np.testing.assert_allclose(np.array(heat.z), weights, atol=1e-5)

    def test_many_frames_share_cells_and_rows_still_sum_to_1(self) -> None:
        count = 1000
        weights = np.random.default_rng(0).dirichlet(np.ones(count), count).astype(np.float32)
        times = tuple(0.02 * i for i in range(count))
        heat = self_attention_figure(SelfAttention("whisper", 1, 3, weights, times)).data[0]
        cells = np.array(heat.z)
        assert cells.shape == (MAX_CELLS, MAX_CELLS)
        assert cells.sum(axis=1) == pytest.approx(1, abs=5e-3)

    def test_tokens_name_the_axes(self) -> None:
        weights = np.eye(3, dtype=np.float32)
        tokens = ("<s>", " dogs", "</s>")
        attention = SelfAttention("roberta", 1, 2, weights, (0.0, 0.0, 1.0), tokens)
        figure = self_attention_figure(attention)
        assert figure.layout.xaxis.ticktext == ("start of text", "dogs", "end of text")
        assert figure.data[0].customdata[1][0] == "dogs looks at start of text"

    def test_a_few_bright_cells_do_not_hide_the_others(self) -> None:
        weights = np.full((100, 100), 0.001, np.float32)
        weights[:4, :90], weights[3, 3] = 0.01, 0.9
        attention = SelfAttention("wavlm", 1, 1, weights, tuple(range(100)))
        assert self_attention_figure(attention).data[0].zmax == pytest.approx(0.01)


def test_figures_are_json_with_a_description_in_words(
    prediction: Prediction, regions: tuple[Region, ...]
) -> None:
    takes = [Take("Take 1", prediction)]
    for figure in (
        timeline_figure(prediction, NOISE), ribbon_figure(prediction),
        attribute_curves_figure(prediction), path_figure(prediction, regions),
        takes_figure(takes, regions), projections_figure(takes, regions),
    ):  # fmt: skip
        made = json.loads(figure.to_json())
        assert len(made["layout"]["meta"]["description"]) > 30
        assert "layout" not in made["layout"]["template"], "colours of the page belong to the page"


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_curves_can_be_seen_on_light_and_on_dark(name: str) -> None:
    assert contrast(ATTRIBUTE_COLOURS[name], "#ffffff") >= 3
    assert contrast(ATTRIBUTE_COLOURS[name], "#171c24") >= 3


class TestMeasuredRegions:
    def test_mean_and_covariance_are_numpys(self) -> None:
        values = np.random.default_rng(0).normal(4, 1, (50, 3))
        points = [("sad", dict(zip(ATTRIBUTES, row, strict=True))) for row in values.tolist()]
        few = [("happy", dict.fromkeys(ATTRIBUTES, 4.0))] * 5
        (region,) = measure_regions(points + few)
        assert (region.emotion, region.count) == ("sad", 50)
        assert region.mean == pytest.approx(values.mean(axis=0))
        np.testing.assert_allclose(region.covariance, np.cov(values.T))
        centre, half_axes = region.ellipsoid(2.0)
        assert centre == pytest.approx(values.mean(axis=0))
        np.testing.assert_allclose(half_axes.T @ half_axes, 4 * np.cov(values.T), atol=1e-9)
