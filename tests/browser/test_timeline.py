"""The recording over time: heard, gone through, and analysed in parts."""

import time
from pathlib import Path

import numpy as np
import pytest

from ser.audio import SAMPLE_RATE_HZ
from ser.labels import ATTRIBUTES
from ser.recording import Stretch
from ser.speech import Sliding
from tests.audio_files import encode
from tests.browser.conftest import Visit
from tests.fake_recognizer import CLASSES, HEARD
from tests.patience import eventually

SEEN = "document.querySelector('#timeline .canvas')._fullLayout.xaxis.range"
WORDS = "document.querySelector('#timeline .canvas').data.find((t) => t.meta === 'words').x.length"
HEAR_TIMES = """() => {
  window.heard = [];
  document.addEventListener("ser:time", (event) => window.heard.push(event.detail.time));
}"""


@pytest.fixture
def shown(visit: Visit) -> Visit:
    """A visit that looks at an example."""
    visit.open().try_example()
    visit.wait_for_result()
    visit.page.wait_for_selector("#timeline .main-svg")
    visit.page.locator("#score .bar").scroll_into_view_if_needed()
    return visit


def duration_s(visit: Visit) -> float:
    return visit.page.evaluate("document.querySelector('#player audio').duration")


def position_s(visit: Visit) -> float:
    return float(visit.page.get_attribute("#score .seeker", "aria-valuenow") or "nan")


def pixel(visit: Visit, time_s: float) -> tuple[float, float]:
    """Where a moment lies in the picture, on the screen."""
    visit.page.locator("#score .bar").scroll_into_view_if_needed()
    x, y = visit.page.evaluate(
        """(time) => {
          const canvas = document.querySelector("#timeline .canvas");
          const { left, top } = canvas.getBoundingClientRect();
          const { xaxis, _size: size } = canvas._fullLayout;
          return [left + xaxis._offset + xaxis.l2p(time), top + size.t + size.h / 2];
        }""",
        time_s,
    )
    return x, y


def drag(visit: Visit, start_s: float, end_s: float) -> None:
    mouse = visit.page.mouse
    mouse.move(*pixel(visit, start_s))
    mouse.down()
    mouse.move(*pixel(visit, end_s), steps=5)
    mouse.up()


def playheads(visit: Visit) -> dict[str, float]:
    """Figure -> the moment at which its line stands, in s."""
    return visit.page.evaluate(
        """() => Object.fromEntries(["timeline", "attention"].map((name) => {
          const canvas = document.querySelector(`#${name} .canvas`);
          const line = canvas.parentElement.querySelector(".playhead");
          const { xaxis } = canvas._fullLayout;
          const x = line.getBoundingClientRect().left - canvas.getBoundingClientRect().left;
          return [name, xaxis.p2l(x + 1 - xaxis._offset)];
        }))"""
    )


def test_the_playhead_moves_through_every_figure_in_step_with_the_sound(shown: Visit) -> None:
    page = shown.page
    page.evaluate(HEAR_TIMES)
    page.click("#score .play")
    eventually(lambda: position_s(shown) > 0.8, "it does not play")
    page.click("#score [aria-label=Pause]")
    heard = page.evaluate("window.heard")
    assert heard == sorted(heard)
    assert len(heard) > 4
    stands = page.evaluate("document.querySelector('#player audio').currentTime")
    assert playheads(shown) == pytest.approx({"timeline": stands, "attention": stands}, abs=0.06)
    assert page.locator("#emotions .playhead, #cube .playhead").count() == 0
    page.click("#header .theme")
    time.sleep(1.0)
    assert playheads(shown)["timeline"] == pytest.approx(stands, abs=0.06)


def test_other_parts_of_the_page_can_have_exactly_a_stretch_played(shown: Visit) -> None:
    page = shown.page
    page.evaluate(HEAR_TIMES)
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('ser:play', { detail: { start: 1, end: 1.6 } }))"
    )
    stopped = "document.querySelector('#player audio').paused && window.heard.at(-1) > 1"
    eventually(lambda: page.evaluate(stopped), "it does not stop")
    heard = page.evaluate("window.heard")
    assert heard[0] == 1.0
    assert max(heard) == heard[-1] == 1.6
    marked = page.inner_text("#score .caption mark")
    words = shown.server.recognizer.paths and HEARD.split()
    assert marked in words


def test_a_click_seeks_and_so_do_the_keys(shown: Visit) -> None:
    page = shown.page
    page.mouse.click(*pixel(shown, 2.0))
    assert position_s(shown) == pytest.approx(2.0, abs=0.06)
    page.keyboard.press("Home")
    assert position_s(shown) == 0.0
    for _ in range(3):
        page.keyboard.press("PageUp")
    tenth = duration_s(shown) / 10
    assert position_s(shown) == pytest.approx(3 * tenth, abs=0.06)
    page.keyboard.press("ArrowLeft")
    assert position_s(shown) == pytest.approx(3 * tenth - 0.1, abs=0.06)
    for _ in range(2):
        page.keyboard.press("Shift+PageUp")
    chosen = page.inner_text("#score .stretch b")
    assert chosen == f"{3 * tenth - 0.1:.1f} to {5 * tenth - 0.1:.1f} s"
    page.keyboard.press("Space")
    eventually(lambda: position_s(shown) > 4.95 * tenth, "space does not play")
    page.keyboard.press("Space")
    assert page.evaluate("document.querySelector('#player audio').paused")
    page.keyboard.press("Escape")
    assert not page.is_visible("#score .stretch")
    told = page.get_attribute("#score .seeker", "aria-valuetext") or ""
    assert f"of {duration_s(shown):.1f} s" in told


def test_a_stretch_is_heard_and_analysed_alone_and_the_whole_comes_back(shown: Visit) -> None:
    page = shown.page
    whole = shown.headline
    drag(shown, 1.0, 2.5)
    page.evaluate(HEAR_TIMES)
    page.click("#score .hear")
    eventually(
        lambda: page.evaluate("document.querySelector('#player audio').paused"), "it plays on"
    )
    heard = page.evaluate("window.heard")
    assert (heard[0], max(heard)) == pytest.approx((1.0, 2.5), abs=0.03)

    page.click("#score .analyse")
    page.wait_for_selector("#score .part:visible")
    assert "for 1.0 to 2.5 s alone" in page.inner_text("#score .part")
    assert "for 1.0 to 2.5 s alone" in page.inner_text("#told")
    assert shown.headline != whole
    said = page.input_value("#transcript textarea").split()
    assert said
    assert len(said) < len(HEARD.split())
    left, right = page.evaluate(
        "document.querySelector('#timeline .canvas')._fullLayout.xaxis.range"
    )
    assert (left, right) == pytest.approx([1.0, 2.5], abs=0.05)

    page.click("#score .back")
    page.wait_for_selector("#score .part", state="hidden")
    assert shown.headline == whole
    assert page.input_value("#transcript textarea") == HEARD
    assert not page.is_visible("#told")


def test_a_stretch_that_is_shown_again_leads_back_to_its_own_whole(shown: Visit) -> None:
    page, whole = shown.page, shown.headline
    drag(shown, 1.0, 2.5)
    page.click("#score .analyse")
    page.wait_for_selector("#score .part:visible")
    shown.try_example(1)
    page.wait_for_selector("#score .part", state="hidden")
    page.get_by_role("button", name="Show 2 lively, 1.0 to 2.5 s").click()
    page.wait_for_selector("#score .part:visible")
    page.click("#score .back")
    page.wait_for_selector("#score .part", state="hidden")
    assert shown.headline == whole
    page.wait_for_selector("#takes-list [data-number='1'][aria-current]")

    page.get_by_role("button", name="Show 2 lively, 1.0 to 2.5 s").click()
    page.get_by_role("button", name="Remove 1 lively").click()
    page.wait_for_selector("#score .part:visible")
    page.click("#score .back")
    told = page.locator("#timeline-told [role=alert]").inner_text()
    assert told == "The answer for the whole recording is no longer among the takes."


def test_a_stretch_can_be_looked_at_closely(shown: Visit) -> None:
    page = shown.page
    all_of_it = page.evaluate(SEEN)
    drag(shown, 1.0, 2.0)
    page.click("#score .closer")
    eventually(lambda: page.evaluate(SEEN) == pytest.approx([1.0, 2.0], abs=0.05), "it is far")
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('ser:play', { detail: { start: 1.8, end: 3 } }))"
    )
    eventually(lambda: page.evaluate(SEEN)[0] > 1.5, "the picture does not follow the sound")
    page.click("#score .wider")
    eventually(lambda: page.evaluate(SEEN) == pytest.approx(all_of_it), "it stays close")


def choose_windows(visit: Visit, length_s: float, hop_s: float) -> None:
    visit.page.get_by_label("All of one length").check()
    for name, value in (("Length", length_s), ("Seconds until", hop_s)):
        box = visit.page.locator("#windows").get_by_role("spinbutton", name=name)
        box.fill(str(value))
        box.press("Enter")


def test_windows_of_ones_own_each_tell_their_answer(shown: Visit) -> None:
    page = shown.page
    page.click("#windows > .label-wrap")
    choose_windows(shown, 1, 0.5)
    again = page.get_by_role("button", name="Analyse with these windows")
    again.click()
    page.wait_for_selector("#score .window:visible")
    example = Path(__file__).resolve().parents[2] / "assets" / "examples" / "lively.flac"
    analysis = shown.server.recognizer.analyse(example)
    everything = Stretch(0.0, analysis.waveform.duration_s)
    expected = shown.server.recognizer.excerpt(analysis, everything, sliding=Sliding(1.0, 0.5))
    windows = expected.prediction.windows
    assert len(windows) > 3
    third = windows[2]
    page.mouse.move(*pixel(shown, (third.start_s + third.end_s) / 2))
    eventually(
        lambda: page.inner_text("#score .window h3").startswith(f"Window 3 of {len(windows)}"),
        "the pointer does not find the window",
    )
    told = page.inner_text("#score .window")
    assert f"{third.start_s:.1f} to {third.end_s:.1f} s" in told
    assert all(f"{third.emotions[name]:.1%}" in told for name in CLASSES)
    assert all(f"{third.attributes[name]:.2f}" in told for name in ATTRIBUTES)
    assert not page.is_visible("#score .part"), "all of it is no stretch"

    before = shown.headline
    choose_windows(shown, 10, 0.5)
    again.click()
    problem = page.locator("#timeline-told [role=alert]").inner_text()
    assert "follow each other after 2.5 s at least" in problem
    assert shown.headline == before


def long_recording(folder: Path) -> Path:
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.1, (240 * SAMPLE_RATE_HZ, 1)).astype(np.float32)
    return encode(folder / "four minutes.opus", noise, SAMPLE_RATE_HZ, "libopus")


def drawn_words(visit: Visit) -> int:
    return visit.page.locator("#timeline .bartext").count()


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_a_long_recording_fits_a_phone_and_shows_its_words_from_near(
    visit: Visit, tmp_path: Path
) -> None:
    page = visit.page
    visit.open().upload(long_recording(tmp_path))
    visit.wait_for_result()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    visit.revise(" ".join(f"w{number}" for number in range(3000)))
    page.wait_for_selector("#written-by >> text=Written by you.")
    eventually(lambda: drawn_words(visit) == 0, "three thousand words are a smear")
    eventually(lambda: page.evaluate(WORDS) == 0, "what cannot be seen is drawn")
    for start_s, end_s in ((100.0, 115.0), (105.0, 108.0)):  # a finger does not find 3 s in 240
        drag(visit, start_s, end_s)
        page.click("#score .closer")
        page.wait_for_function(f"{SEEN}[0] > {start_s - 1} && {SEEN}[1] < {end_s + 1}")
    eventually(lambda: 0 < page.evaluate(WORDS) < 100, "words cannot be seen from near")
