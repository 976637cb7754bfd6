"""What the page's timeline is given, and who may stop what, without a browser."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.page.listen import timeline
from assets.page.running import Running
from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import SerError
from ser.plots import timeline_figure
from ser.speech import Sliding
from tests.fake_recognizer import FakeRecognizer

EXAMPLE = Path(__file__).resolve().parents[1] / "assets" / "examples" / "lively.flac"


def test_windows_are_those_that_were_chosen() -> None:
    assert timeline.sliding(timeline.PAUSES, 15, 0.25) is None
    assert timeline.sliding(timeline.EQUAL, 4, 1) == Sliding(4, 1)
    with pytest.raises(SerError, match=r"follow each other after 1 s at least"):
        timeline.sliding(timeline.EQUAL, 4, 0.75)
    with pytest.raises(SerError, match="would leave speech out"):
        timeline.sliding(timeline.EQUAL, 4, 5)


def test_the_page_is_told_of_each_window_and_of_the_stretch() -> None:
    recognizer = FakeRecognizer()
    analysis = recognizer.analyse(EXAMPLE, sliding=Sliding(1.0, 0.5))
    prediction = analysis.prediction
    told = timeline.described(prediction)
    assert (told["from"], told["to"]) == (0.0, prediction.duration_s)
    assert told["part"] is None
    assert len(told["windows"]["start"]) == len(prediction.windows) > 3
    own = zip(told["windows"]["own_end"], told["windows"]["own_start"][1:], strict=False)
    assert all(end == start for end, start in own), "each moment belongs to one window"
    for shares, window in zip(told["windows"]["shares"], prediction.windows, strict=True):
        assert shares == [round(1000 * share) for share in window.emotions.values()]

    part = replace(prediction, stretch=(1.0, 2.0))
    told = timeline.described(part)
    assert (told["from"], told["to"]) == (1.0, 2.0)
    assert "1.0 to 2.0 s alone" in told["part"]


def test_half_an_hour_in_short_windows_stays_small_for_the_browser() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 1800 * SAMPLE_RATE_HZ).astype(np.float32)
    text = "so you see " * 1500
    recognizer = FakeRecognizer()
    analysis = recognizer.analyse(Waveform(noise), text, sliding=Sliding(2.0, 0.5))
    prediction = analysis.prediction
    assert len(prediction.windows) > 2800
    assert len(json.dumps(timeline.described(prediction))) < 600_000
    figure = timeline_figure(prediction, analysis.waveform)
    assert len(json.dumps(figure.to_plotly_json(), default=list)) < 1_500_000
    sensors = next(trace for trace in figure.data if trace.meta == "windows")
    assert len(sensors.x) <= 1200
    happy = next(trace for trace in figure.data if trace.name == "Happy")
    shares = [window.emotions["happy"] for window in prediction.windows]
    assert np.mean(happy.y[:-1]) == pytest.approx(np.mean(shares), rel=0.02)


def test_only_the_work_of_the_visit_is_stopped_and_nothing_is_remembered() -> None:
    running = Running()
    with running.work("one") as first, running.work("one") as second, running.work("two") as other:
        running.stop("one")
        running.stop("nobody")
        assert first.is_set()
        assert second.is_set()
        assert not other.is_set()
    with running.work("one") as later:
        assert not later.is_set(), "an old wish ends new work"
    assert not running._stops
