"""The path of a live voice: newest on top, paler with age, broken where nobody spoke."""

import re
from itertools import pairwise

import pytest

from ser.live import Sound, Update
from ser.plots import trail_figure
from ser.plots.trail import PALEST, TRAIL_S


def update(end_s: float, emotion: str | None = "happy", valence: float = 4.0) -> Update:
    emotions = None if emotion is None else {"happy": 0.4, "sad": 0.3, emotion: 0.6}
    attributes = None if emotion is None else {
        "arousal": 5.0, "valence": valence, "dominance": 3.0
    }  # fmt: skip
    sound = Sound(end_s, end_s, 0.0, 0.0)
    return Update(1, end_s - 4, end_s, emotions, attributes, 3.0, 0.1, sound)


def alphas(colours: tuple[str, ...]) -> list[float]:
    return [float(re.findall(r"[\d.]+", colour)[3]) for colour in colours]


def test_the_path_ends_at_the_newest_answer_under_its_name() -> None:
    figure = trail_figure([update(5.0, valence=2.0), update(5.5, "sad", valence=6.0)])
    path, newest = figure.data
    assert path.x == (2.0, 6.0), "x is valence"
    assert (path.y, path.z) == ((5.0, 5.0), (3.0, 3.0))
    assert newest.text == ("<b>Sad</b>",)
    assert (newest.x, newest.y, newest.z) == ((6.0,), (5.0,), (3.0,))
    assert "valence 6.0" in figure.layout.meta["description"]


def test_it_fades_with_age_and_forgets() -> None:
    figure = trail_figure([update(float(second)) for second in range(60)])
    shown = alphas(figure.data[0].marker.color)
    assert len(shown) == TRAIL_S
    assert shown == sorted(shown)
    assert shown[-1] == 1.0
    assert PALEST < shown[0] < 0.2
    steps = [after - before for before, after in pairwise(shown)]
    assert steps == pytest.approx([(1 - PALEST) / TRAIL_S] * len(steps), abs=2e-3)


def test_silence_breaks_the_path_and_has_no_name() -> None:
    figure = trail_figure([update(5.0), update(5.5, None), update(6.0), update(6.5, None)])
    assert figure.data[0].x == (4.0, None, 4.0, None)
    assert len(figure.data) == 1
    assert "nobody speaks" in figure.layout.meta["description"]


def test_before_the_first_answer_the_cube_is_empty() -> None:
    assert trail_figure([]).data[0].x == ()
