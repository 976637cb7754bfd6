"""Ending an analysis: what has begun, what waits in line, and what comes too late."""

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from assets.page.running import Running
from ser import plots
from tests.browser.conftest import Visit, visiting
from tests.browser.test_timeline import drag
from tests.patience import eventually

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Browser, Route

LONG_S = 300.0  # an analysis that nobody waits for to its end
SOON_S = 30.0  # who gave up does not wait as long as the work would take


def test_cancel_ends_the_work_and_keeps_the_last_result(visit: Visit, voice: Path) -> None:
    page, recognizer = visit.page, visit.server.recognizer
    visit.open().upload(voice)
    visit.wait_for_result()
    page.wait_for_selector("#timeline .main-svg")
    before = visit.headline
    assert not page.is_visible("#cancel")
    assert not page.is_visible("#cancel-part")
    with recognizer.slow(LONG_S):
        drag(visit, 1.0, 2.5)
        page.click("#score .analyse")
        eventually(lambda: recognizer.working == 1, "nothing is analysed")
        page.wait_for_selector("#timeline-told [role=progressbar]")
        room = page.locator("#timeline-told").evaluate("(told) => told.offsetHeight")
        assert room > 60, "progress is not seen"
        page.evaluate(
            """() => new MutationObserver((changes, watch) => {
              window.heard = document.querySelector("#cancel-part").textContent;
              watch.disconnect();
            }).observe(document.querySelector("#cancel-part"), { childList: true })"""
        )
        page.click("#cancel-part")
        eventually(lambda: page.evaluate("window.heard") == "Stopping …", "it does not say so")
        eventually(lambda: recognizer.working == 0, "the work goes on", SOON_S)
        eventually(lambda: not page.is_visible("#cancel-part"), "it waits", SOON_S)
        eventually(
            lambda: (page.text_content("#cancel-part") or "").strip() == "Cancel",
            "it says so for ever",
        )
        assert "Stopped, as you wished." in page.locator("#timeline-told p").inner_text()
        assert page.inner_text("#timeline-told").count("\n") == 0, "something else is told, too"
        visit.try_example(1)
        eventually(lambda: recognizer.working == 1, "nothing is analysed")
        page.click("#cancel")
        eventually(lambda: recognizer.working == 0, "the work goes on", SOON_S)
        assert "still the answer for my voice.flac" in page.locator("#told p").inner_text()
        assert visit.headline == before
        eventually(
            lambda: not page.is_visible("#cancel"), "there is nothing left to cancel", SOON_S
        )
    visit.try_example(2)
    eventually(lambda: visit.headline != before, "nothing is analysed any more")
    assert not page.is_visible("#told")


def test_a_visit_that_waits_in_line_can_leave_it_and_a_closed_page_lets_go(
    visit: Visit, chromium: "Browser", voice: Path
) -> None:
    # gradio's player may still be reading the file that is deleted for who gave up
    visit.tolerated = ("Waveform load error", "403 ", "Failed to load resource")
    recognizer = visit.server.recognizer
    with recognizer.slow(LONG_S), visiting(visit.server, chromium) as first:
        first.open().try_example()
        eventually(lambda: recognizer.working == 1, "nothing is analysed")
        visit.open()
        late: list[tuple[Route, APIResponse]] = []  # the page does not know yet that it is in line

        def hold_back(route: "Route") -> None:
            late.append((route, route.fetch()))

        visit.page.route("**/queue/join*", hold_back)
        visit.upload(voice)
        eventually(lambda: visit.page.is_visible("#cancel") and bool(late), "it does not wait")
        visit.page.click("#cancel")
        told = visit.page.locator("#told p").inner_text()
        assert told == "Stopped, as you wished."
        ((route, answer),) = late  # opening the recorder's other side puts nothing in line
        route.fulfill(response=answer)
        pending = visit.page.locator(".pending")
        eventually(lambda: pending.count() == 0, "it still waits", SOON_S)
        eventually(lambda: visit.server.kept_files() == [], "its recording is still there")
        asked = len(recognizer.paths)
        assert recognizer.working == 1, "somebody else's work was stopped"
        first.page.close()
        eventually(lambda: recognizer.working == 0, "it works for a closed page")
    assert len(recognizer.paths) == asked


def test_an_answer_that_is_not_on_its_way_yet_is_cancelled_too(
    visit: Visit, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.open().upload(voice)
    visit.wait_for_answer()
    before = visit.headline
    drawing, asked = Event(), Event()
    stop, draw = Running.stop, plots.emotion_figure

    def slowly(*arguments: object) -> object:
        drawing.set()
        asked.wait(SOON_S)
        return draw(*arguments)  # type: ignore[arg-type]

    def noted(running: Running, visit: str | None) -> None:
        stop(running, visit)
        asked.set()

    monkeypatch.setattr(plots, "emotion_figure", slowly)
    monkeypatch.setattr(Running, "stop", noted)
    visit.try_example()
    eventually(drawing.is_set, "nothing is analysed")
    visit.page.click("#cancel")
    told = visit.page.locator("#told p").inner_text()
    assert told == "Stopped, as you wished. What you see is still the answer for my voice.flac."
    eventually(lambda: not visit.page.is_visible("#cancel"), "it waits")
    assert visit.headline == before


def test_who_cancels_too_late_is_told_nothing(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    with visit.page.expect_response(lambda answer: "/run/" in answer.url):
        visit.page.evaluate("document.querySelector('#cancel').click()")
    visit.page.wait_for_timeout(300)
    assert not visit.page.is_visible("#told")


def test_who_takes_the_recording_away_waits_for_nothing(visit: Visit, voice: Path) -> None:
    page, recognizer = visit.page, visit.server.recognizer
    with recognizer.slow(LONG_S):
        visit.open().upload(voice)
        eventually(lambda: recognizer.working == 1, "nothing is analysed")
        page.click('#recording [aria-label="Clear"]')
        eventually(lambda: recognizer.working == 0, "the work goes on", SOON_S)
    page.wait_for_selector("#summary .invitation")
    eventually(lambda: not page.is_visible("#cancel"), "there is nothing to cancel", SOON_S)
