"""The page in a real browser: what a visitor does, sees and leaves behind.

Every visit also fails on an error in the console, a failed request or one to another server.
"""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.page import visits
from assets.page.telling import WENT_WRONG
from tests.audio_files import encode, film
from tests.audio_files import voice as tone
from tests.browser.conftest import EXAMPLE, Visit, turn_to_files, visiting
from tests.patience import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_microphone_is_recorded_and_answered(visit: Visit) -> None:
    visit.open().page.click("#recording button.record")
    visit.page.wait_for_selector("#recording .duration >> text=0:02")
    visit.page.click("#recording .stop-button")
    visit.wait_for_answer()
    visit.unfold("saving")
    seconds = re.search(r"([\d.]+) s,", visit.page.inner_text("#facts"))
    assert seconds is not None
    assert float(seconds[1]) > 1.0


def test_a_recording_can_be_heard_after_the_server_deleted_it(visit: Visit, voice: Path) -> None:
    visit.open().upload(voice)
    visit.wait_for_answer()
    assert visit.server.recognizer.paths[-1].endswith(voice.name)
    eventually(lambda: visit.server.kept_files() == [], "the recording is still on the disk")
    visit.page.click('#recording [aria-label="Play"]')
    eventually(
        lambda: visit.page.inner_text("#recording #time") != "0:00", "the recording does not play"
    )


def test_two_visitors_can_try_the_same_example_at_once(visit: Visit, chromium: "Browser") -> None:
    with visit.server.recognizer.slow(0.5), visiting(visit.server, chromium) as other:
        other.open()
        visit.open().try_example()
        other.try_example()
        visit.wait_for_answer()
        other.wait_for_answer()
        assert visit.headline == other.headline
    assert visit.server.kept_files() == []


def test_a_corrected_transcript_changes_the_answer_without_hearing_again(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    visit.unfold("listened")
    heard = len(visit.server.recognizer.paths)
    before = visit.headline, visit.page.inner_text("#shares")
    visit.revise("dogs bark loudly")
    visit.page.wait_for_selector("#written-by >> text=Written by you.")
    assert (visit.headline, visit.page.inner_text("#shares")) != before
    eventually(
        lambda: "loudly" in (visit.page.text_content("#attention") or ""),
        "the new words are not on the time axis",
    )
    assert len(visit.server.recognizer.paths) == heard


def test_without_words_the_text_encoder_is_said_to_be_left_out(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    visit.unfold("listened")
    visit.revise("")
    visit.page.wait_for_selector("#summary .notes")
    assert "text encoder was left out" in visit.page.inner_text("#summary")
    assert "left out" in visit.page.inner_text("#shares")


def webm(folder: Path) -> Path:
    return encode(folder / "from a browser.webm", tone(2.0, 48_000), 48_000, "libopus")


def mp4(folder: Path) -> Path:
    sound = encode(folder / "sound.m4a", tone(2.0, 48_000), 48_000, "aac")
    return film(folder / "film.mp4", sound)


def misnamed(folder: Path) -> Path:
    path = folder / "really flac.txt"
    path.write_bytes(EXAMPLE.read_bytes())
    return path


@pytest.mark.parametrize("make", [webm, mp4, misnamed])
def test_sound_is_taken_whatever_the_browser_calls_it(
    visit: Visit, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    # gradio's player cannot draw every film, and asks twice for what it cannot play by its ending
    visit.tolerated = ("Waveform load error", "403 ", "Failed to load resource")
    path = make(tmp_path)
    visit.open().upload(path)
    visit.wait_for_answer()
    visit.unfold("saving")
    assert path.name in visit.page.inner_text("#facts")


def test_a_film_can_be_dropped(visit: Visit, tmp_path: Path) -> None:
    visit.tolerated = ("Waveform load error",)
    content = base64.b64encode(mp4(tmp_path).read_bytes()).decode()
    turn_to_files(visit.open().page)
    dropped = visit.page.evaluate_handle(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
          const drop = new DataTransfer();
          drop.items.add(new File([bytes], "dropped.mp4", { type: "video/mp4" }));
          return drop;
        }""",
        content,
    )
    target = "#recording .upload-container"
    visit.page.dispatch_event(target, "drop", {"dataTransfer": dropped})
    visit.wait_for_answer()
    visit.unfold("saving")
    assert "dropped.mp4" in visit.page.inner_text("#facts")


def test_a_corrupt_file_gets_its_sentence_and_the_next_one_an_answer(
    visit: Visit, voice: Path, tmp_path: Path
) -> None:
    visit.tolerated = ("Waveform load error",)  # gradio's player tries to draw the file
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"this is no sound at all" * 200)
    visit.open().upload(voice)
    visit.wait_for_answer()
    visit.page.click('#recording [aria-label="Clear"]')
    visit.page.wait_for_selector("#summary .invitation")
    visit.upload(bad)
    assert "bad.wav" in visit.page.locator('#summary [role="alert"]').inner_text()
    assert not visit.page.locator("#transcript").is_visible(), "an old result looks like a new one"
    visit.page.click('#recording [aria-label="Clear"]')
    visit.upload(voice)
    visit.wait_for_answer()


def test_an_unforeseen_fault_is_a_neutral_sentence_and_keeps_the_last_result(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    before = visit.headline
    visit.server.recognizer.fault = ZeroDivisionError("secret detail")
    try:
        visit.page.get_by_role("button", name="Analyse with this text").click()
        assert visit.page.locator('#written-by [role="alert"]').inner_text() == WENT_WRONG
        assert visit.headline == before
        visit.try_example(1)
        assert visit.page.locator('#summary [role="alert"]').inner_text() == WENT_WRONG
    finally:
        visit.server.recognizer.fault = None


def test_it_can_be_used_with_the_keyboard_alone(visit: Visit) -> None:
    visit.open()
    reached: list[str] = []
    for _ in range(12):
        visit.page.keyboard.press("Tab")
        reached.append(
            visit.page.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.innerText"
            )
        )
        if reached[-1] == "“I miss him every day.”":
            break
    assert "Switch between light and dark" in reached
    assert "Record" in reached
    visit.page.keyboard.press("Enter")
    visit.wait_for_answer()
    visit.unfold("saving")
    assert "slow.flac" in visit.page.inner_text("#facts")


def test_clearing_the_recording_clears_the_result(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    visit.page.click('#recording [aria-label="Clear"]')
    visit.page.wait_for_selector("#summary .invitation")
    assert not visit.page.locator("#transcript").is_visible()
    assert visit.page.locator("#emotions .main-svg").count() == 0


def test_a_closed_page_leaves_nothing_in_memory(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "GRACE_S", 0.5)
    holder = visit.server.app.state_holder
    others = set(holder.session_data)
    visit.open().try_example()
    visit.wait_for_answer()
    (own,) = set(holder.session_data) - others
    visit.page.close()
    eventually(lambda: own not in holder.session_data, "a visit outlives its page")


def test_a_forgotten_analysis_is_said_in_a_sentence(visit: Visit) -> None:
    visit.open().try_example()
    visit.wait_for_answer()
    holder = visit.server.app.state_holder
    for session in list(holder.session_data):
        holder.delete_state(session)
    visit.page.get_by_role("button", name="Analyse with this text").click()
    told = visit.page.locator('#written-by [role="alert"]').inner_text()
    assert "no longer in memory" in told


def test_progress_is_told_while_it_works(visit: Visit) -> None:
    with visit.server.recognizer.slow(2.0):
        visit.open().try_example()
        bar = visit.page.locator('#summary [role="progressbar"]')
        assert bar.get_attribute("aria-label") == "Listening"
        visit.wait_for_answer()
