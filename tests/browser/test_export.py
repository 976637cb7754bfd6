"""Files of an analysis: asked for in one menu, made on demand, read again by other programs."""

import csv
import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from praatio import textgrid as praat

from ser.labels import ATTRIBUTES
from tests.browser.conftest import PATIENCE_MS, Visit, visiting
from tests.fake_recognizer import CLASSES, HEARD
from tests.page_server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download

MENU = "#save summary"
WHITE, NIGHT = (255, 255, 255), (23, 28, 36)  # cards in the light and in the dark theme


@pytest.fixture(scope="module")
def answered(fake_server: Server, chromium: "Browser", voice: Path) -> Iterator[Visit]:
    """One visit with one answer, of which all files are made."""
    with visiting(fake_server, chromium) as visit:
        visit.open().upload(voice)
        visit.wait_for_result()
        yield visit


def saved(visit: Visit, kind: str) -> "Download":
    """What the menu's entry of this name gives."""
    visit.page.click(MENU)
    with visit.page.expect_download() as download:
        visit.page.locator(f"#save li >> text={kind}").click()
    return download.value


def text_of(download: "Download") -> str:
    return Path(download.path()).read_text(encoding="utf-8")


def test_the_json_is_the_public_contract(answered: Visit, voice: Path) -> None:
    download = saved(answered, "JSON")
    assert download.suggested_filename == "my voice.emotion.json"
    expected = answered.server.recognizer.predict(voice).to_dict(timeline=True)
    assert json.loads(text_of(download)) == {"file": voice.name, **expected}


def test_the_csv_has_a_row_with_begin_and_end_for_each_window(answered: Visit, voice: Path) -> None:
    download = saved(answered, "CSV")
    assert download.suggested_filename == "my voice.emotion.csv"
    rows = list(csv.DictReader(io.StringIO(text_of(download))))
    prediction = answered.server.recognizer.predict(voice)
    assert len(rows) == len(prediction.windows) > 0
    for row, window in zip(rows, prediction.windows, strict=True):
        assert row["file"] == voice.name
        assert float(row["start_s"]) == pytest.approx(window.start_s, abs=1e-6)
        assert float(row["end_s"]) == pytest.approx(window.end_s, abs=1e-6)
        for name, share in {**window.emotions, **window.attributes}.items():
            assert float(row[name]) == pytest.approx(share, abs=1e-6)


def test_praat_finds_words_emotions_and_attributes(answered: Visit) -> None:
    download = saved(answered, "Praat TextGrid")
    assert download.suggested_filename == "my voice.TextGrid"
    grid = praat.openTextgrid(str(download.path()), False, reportingMode="error")
    assert grid.tierNames == ("words", "emotion", *CLASSES, *ATTRIBUTES)
    assert " ".join(entry.label for entry in grid.getTier("words").entries) == HEARD


def test_the_report_is_read_without_a_network(
    answered: Visit, voice: Path, chromium: "Browser", tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    download = saved(answered, "Report")
    assert download.suggested_filename == "my voice.report.html"
    download.save_as(path)
    context = chromium.new_context(offline=True)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(request.url))
    page.goto(path.as_uri(), wait_until="commit")
    for name in ("emotions", "timeline", "path", "sides", "attention"):
        page.wait_for_selector(f"#{name} .main-svg")
        assert page.get_attribute(f"#{name}", "aria-label")
    assert page.inner_text("h1") == voice.name
    assert answered.headline.split()[0] in page.inner_text(".headline")
    assert "Article 5(1)(f)" in page.inner_text("footer")
    context.close()
    assert faults == []


def test_nothing_of_it_is_written_on_the_server(answered: Visit) -> None:
    for kind in ("Report", "CSV", "TextGrid", "JSON"):
        saved(answered, kind)
    assert answered.server.kept_files() == []


def test_the_same_file_can_be_had_twice(answered: Visit) -> None:
    assert text_of(saved(answered, "CSV")) == text_of(saved(answered, "CSV"))


def test_the_menu_works_with_the_keyboard(answered: Visit) -> None:
    keyboard = answered.page.keyboard
    answered.page.focus(MENU)
    keyboard.press("Enter")
    for _ in range(2):
        keyboard.press("Tab")
    assert answered.page.evaluate("document.activeElement.dataset.kind") == "csv"
    keyboard.press("Escape")
    assert not answered.page.locator("#save li").first.is_visible()
    assert answered.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    keyboard.press("Enter")
    keyboard.press("Tab")
    keyboard.press("Tab")
    with answered.page.expect_download() as download:
        keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".csv")
    answered.page.wait_for_selector("#save [role=status] >> text=Made my voice.emotion.csv.")


def corner_of_png(path: Path) -> tuple[int, int, tuple[int, ...]]:
    """Width, height and first pixel (RGBA) of a PNG with 8 bits a channel."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    channels = {2: 3, 6: 4}[colour]
    assert depth == 8
    place, data = 8, b""
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        if content[place + 4 : place + 8] == b"IDAT":
            data += content[place + 8 : place + 8 + length]
        place += 12 + length
    raw = zlib.decompress(data)
    # The first pixel has no neighbours: whatever the row's filter, it is stored as it is.
    return width, height, (*raw[1 : 1 + channels], 255)[:4]


def test_every_plot_is_saved_as_a_picture_on_the_ground_it_was_made_for(
    answered: Visit, tmp_path: Path
) -> None:
    for name, ground in (
        ("emotions", WHITE), ("attention", WHITE), ("cube", WHITE), ("attention", NIGHT),
    ):  # fmt: skip
        if ground == NIGHT:
            answered.page.click("#header .theme")
        button = answered.page.locator(f"#{name} .save-picture")
        assert (button.get_attribute("aria-label") or "").startswith("Save as PNG: ")
        with answered.page.expect_download() as download:
            button.focus()
            answered.page.keyboard.press("Enter")
        assert download.value.suggested_filename == f"{name}.png"
        path = tmp_path / f"{name}.png"
        download.value.save_as(path)
        width, height, pixel = corner_of_png(path)
        box = answered.page.locator(f"#{name} .canvas").bounding_box()
        assert box is not None
        assert (width, height) == pytest.approx((2 * box["width"], 2 * box["height"]), abs=4)
        assert pixel == (*ground, 255)


def test_without_an_analysis_there_is_no_picture_and_a_sentence_for_a_file(
    visit: Visit, voice: Path
) -> None:
    visit.open()
    assert not visit.page.locator("#emotions .save-picture").is_visible()
    visit.upload(voice)
    visit.wait_for_result()
    holder = visit.server.app.state_holder
    for session in list(holder.session_data):
        holder.delete_state(session)
    visit.page.click(MENU)
    visit.page.locator("#save li >> text=JSON").click()
    visit.page.wait_for_selector("#save [role=status] >> text=no longer in memory")
