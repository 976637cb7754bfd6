"""Where the model listened: shares, peaks that can be heard, weights that can be read."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ser import looked
from ser.labels import ENCODERS
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.self_attention import self_attention
from tests.browser.conftest import Visit, visiting
from tests.contrast import contrast
from tests.fake_recognizer import HEARD
from tests.page_server import Server, serve
from tests.patience import eventually
from tests.tiny import save_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

WORDS = "#weighed-words .weighed button"
HEAR = """
  window.asked = [];
  window.heard = [];
  document.addEventListener("ser:play", (event) => window.asked.push(event.detail));
  document.addEventListener("ser:time", (event) => window.heard.push(event.detail.time));
"""


@pytest.fixture(scope="module")
def answered(fake_server: Server, chromium: "Browser", voice: Path) -> Iterator[Visit]:
    """One visit with one answer, at which all of these look."""
    with visiting(fake_server, chromium) as visit:
        visit.open().upload(voice)
        visit.wait_for_answer()
        visit.unfold("listened")
        visit.page.evaluate(HEAR)
        yield visit


@pytest.fixture(scope="module")
def expected(answered: Visit, voice: Path) -> Prediction:
    return answered.server.recognizer.predict(voice)


def card(visit: Visit, encoder: str) -> "Locator":
    return visit.page.locator("ul.encoders > li").nth(ENCODERS.index(encoder))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_each_encoder_shows_its_share_and_the_answer_without_it(
    answered: Visit, expected: Prediction, encoder: str
) -> None:
    told = card(answered, encoder).inner_text()
    other = expected.without[encoder]
    assert f"{expected.contributions[encoder]:.1%}" in told
    for emotions in (expected.emotions, other.emotions):
        first = max(emotions, key=emotions.__getitem__)
        assert f"{first.capitalize()} {emotions[first]:.1%}" in told
    for attributes in (expected.attributes, other.attributes):
        assert all(f"{value:.2f}" in told for value in attributes.values())


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_peak_can_be_heard_with_the_keyboard(
    answered: Visit, expected: Prediction, encoder: str
) -> None:
    found = looked.peak(expected, encoder)
    assert found is not None
    start_s, end_s = found.padded(0.0, expected.duration_s)
    card(answered, encoder).get_by_role("button", name=re.compile("Listen to the peak")).focus()
    answered.page.keyboard.press("Enter")
    asked = answered.page.evaluate("window.asked.at(-1)")
    assert (asked["start"], asked["end"]) == pytest.approx((start_s, end_s), abs=1e-3)
    reached = "(time) => window.heard.some((heard) => Math.abs(heard - time) < 0.01)"
    eventually(lambda: answered.page.evaluate(reached, end_s), "the peak is not played to its end")


def test_pointing_at_a_curve_tells_time_word_and_all_weights(
    answered: Visit, expected: Prediction
) -> None:
    word = expected.transcript.words[2]
    answered.page.locator("#attention").scroll_into_view_if_needed()
    place: dict[str, float] = answered.page.evaluate(
        """(time) => {
          const canvas = document.querySelector('#attention .canvas');
          const { left, top } = canvas.getBoundingClientRect();
          const { xaxis, yaxis3 } = canvas._fullLayout;
          return { x: left + xaxis._offset + xaxis.d2p(time), y: top + yaxis3._offset + 4 };
        }""",
        (word.start_s + word.end_s) / 2,
    )
    told = answered.page.locator("#attention .hoverlayer")
    for nudge in range(200):
        answered.page.mouse.move(place["x"] + nudge % 2, place["y"])
        if "RoBERTa" in (told.text_content() or ""):
            break
        time.sleep(0.1)
    text = told.text_content() or ""
    assert f"{(word.start_s + word.end_s) / 2:.1f}" in text
    assert word.text in text
    assert f"{expected.attention['roberta'].weights[2]:.2%}" in text
    assert "Whisper: " in text
    assert "WavLM: " in text


def test_words_show_their_share_when_pointed_at_and_tell_it_to_screen_readers(
    answered: Visit, expected: Prediction
) -> None:
    weights = expected.attention["roberta"].weights
    words = answered.page.locator(WORDS)
    shown = [f"{word} {weight:.1%}" for word, weight in zip(HEARD.split(), weights, strict=True)]
    assert words.all_text_contents() == shown
    answered.page.mouse.move(0, 0)
    opacity = "e => getComputedStyle(e.querySelector('span')).opacity"
    assert words.nth(1).evaluate(opacity) == "0"
    words.nth(1).hover()
    assert words.nth(1).evaluate(opacity) == "1"


def test_words_are_walked_with_arrow_keys_and_heard_when_pressed(
    answered: Visit, expected: Prediction
) -> None:
    words = answered.page.locator(WORDS)
    words.first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "ArrowLeft"):
        answered.page.keyboard.press(key)
    focused = answered.page.evaluate("document.activeElement.firstChild.textContent")
    word = expected.transcript.words[-2]
    assert focused == word.text
    assert words.evaluate_all("all => all.filter((e) => e.tabIndex === 0).length") == 1
    answered.page.keyboard.press("Enter")
    asked = answered.page.evaluate("window.asked.at(-1)")
    assert (asked["start"], asked["end"]) == pytest.approx((word.start_s, word.end_s), abs=1e-3)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_shade_leaves_its_word_readable(answered: Visit, theme: str) -> None:
    if theme == "dark":
        answered.switch_theme()
    shades: list[list[str]] = answered.page.locator(WORDS).evaluate_all(
        """(all) => all.map((e) => {
          const { color, backgroundImage } = getComputedStyle(e);
          return [color, backgroundImage.match(/rgba?\\([^)]*\\)/)[0],
                  getComputedStyle(e.closest('.card')).backgroundColor];
        })"""
    )
    assert len({shade for _, shade, _ in shades}) > 3, "the shades do not tell weights apart"
    for ink, shade, ground in shades:
        assert contrast(ink, blended(shade, ground)) >= 4.5


def blended(shade: str, ground: str) -> str:
    """A half-transparent colour on an opaque one."""
    *over, alpha = (float(part) for part in re.findall(r"[\d.]+", shade))
    under = (float(part) for part in re.findall(r"[\d.]+", ground))
    mixed = [alpha * a + (1 - alpha) * b for a, b in zip(over, under, strict=False)]
    return f"rgb({mixed[0]}, {mixed[1]}, {mixed[2]})"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    bundle = save_bundle(tmp_path_factory.mktemp("bundle"))
    recognizer = Recognizer.from_pretrained(bundle, transcriber=None)
    with serve(recognizer, tmp_path_factory.mktemp("uploads")) as server:
        yield server


def heat(visit: Visit) -> Any:
    return visit.page.evaluate("document.querySelector('#self-attention .canvas').data?.[0].z")


def test_the_inside_of_an_encoder_is_shown_when_it_is_opened(
    tiny: Server, chromium: "Browser", voice: Path
) -> None:
    analysis = tiny.recognizer.analyse(voice)
    seen = {
        layer: self_attention(
            tiny.recognizer.encoders, analysis.recording, analysis.prediction, "wavlm", layer
        ).weights
        for layer in (1, 2)
    }
    with visiting(tiny, chromium) as visit:
        visit.open().upload(voice)
        visit.wait_for_answer()
        visit.unfold("listened")
        title = visit.page.locator("#inside button").first
        title.click()
        visit.page.wait_for_selector("#self-attention .main-svg")
        visit.page.get_by_role("radio", name="WavLM").check()
        eventually(lambda: shows(visit, seen[2]), "not the last layer of WavLM")
        visit.page.focus("#inside-layer input[type=range]")
        visit.page.keyboard.press("ArrowLeft")
        eventually(lambda: shows(visit, seen[1]), "not the first layer")
        visit.page.get_by_role("radio", name="RoBERTa").check()
        visit.page.wait_for_selector("#inside-told >> text=roberta had nothing to read")
        assert heat(visit) is None, "an old picture looks like a new one"
        visit.revise("i hate this")
        visit.page.wait_for_selector("#written-by >> text=Written by you.")
        told = visit.page.locator("#inside-told")
        eventually(lambda: not told.is_visible(), "what belongs to another answer is left open")
        title.click()
        eventually(lambda: "end of text" in ticks(visit), "the tokens do not name the axes")


def shows(visit: Visit, weights: Any) -> bool:
    drawn = heat(visit)
    return drawn is not None and json.dumps(drawn) == json.dumps(
        weights.astype(float).round(5).tolist()
    )


def ticks(visit: Visit) -> list[str]:
    return visit.page.locator("#self-attention .xtick text").all_text_contents()
