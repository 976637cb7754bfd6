"""What a visit can take back: takes, sounds and the page; and what the server forgets by itself."""

import gc
from pathlib import Path

import pytest

from assets.page.listen.visit import Shown
from ser.errors import HubError
from tests.browser.conftest import Visit
from tests.browser.test_takes import ENTRIES, answered, two_takes
from tests.patience import eventually

COPIES = "[...(window.serCopies ?? []).keys()].map((path) => path.split('/').pop())"


def remembered(path: str) -> list[Shown]:
    """Analyses of an upload that are somewhere in the server's memory."""
    return [held for held in gc.get_objects() if type(held) is Shown and held.copy == path]


def test_clearing_all_takes_forgets_them_on_the_server_and_on_the_page(
    visit: Visit, voice: Path
) -> None:
    page = visit.page
    two_takes(visit, voice)
    visit.unfold("takes")
    path = visit.server.recognizer.paths[-1]
    assert remembered(path)
    page.get_by_role("button", name="Clear all takes").click()
    page.wait_for_selector("#summary .headline", state="hidden")
    page.wait_for_selector("#takes", state="hidden")
    assert not page.is_visible("#transcript")
    assert page.locator("#recording #duration").count() == 0, "the recorder keeps the sound"
    assert page.evaluate("Number.isNaN(document.querySelector('#player audio').duration)")
    eventually(lambda: page.evaluate(COPIES) == [], "the browser keeps the sound")
    eventually(lambda: gc.collect() >= 0 and not remembered(path), "the server keeps it")
    visit.try_example()
    answered(visit, 1)
    page.wait_for_selector(f"{ENTRIES}[data-number='3']")


def test_a_sound_goes_with_its_last_take_and_what_is_removed_leaves_the_page(
    visit: Visit, voice: Path
) -> None:
    page = visit.page
    two_takes(visit, voice)
    visit.try_example(1)
    answered(visit, 3)
    visit.unfold("takes")
    page.get_by_role("button", name="Remove 1 my voice").click()
    answered(visit, 2)
    assert page.evaluate(COPIES) == ["my voice.flac", "harsh.flac"]
    page.get_by_role("button", name="Remove 2 my voice, corrected").click()
    eventually(lambda: page.evaluate(COPIES) == ["harsh.flac"], "the browser keeps the sound")
    assert page.is_visible("#summary .headline"), "another take is on the page"
    page.get_by_role("button", name="Remove 3 harsh").click()
    page.wait_for_selector("#summary .headline", state="hidden")
    assert page.evaluate(COPIES) == []


def test_a_bundle_that_is_gone_is_not_loaded_to_show_compare_or_save_its_answers(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit.page
    visit.open().try_example()
    answered(visit, 1)
    first = visit.headline
    visit.try_example(1)
    answered(visit, 2)

    def gone(name: str) -> None:
        raise HubError(f"{name} cannot be fetched.")

    monkeypatch.setattr(visit.server.models, "get", gone)
    visit.unfold("takes")
    for take in ("1 lively", "2 harsh"):
        page.get_by_label(f"Compare {take}").check()
    page.wait_for_selector("#overlay .main-svg")
    answers: list[str] = []
    page.on("response", lambda answer: answers.append(answer.url))
    page.get_by_role("button", name="Show 1 lively").click()

    def shown_and_seen() -> bool:
        """Choosing asks the server, and so do the takes, which see what is shown."""
        asked = sum("/queue/join" in url for url in answers)
        return visit.headline == first and asked == 2

    eventually(shown_and_seen, "it is not shown again")
    monkeypatch.setattr(visit.server.app._queue, "max_size", 0)  # nor is there room in line
    visit.unfold("saving")
    page.click("#save summary")
    page.locator("#save li >> text=Report").click()
    page.wait_for_selector("#save >> text=Made lively.report.html.")
