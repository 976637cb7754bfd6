"""A look inside an encoder, as the page asks for it: which window, which layer, and faults."""

from typing import Any

import gradio as gr
import numpy as np
import pytest

from assets.page.listen.inside import Inside
from assets.page.listen.visit import NO_LONGER_HEARD, Remembered, Shown
from assets.page.models import Models
from assets.page.telling import FORGOTTEN
from ser.audio import load_audio
from ser.plots import envelope
from ser.recognizer import Analysis, Recognizer
from ser.self_attention import self_attention
from ser.speech import Sliding
from tests.browser.conftest import EXAMPLE
from tests.tiny import save_bundle


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    bundle = save_bundle(tmp_path_factory.mktemp("bundle"))
    return Recognizer.from_pretrained(bundle, transcriber=None)


@pytest.fixture(scope="module")
def analysis(recognizer: Recognizer) -> Analysis:
    return recognizer.analyse(EXAMPLE, "i hate this", sliding=Sliding(1.5, 0.75))


@pytest.fixture(scope="module")
def inside(recognizer: Recognizer) -> Inside:
    with gr.Blocks():
        return Inside(Models(recognizer))


@pytest.fixture(scope="module")
def shown(analysis: Analysis) -> Shown:
    return Shown("a.wav", analysis, "tiny")


def test_the_windows_of_an_answer_can_be_chosen(inside: Inside, shown: Shown) -> None:
    choice = inside.filled(shown)[inside.window]
    windows = shown.prediction.windows
    assert len(windows) > 1
    assert choice.visible
    assert [value for _, value in choice.choices] == list(range(len(windows)))
    second = windows[1]
    assert choice.choices[1][0] == f"2: {second.start_s:.1f} to {second.end_s:.1f} s"


def test_one_window_is_no_choice(inside: Inside, recognizer: Recognizer) -> None:
    whole = Shown("a.wav", recognizer.analyse(EXAMPLE), "tiny")
    assert not inside.filled(whole)[inside.window].visible


def test_a_picture_of_another_answer_is_taken_away(inside: Inside, shown: Shown) -> None:
    for updates in (inside.emptied(), inside.filled(shown)):
        assert updates[inside.heat] is None
        assert updates[inside.accordion]["open"] is False


@pytest.mark.parametrize(("layer", "taken"), [(1, 1), (None, 2)])
def test_the_chosen_window_and_layer_are_shown(
    inside: Inside, shown: Shown, recognizer: Recognizer, layer: int | None, taken: int
) -> None:
    updates = inside.look(shown, "wavlm", 1, layer)
    seen = self_attention(
        recognizer.encoders, shown.whole().recording, shown.prediction, "wavlm", taken, 1
    )
    (drawn,) = updates[inside.heat]["data"]
    np.testing.assert_allclose(np.array(drawn["z"]), seen.weights, atol=1e-5)
    assert drawn["x"][0] == pytest.approx(shown.prediction.windows[1].start_s + 0.01)
    assert (updates[inside.layer].value, updates[inside.layer].maximum) == (taken, 2)


@pytest.mark.parametrize(
    ("encoder", "forgotten", "told"),
    [("wavlm", "all", FORGOTTEN), ("wavlm", "sound", NO_LONGER_HEARD)],
)
def test_what_cannot_be_shown_is_a_sentence(
    inside: Inside, shown: Shown, encoder: str, forgotten: str, told: str
) -> None:
    outline = envelope(load_audio(EXAMPLE), 100)
    left: dict[str, Any] = {
        "all": None,
        "sound": Shown("a.wav", Remembered(shown.prediction, outline), "tiny"),
    }
    updates = inside.look(left[forgotten], encoder, 0, None)
    assert told in updates[inside.told]
    assert updates[inside.heat] is None
