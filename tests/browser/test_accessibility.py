"""For everyone: no serious finding of axe, keyboard alone, 360 px, nothing jumps on opening."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import EXAMPLE, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="accessibility needs axe: pip install axe-playwright-python",
)

CARDS = ("over-time", "listened", "attributes", "saving")
TABS = ("One recording", "Live", "Many files", "Model")
INNER = ("windows", "three-sides")
SERIOUS = ("serious", "critical")
PRESSES = 60  # of the tab key, before a part of the page counts as out of reach

WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""


def findings(visit: Visit) -> list[str]:
    """What axe holds to be serious or critical in what is seen now."""
    violations: list[dict[str, Any]] = axe.Axe().run(visit.page).response["violations"]
    return [
        f"{found['id']}: {node['html'][:120]}"
        for found in violations
        if found["impact"] in SERIOUS
        for node in found["nodes"]
    ]


def open_tab(visit: Visit, name: str) -> None:
    visit.page.get_by_role("tab", name=name).click()
    visit.page.wait_for_selector(f'[role=tab][aria-selected=true]:has-text("{name}")')


def too_wide(visit: Visit) -> int:
    """Pixels by which the page is wider than the window."""
    return visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")


def answer_everywhere(visit: Visit) -> None:
    """An answer in each tab that gives one: takes with all cards opened, live, many files."""
    page = visit.page
    open_tab(visit, "One recording")
    visit.try_example()
    page.wait_for_selector("#summary .headline")
    page.fill("#transcript textarea", "dogs bark")
    page.get_by_role("button", name="Analyse with this text").click()
    page.wait_for_selector("#written-by >> text=Written by you.")
    page.click("#before")
    page.wait_for_selector("#overlay .main-svg")
    for name in CARDS:
        visit.unfold(name)
    for name in INNER:
        page.locator(f"#{name} > .label-wrap").click()
    for figure in ("timeline", "attention", "cube", "sides"):
        page.wait_for_selector(f"#{figure} .main-svg")
    open_tab(visit, "Live")
    page.get_by_role("button", name="Start listening").click()
    page.wait_for_selector("#trail .main-svg")
    page.locator(".live-toggle").click()
    page.wait_for_selector(".live-told >> text=Listening has ended.")
    open_tab(visit, "Many files")
    page.set_input_files("#batch .batch-input >> nth=0", [EXAMPLE, Path(__file__)])
    page.wait_for_function("document.querySelectorAll('#batch tbody tr').length === 2")
    page.wait_for_selector("#batch .batch-told >> text=done")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("visit", [360, 1200], indirect=True)
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_window(
    visit: Visit, theme: str
) -> None:
    visit.open(theme)
    found: dict[str, list[str]] = {}
    for moment in ("before", "after"):
        if moment == "after":
            answer_everywhere(visit)
        for name in TABS:
            open_tab(visit, name)
            found[f"{name} {moment}"] = findings(visit)
            assert too_wide(visit) == 0, f"{name} {moment}"
    assert {place: what for place, what in found.items() if what} == {}


def test_axe_would_find_a_button_without_a_name(visit: Visit) -> None:
    visit.open()
    visit.page.evaluate(
        "document.querySelector('.examples').append(document.createElement('button'))"
    )
    assert any(found.startswith("button-name") for found in findings(visit))


def focused(visit: Visit) -> str:
    """What a screen reader calls the place of the keyboard, or begins to read there."""
    return visit.page.evaluate(
        """() => {
          const at = document.activeElement;
          const name = at.ariaLabel || at.labels?.[0]?.innerText || at.innerText || at.tagName;
          return name.trim().split("\\n")[0];
        }"""
    )


def walk_to(visit: Visit, name: str) -> list[str]:
    """Press the tab key until the part of this name has the keyboard, and show that it is seen."""
    passed: list[str] = []
    for _ in range(PRESSES):
        visit.page.keyboard.press("Tab")
        passed.append(focused(visit))
        if passed[-1].startswith(name):
            assert has_ring(visit.page.locator(":focus")), f"nobody sees that {name} has the focus"
            return passed
    raise AssertionError(f"{name} is out of reach of the keyboard: {passed}")


def has_ring(place: "Locator") -> bool:
    return place.evaluate(
        "(e) => { const s = getComputedStyle(e);"
        " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1"
        " || s.boxShadow !== 'none' }"
    )


def test_recorder_example_timeline_takes_and_tabs_are_used_with_the_keyboard_alone(
    visit: Visit,
) -> None:
    page = visit.open().page
    press = page.keyboard.press
    passed = walk_to(visit, "Record")
    assert "Switch between light and dark" in passed
    assert "One recording" in passed
    press("Enter")
    page.wait_for_selector("#recording .stop-button")
    walk_to(visit, "Stop")
    page.wait_for_timeout(700)  # somebody speaks
    press("Enter")
    page.wait_for_selector("#summary .headline")
    first = visit.headline
    walk_to(visit, "“Never touch my things!”")
    press("Enter")
    page.wait_for_function(
        "(old) => { const now = document.querySelector('#summary .headline');"
        " return now && now.innerText !== old }",
        arg=first,
    )
    walk_to(visit, "Over time")
    press("Enter")
    page.wait_for_selector("#timeline .main-svg")
    walk_to(visit, "Position in the recording")
    before = page.get_attribute("#score .seeker", "aria-valuenow")
    press("PageUp")
    page.wait_for_function(
        "(old) => document.querySelector('#score .seeker').ariaValueNow !== old", arg=before
    )
    walk_to(visit, "Takes of this visit")
    press("Enter")
    page.wait_for_selector("#takes-list .takes li")
    walk_to(visit, "Clear all takes")
    press("Enter")
    page.wait_for_selector("#takes", state="hidden")
    page.keyboard.press("Home")
    page.locator("[role=tab][aria-selected=true]").focus()
    for name in TABS[1:]:
        walk_to(visit, name)
        press("Enter")
        page.wait_for_selector(f'[role=tab][aria-selected=true]:has-text("{name}")')


@pytest.mark.parametrize("visit", [360, 1200], indirect=True)
def test_nothing_jumps_while_the_page_opens(visit: Visit) -> None:
    visit.page.add_init_script(WATCH_SHIFTS)
    visit.open()
    visit.page.wait_for_selector("#recording .mic-select")
    visit.page.wait_for_timeout(500)
    assert sum(visit.page.evaluate("window.shifts")) < 0.01
