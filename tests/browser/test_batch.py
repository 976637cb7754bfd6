"""The tab "Many files": rows as they are done, sorted, saved, given up; nothing stays behind."""

import csv
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from assets.page.batch.tab import MAX_FILES
from assets.page.telling import WENT_WRONG
from tests.audio_files import voice as tone
from tests.browser.conftest import EXAMPLE, Visit, visiting
from tests.patience import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two recordings of the same name, one of another, and one that is none."""
    paths = [tmp_path / "a" / "take.wav", tmp_path / "b" / "take.wav", tmp_path / "b" / "long.flac"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
    soundfile.write(paths[0], tone(1.0, 16_000), 16_000)
    soundfile.write(paths[1], tone(2.0, 16_000), 16_000)
    shutil.copy(EXAMPLE, paths[2])
    bad = tmp_path / "b" / "bad.wav"
    bad.write_bytes(b"this is no sound at all" * 200)
    return [*paths, bad]


def open_batch(visit: Visit, theme: str = "light") -> Visit:
    visit.open(theme).page.get_by_role("tab", name="Many files").click()
    visit.page.wait_for_selector("#batch .batch-files")
    return visit


def choose(visit: Visit, files: list[Path]) -> None:
    visit.page.set_input_files("#batch .batch-input >> nth=0", files)


def told(visit: Visit) -> str:
    return visit.page.inner_text("#batch .batch-told")


def lines(visit: Visit) -> "Locator":
    return visit.page.locator("#batch tbody tr")


def names(visit: Visit) -> list[str]:
    return visit.page.locator("#batch tbody th").all_inner_texts()


def test_every_file_has_its_row_and_is_deleted(visit: Visit, files: list[Path]) -> None:
    choose(open_batch(visit), files)
    visit.page.wait_for_selector("#batch .batch-told >> text=4 files done.")
    assert names(visit) == ["take.wav", "take.wav", "long.flac", "bad.wav"]
    for line, path in zip(lines(visit).all()[:3], files[:3], strict=True):
        expected = visit.server.recognizer.predict(path)
        cells = line.locator("td:visible").all_inner_texts()
        share = f"{expected.emotions[expected.emotion]:.1%}"
        attributes = [f"{value:.2f}" for value in expected.attributes.values()]
        assert cells[0].strip() == expected.emotion.capitalize()
        assert cells[1:6] == [share, *attributes, f"{expected.duration_s:.1f}"]
        assert cells[6] == expected.transcript.text
    assert "bad.wav" in lines(visit).nth(3).locator("td").inner_text()
    assert visit.server.kept_files() == []
    visit.page.get_by_label("All emotions").check()
    expected = visit.server.recognizer.predict(files[0])
    cells = lines(visit).nth(0).locator("td:visible").all_inner_texts()
    assert cells[7:] == [f"{share:.1%}" for share in expected.emotions.values()]


def test_the_head_sorts_and_errors_stay_below(visit: Visit, files: list[Path]) -> None:
    choose(open_batch(visit), files)
    visit.page.wait_for_selector("#batch .batch-told >> text=4 files done.")
    head = visit.page.get_by_role("columnheader", name="Seconds")
    seconds = (
        "[...document.querySelectorAll('#batch tbody td:nth-child(7)')].map(e => +e.innerText)"
    )
    for direction, backwards in (("descending", True), ("ascending", False)):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        figures = visit.page.evaluate(seconds)
        assert figures == sorted(figures, reverse=backwards)
        assert names(visit)[-1] == "bad.wav"
    name = visit.page.get_by_role("columnheader", name="File")
    name.get_by_role("button").press("Enter")
    assert names(visit)[0] == "long.flac"
    assert head.get_attribute("aria-sort") is None


def test_the_table_is_saved_as_the_command_line_writes_it(visit: Visit, files: list[Path]) -> None:
    choose(open_batch(visit), files)
    visit.page.wait_for_selector("#batch .batch-told >> text=4 files done.")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save as CSV").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert download.value.suggested_filename == "emotions.csv"
    assert [row["file"] for row in rows] == ["take.wav", "take.wav", "long.flac", "bad.wav"]
    expected = visit.server.recognizer.predict(files[0])
    for name, value in {**expected.emotions, **expected.attributes}.items():
        assert float(rows[0][name]) == pytest.approx(value, abs=1e-6)
    assert rows[0]["error"] == ""
    assert "bad.wav" in rows[3]["error"]
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save as JSON lines").click()
    saved = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert json.loads(saved[0]) == {"file": "take.wav", **expected.to_dict()}
    assert set(json.loads(saved[3])) == {"file", "error"}


def test_giving_up_keeps_what_is_done(visit: Visit, files: list[Path]) -> None:
    open_batch(visit)
    with visit.server.recognizer.slow(1.0):
        choose(visit, [files[0]] * 30)
        eventually(lambda: lines(visit).count() >= 2, "rows do not appear as they are done")
        assert "of 30 files done" in told(visit)
        visit.page.get_by_role("button", name="Cancel").click()
        visit.page.wait_for_selector("#batch .batch-told >> text=what is done stays")
        count = lines(visit).count()
        assert 2 <= count < 25
        assert told(visit).startswith(f"Ended. {count} of 30 files done")
        time.sleep(1.5)
        assert lines(visit).count() == count
    eventually(lambda: visit.server.kept_files() == [], "files stay on the server")
    choose(visit, files[:1])
    visit.page.wait_for_selector("#batch .batch-told >> text=1 file done.")
    assert lines(visit).count() == count + 1


def test_files_chosen_while_a_run_ends_come_after_it(visit: Visit, files: list[Path]) -> None:
    open_batch(visit)
    with visit.server.recognizer.slow(2.0):
        choose(visit, [files[0]] * 6)
        eventually(lambda: lines(visit).count() >= 1, "no first row")
        visit.page.evaluate(
            """() => {
              document.querySelector("#batch .batch-cancel").click();
              const chosen = new DataTransfer();
              chosen.items.add(new File(["no sound"], "later.wav"));
              const input = document.querySelector("#batch .batch-input");
              input.files = chosen.files;
              input.dispatchEvent(new Event("change"));
            }"""
        )
        visit.page.wait_for_selector("#batch .batch-told >> text=1 file done.")
    assert "later.wav" in visit.page.inner_text("#batch .batch-results")


def test_what_waits_in_line_is_given_up_at_once(
    visit: Visit, chromium: "Browser", files: list[Path]
) -> None:
    recognizer = visit.server.recognizer
    with visiting(visit.server, chromium) as other:
        other.open()
        open_batch(visit)
        with recognizer.slow(120.0):
            other.try_example()
            eventually(lambda: recognizer.working == 1, "nothing is ahead in the line")
            asked = len(recognizer.paths)
            choose(visit, files[:2])
            line = visit.server.app._queue.event_queue_per_concurrency_id["model"].queue
            eventually(lambda: len(line) == 1, "the files are not in the line")
            visit.page.get_by_role("button", name="Cancel").click()
            visit.page.wait_for_selector("#batch .batch-told >> text=Ended. 0 of 2 files done")
            assert recognizer.working == 1, "it waited for its turn"
            assert not line, "its place in the line is kept"
            eventually(lambda: visit.server.kept_files() == [], "files stay on the server")
            assert len(recognizer.paths) == asked
            other.page.get_by_role("button", name="Cancel").click()
    choose(visit, files[:1])
    visit.page.wait_for_selector("#batch .batch-told >> text=1 file done.")


def test_a_closed_page_ends_the_work_and_leaves_no_file(visit: Visit, files: list[Path]) -> None:
    open_batch(visit)
    with visit.server.recognizer.slow(2.0):
        choose(visit, [files[0]] * 8)
        eventually(lambda: lines(visit).count() >= 1, "no first row")
        asked = len(visit.server.recognizer.paths)
        visit.page.close()
        eventually(lambda: visit.server.kept_files() == [], "files stay on the server")
        assert len(visit.server.recognizer.paths) <= asked + 3, "it works on for nobody"


def test_an_unforeseen_fault_is_told_in_rows_and_the_next_file_works(
    visit: Visit, files: list[Path]
) -> None:
    open_batch(visit)
    visit.server.recognizer.fault = ZeroDivisionError("secret detail")
    try:
        choose(visit, files[:2])
        visit.page.wait_for_selector("#batch .batch-told >> text=2 files done.")
    finally:
        visit.server.recognizer.fault = None
    assert lines(visit).locator("td").all_inner_texts() == [WENT_WRONG] * 2
    choose(visit, files[:1])
    visit.page.wait_for_selector("#batch .batch-told >> text=1 file done.")
    assert visit.server.kept_files() == []


def test_more_than_the_table_holds_is_left_out_and_said(visit: Visit, files: list[Path]) -> None:
    open_batch(visit)
    visit.page.evaluate(
        """(count) => {
          const all = new DataTransfer();
          for (let n = 0; n < count; n += 1) all.items.add(new File(["no sound"], `${n}.wav`));
          const input = document.querySelector("#batch .batch-input");
          input.files = all.files;
          input.dispatchEvent(new Event("change"));
        }""",
        MAX_FILES + 3,
    )
    problem = visit.page.locator("#batch .batch-problem.problem").inner_text()
    assert problem.startswith("200 files are the most in one table, so 3 of 203 files were left")
    visit.page.wait_for_selector("#batch .batch-told >> text=200 files done.", timeout=120_000)
    assert names(visit)[-1] == "199.wav"


def test_a_folder_brings_its_recordings_with_their_paths(visit: Visit, files: list[Path]) -> None:
    (files[0].parent / "notes.txt").write_text("no recording")
    (files[0].parent / ".hidden.wav").write_text("no recording")
    open_batch(visit).page.set_input_files("#batch .batch-input >> nth=1", files[0].parents[1])
    visit.page.wait_for_selector("#batch .batch-told >> text=4 files done.")
    folder = files[0].parents[1].name
    found = {name.removeprefix(f"{folder}/") for name in names(visit)}
    assert found == {"a/take.wav", "b/take.wav", "b/long.flac", "b/bad.wav"}


def test_files_can_be_dropped(visit: Visit) -> None:
    open_batch(visit)
    dropped = visit.page.evaluate_handle(
        """() => {
          const drop = new DataTransfer();
          drop.items.add(new File(["no sound"], "dropped.wav", { type: "audio/wav" }));
          return drop;
        }"""
    )
    visit.page.dispatch_event("#batch .batch-drop", "drop", {"dataTransfer": dropped})
    visit.page.wait_for_selector("#batch .batch-told >> text=1 file done.")
    assert names(visit) == ["dropped.wav"]


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_it_fits_a_phone(visit: Visit, files: list[Path]) -> None:
    choose(open_batch(visit, "dark"), files)
    visit.page.wait_for_selector("#batch .batch-told >> text=4 files done.")
    assert visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    scroll = visit.page.get_by_role("region", name="Table of all files")
    scroll.focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowRight")
    eventually(lambda: scroll.evaluate("(e) => e.scrollLeft") > 0, "the keyboard does not scroll")
    visit.page.get_by_role("button", name="Clear").click()
    assert lines(visit).count() == 0
    assert not scroll.is_visible()
