"""What the figures of an answer show, in both themes, on a phone and to screen readers."""

import time
from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.contrast import contrast
from tests.fake_recognizer import CLASSES, HEARD
from tests.patience import eventually

LANES = ["Whisper the sounds of speech", "WavLM the voice", "RoBERTa the words"]


def from_top(visit: Visit, selector: str) -> list[str]:
    """Texts of a figure, as the eye meets them."""
    places = visit.page.locator(selector).evaluate_all(
        "all => all.map((e) => [e.getBoundingClientRect().top, e.textContent])"
    )
    return [text for _, text in sorted(places)]


def test_an_upload_is_answered_at_once_and_completely(visit: Visit, voice: Path) -> None:
    visit.open().upload(voice)
    visit.wait_for_result()
    expected = visit.server.recognizer.predict(voice)
    assert f"{expected.emotions[expected.emotion]:.1%}" in visit.headline
    assert from_top(visit, "#emotions .ytick text") == [name.capitalize() for name in CLASSES]
    shares = [f"{expected.emotions[name]:.1%}" for name in CLASSES]
    assert from_top(visit, "#emotions .bartext") == shares
    assert visit.page.input_value("#transcript textarea") == HEARD
    drawn = visit.page.text_content("#attention") or ""
    assert all(title in drawn for title in LANES)
    assert all(word in drawn for word in HEARD.split())
    for told in expected.contributions.values():
        assert f"{told:.1%}" in visit.page.inner_text("#shares")
    for told in expected.attributes.values():
        assert f"{told:.2f}" in visit.page.inner_text("#scales")
    assert visit.page.inner_text("#written-by") == "Written by fake-transcriber."
    for named in ("fake-bundle", "The fake transcriber writes the text.", "my voice.flac"):
        assert named in visit.page.inner_text("#facts")


def eye_of_cube(visit: Visit) -> dict:
    return visit.page.evaluate(
        "document.querySelector('#cube .canvas')._fullLayout.scene._scene.getCamera().eye"
    )


def eye_at_rest(visit: Visit) -> dict:
    """The cube turns on for a moment after the hand has left it."""
    before: dict = {}
    while (now := eye_of_cube(visit)) != before:
        before = now
        time.sleep(0.5)
    return now


def ink_of_cube(visit: Visit) -> str:
    return visit.page.evaluate(
        "document.querySelector('#cube .canvas')._fullLayout.scene.xaxis.tickfont.color"
    )


def test_the_cube_keeps_its_camera_between_results_and_themes(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    visit.unfold("attributes")
    first = eye_of_cube(visit)
    visit.page.locator("#cube").scroll_into_view_if_needed()
    box = visit.page.locator("#cube .canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 120, y + 30, steps=8)
    visit.page.mouse.up()
    eventually(
        lambda: abs(eye_of_cube(visit)["x"] - first["x"]) > 0.3, "dragging does not turn the cube"
    )
    turned = eye_at_rest(visit)
    before = visit.page.inner_text("#scales")
    visit.revise("other words")
    eventually(lambda: visit.page.inner_text("#scales") != before, "no new result")
    light = ink_of_cube(visit)
    visit.switch_theme()
    eventually(lambda: ink_of_cube(visit) != light, "the cube keeps the light theme's ink")
    assert eye_of_cube(visit) == pytest.approx(turned, abs=0.02)


CONTRASTS = """() => {
  const brush = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const painted = (layers) => {
    for (const [colour, opacity] of layers) {
      brush.globalAlpha = opacity ?? 1;
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
    }
    return `rgb(${[...brush.getImageData(0, 0, 1, 1).data].slice(0, 3).join(', ')})`;
  };
  const under = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      layers.unshift([getComputedStyle(at).backgroundColor]);
    }
    const bar = e.matches('.bartext-inside') && e.parentElement.querySelector('path');
    if (bar) layers.push([getComputedStyle(bar).fill, getComputedStyle(bar).fillOpacity]);
    const halo = getComputedStyle(e).textShadow;
    if (halo !== 'none') layers.push([halo.match(/^.*?\\)/)[0]]);
    return layers;
  };
  const texts = [...document.querySelectorAll('svg.main-svg text, .card p, .card li, .card dd, '
    + '.card dt, .card h2, .card span, .card textarea, .card button')]
    .filter((e) => e.checkVisibility() && (e.textContent.trim() || e.value));
  return texts.map((e) => {
    const style = getComputedStyle(e);
    const ground = painted(under(e));
    const ink = painted([[ground], [e instanceof SVGElement ? style.fill : style.color]]);
    return [e.textContent.trim().slice(0, 30), ink, ground];
  });
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_can_be_read_in_both_themes(visit: Visit, theme: str) -> None:
    visit.open(theme).try_example()
    visit.wait_for_result()
    time.sleep(0.5)
    texts = visit.page.evaluate(CONTRASTS)
    assert len(texts) > 40
    pale = [text for text in texts if contrast(text[1], text[2]) < 4.5]
    assert pale == []
    assert contrast(_rgb(visit, ink_of_cube(visit)), texts[0][2]) >= 4.5


def _rgb(visit: Visit, colour: str) -> str:
    return visit.page.evaluate(
        "(c) => { const e = document.createElement('i'); e.style.color = c;"
        " document.body.append(e); return getComputedStyle(e).color }",
        colour,
    )


def test_figures_follow_the_theme_when_it_is_switched(visit: Visit) -> None:
    visit.open("light").try_example()
    visit.page.wait_for_selector("#emotions .bartext")
    ink = "getComputedStyle(document.querySelector('#emotions .bartext')).fill"
    light = visit.page.evaluate(ink)
    visit.switch_theme()
    eventually(lambda: visit.page.evaluate(ink) != light, "the bars keep the light theme's ink")
    assert contrast(visit.page.evaluate(ink), "#171c24") >= 4.5


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_it_fits_a_phone(visit: Visit) -> None:
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    visit.open()
    assert visit.page.evaluate(widths) == [360, 360]
    visit.try_example()
    visit.wait_for_result()
    assert visit.page.evaluate(widths) == [360, 360]
    for name in ("emotions", "attention", "cube"):
        box = visit.page.locator(f"#{name} .svg-container").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    eventually(
        lambda: visit.page.evaluate("document.querySelector('#result h2').checkVisibility()"),
        "the result is not brought into view",
    )


def test_figures_tell_screen_readers_what_they_show(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    visit.unfold("listened")
    visit.unfold("attributes")
    for name, begins in (
        ("emotions", "Probability of each emotion: angry "),
        ("cube", "A point in a cube: arousal "),
        ("attention", "Attention over time: Whisper looked most at "),
    ):
        label = visit.page.get_attribute(f"#{name} [role=img]", "aria-label")
        assert label is not None
        assert label.startswith(begins)


def word_labels(visit: Visit) -> list[str]:
    return visit.page.locator("#attention .bartext").all_text_contents()


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_words_that_do_not_fit_are_left_to_the_hover_and_never_overlap(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    visit.unfold("listened")
    eventually(lambda: word_labels(visit) == HEARD.split(), "six words fit on a phone")
    many = " ".join(f"word{number}" for number in range(200))
    visit.revise(many)
    eventually(lambda: word_labels(visit) == [], "two hundred words do not")
