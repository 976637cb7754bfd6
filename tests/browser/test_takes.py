"""Takes of a visit, regions of the emotions and closed cards, as a visitor meets them."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from assets.page.listen import memory
from ser.bundle import EMBEDDED
from ser.recognizer import Recognizer
from ser.regions import measure_regions, to_metrics
from tests.browser.conftest import Visit, visiting
from tests.browser.test_figures import eye_of_cube
from tests.fake_recognizer import FakeRecognizer
from tests.page_server import Server, serve
from tests.patience import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ENTRIES = "#takes-list li"
SLOW_S = 60.0  # longer than anybody waits here
LIVELY, HARSH = "0:04", "0:03"  # lengths of the first two examples


def regions() -> dict:
    """Two regions far from each other."""
    points = [
        (name, {"arousal": at + 0.1 * (i % 3), "valence": at + 0.1 * (i % 5), "dominance": at})
        for name, at in (("angry", 5.0), ("sad", 2.0))
        for i in range(12)
    ]
    return {"regions": to_metrics(measure_regions(points)), "regions_from": "twelve <actors>"}


@pytest.fixture(scope="module")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    recognizer = FakeRecognizer()
    recognizer.bundle = SimpleNamespace(**{**vars(recognizer.bundle), "metrics": regions()})
    with serve(recognizer, tmp_path_factory.mktemp("uploads")) as running:
        yield running


def answered(visit: Visit, takes: int) -> None:
    visit.page.wait_for_selector(f"#takes >> text=Takes of this visit ({takes})")


def two_takes(visit: Visit, recording: Path | None = None) -> None:
    """A recording, or an example, and the same with other words."""
    visit.open()
    if recording is None:
        visit.try_example()
    else:
        visit.upload(recording)
    answered(visit, 1)
    visit.revise("dogs bark")
    answered(visit, 2)


def test_a_newcomer_sees_recording_result_and_words_and_opens_the_rest(visit: Visit) -> None:
    visit.open().try_example()
    visit.page.wait_for_selector("#summary .headline")
    assert visit.page.locator("#transcript textarea").is_visible()
    heads = visit.page.locator(".fold:visible > .label-wrap")
    eventually(lambda: heads.count() >= 5, "the closed cards are not there")
    assert set(heads.evaluate_all("all => all.map((e) => e.ariaExpanded)")) == {"false"}
    assert not visit.page.locator("#cube").is_visible()
    visit.page.locator("#attributes > .label-wrap").focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("#cube .main-svg")
    box = visit.page.locator("#cube .main-svg").first.bounding_box()
    assert box is not None
    assert box["width"] > 300, "a figure in a closed card is drawn when that is opened"
    assert heads.nth(2).get_attribute("aria-expanded") == "true"


def test_a_correction_is_compared_with_what_was_before(visit: Visit) -> None:
    two_takes(visit)
    visit.page.click("#before")
    table = visit.page.locator("#side-by-side table")
    table.wait_for()
    rows = [" ".join(row.split()) for row in table.locator("tr").all_inner_texts()]
    assert rows[0] == "1 lively 2 lively, corrected"
    assert rows[1] == "Words Kids are talking by the door dogs bark"
    recognizer = visit.server.recognizer
    before = recognizer.predict(recognizer.paths[-1]).emotions["sad"]
    after = recognizer.predict(recognizer.paths[-1], "dogs bark").emotions["sad"]
    change = f"{100 * (after - before):+.1f}".replace("-", "\N{MINUS SIGN}")
    assert f"Sad {before:.1%} {after:.1%} {change}" in rows
    visit.page.wait_for_selector("#overlay .main-svg")
    drawn = visit.page.get_attribute("#overlay [role=img]", "aria-label") or ""
    assert drawn.startswith("Takes in a cube: 1, ")
    assert "; 2, " in drawn


def test_a_take_is_shown_again_in_full_and_keeps_its_number(visit: Visit) -> None:
    visit.open().try_example()
    answered(visit, 1)
    first = visit.headline
    eventually(lambda: length_in_recorder(visit) == LIVELY, "the recorder has no sound")
    visit.try_example(1)
    answered(visit, 2)
    assert visit.headline != first
    eventually(lambda: length_in_recorder(visit) == HARSH, "the recorder keeps the first sound")
    visit.unfold("takes")
    visit.page.get_by_role("button", name="Show 1 lively").click()
    eventually(lambda: visit.headline == first, "the first take is not shown again")
    eventually(lambda: length_in_recorder(visit) == LIVELY, "the recorder has another's sound")
    assert visit.page.locator(ENTRIES).count() == 2, "what is shown again is no new take"
    current = visit.page.locator(f"{ENTRIES}[aria-current]")
    eventually(lambda: current.get_attribute("data-number") == "1", "the list names another")
    visit.revise("other words")
    answered(visit, 3)
    names = visit.page.locator(f"{ENTRIES} input[type=text]")
    assert names.first.input_value() == "lively, corrected"


def length_in_recorder(visit: Visit) -> str:
    """Of the sound that the recorder plays, in minutes and seconds."""
    return visit.page.inner_text("#recording #duration")


def test_a_take_whose_sound_made_room_says_so(visit: Visit) -> None:
    visit.open().try_example()
    answered(visit, 1)
    first = visit.headline
    visit.try_example(1)
    answered(visit, 2)
    visit.unfold("takes")
    visit.page.evaluate("window.serCopies.delete([...window.serCopies.keys()][0])")
    visit.page.get_by_role("button", name="Show 1 lively").click()
    visit.page.wait_for_selector("#told >> text=no longer on the page")
    assert visit.headline == first
    assert visit.page.locator("#recording button.record").is_visible(), "another's sound is shown"
    visit.page.get_by_role("button", name="Show 2 harsh").click()
    visit.page.locator("#told >> text=no longer on the page").wait_for(state="hidden")


def test_takes_are_named_removed_and_cleared_with_the_keyboard(visit: Visit) -> None:
    two_takes(visit)
    visit.unfold("takes")
    name = visit.page.get_by_label("Name of take 1")
    name.fill("before <b>")
    name.press("Enter")
    visit.page.get_by_label("Compare 1 before <b>").focus()
    visit.page.keyboard.press("Space")
    eventually(
        lambda: visit.page.get_by_label("Compare 1 before <b>").is_checked(), "nothing is ticked"
    )
    eventually(
        lambda: visit.page.evaluate("document.activeElement.ariaLabel") == "Compare 1 before <b>",
        "the list loses the keyboard's place",
    )
    visit.page.get_by_role("button", name="Remove 2 lively, corrected").press("Enter")
    answered(visit, 1)
    visit.page.get_by_role("button", name="Clear all takes").press("Enter")
    visit.page.locator("#takes").wait_for(state="hidden")


def test_clearing_ends_what_would_bring_the_recording_back(visit: Visit, voice: Path) -> None:
    recognizer = visit.server.recognizer
    visit.open().upload(voice)
    answered(visit, 1)
    visit.unfold("takes")
    with recognizer.slow(SLOW_S):
        visit.revise("dogs bark")
        eventually(lambda: recognizer.working == 1, "nothing is analysed")
        visit.page.get_by_role("button", name="Clear all takes").click()
        eventually(lambda: recognizer.working == 0, "the work goes on", SLOW_S / 2)
        eventually(lambda: not visit.page.is_visible("#transcript"), "the answer stays")
    assert not visit.page.is_visible("#takes")


def test_a_recording_that_made_room_is_told_kindly(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "ROOM_BYTES", 200_000)  # answers, and no sound
    visit.open().try_example()
    answered(visit, 1)
    visit.try_example(1)
    answered(visit, 2)
    visit.unfold("takes")
    visit.page.get_by_role("button", name="Show 1 lively").click()
    eventually(
        lambda: visit.page.locator(f"{ENTRIES}[aria-current]").get_attribute("data-number") == "1",
        "the first take is not shown again",
    )
    visit.revise("other words")
    told = visit.page.locator('#written-by [role="alert"]').inner_text()
    assert "no longer in memory" in told
    assert visit.headline


def drawn(visit: Visit, figure: str) -> list[str]:
    return visit.page.evaluate(
        f"document.querySelector('#{figure} .canvas').data.map((trace) => trace.meta ?? '')"
    )


def test_regions_are_drawn_where_they_are_asked_for_and_the_camera_stays(visit: Visit) -> None:
    visit.open().try_example()
    answered(visit, 1)
    visit.unfold("attributes")
    assert "region" not in drawn(visit, "cube")
    assert "twelve <actors>" in visit.page.inner_text("#about-regions")
    eye = eye_of_cube(visit)
    visit.page.get_by_label("Show where the emotions lie").focus()
    visit.page.keyboard.press("Space")
    eventually(lambda: drawn(visit, "cube").count("region") == 3, "no regions in the cube")
    assert eye_of_cube(visit) == pytest.approx(eye, abs=0.02)
    names = visit.page.locator("#cube .annotation-text-g")
    assert {"Angry", "Sad"} <= set(names.all_text_contents())
    visit.page.locator("#three-sides .label-wrap").click()
    visit.page.wait_for_selector("#sides .main-svg")
    eventually(lambda: drawn(visit, "sides").count("region") == 6, "no regions from the sides")
    visit.revise("other words")
    answered(visit, 2)
    assert visit.page.get_by_label("Show where the emotions lie").is_checked()


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_everything_fits_a_phone(visit: Visit) -> None:
    two_takes(visit)
    visit.page.click("#before")
    visit.page.wait_for_selector("#overlay .main-svg")
    visit.unfold("attributes")
    visit.page.get_by_label("Show where the emotions lie").check()
    visit.page.wait_for_selector("#cube .annotation-text-g")
    visit.page.locator("#three-sides .label-wrap").click()
    visit.page.wait_for_selector("#sides .main-svg")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    for figure in ("cube", "overlay"):
        frame = visit.page.locator(f"#{figure} .canvas").bounding_box()
        assert frame is not None
        for name in visit.page.locator(f"#{figure} .annotation-text-g").all():
            box = name.bounding_box()
            assert box is not None
            assert frame["x"] <= box["x"], "a name is cut"
            assert box["x"] + box["width"] <= frame["x"] + frame["width"], "a name is cut"


@pytest.mark.skipif(not (EMBEDDED / "config.json").is_file(), reason="no embedded bundle")
def test_the_embedded_bundle_tells_its_regions(
    chromium: "Browser", tmp_path: Path, voice: Path
) -> None:
    recognizer = Recognizer.from_pretrained(EMBEDDED, transcriber=None)
    with serve(recognizer, tmp_path) as server, visiting(server, chromium) as visit:
        visit.open().upload(voice)
        answered(visit, 1)
        visit.unfold("attributes")
        visit.page.wait_for_selector("#cube .main-svg")
        assert "RAVDESS actors" in visit.page.inner_text("#about-regions")
        visit.page.get_by_label("Show where the emotions lie").check()
        classes = len(recognizer.bundle.metrics["regions"])
        eventually(lambda: drawn(visit, "cube").count("region") == classes + 1, "no regions")
        notice = visit.page.inner_text("#notice")
        assert re.search(r"non-commercial", notice)
        assert "CC BY-NC-SA 4.0" in notice
