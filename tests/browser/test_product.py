"""The page with a real recogniser: tiny random encoders always, the embedded bundle where it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ser.bundle import EMBEDDED
from ser.recognizer import Recognizer
from tests.browser.conftest import Visit, visiting
from tests.page_server import Server, serve
from tests.tiny import save_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module", params=["tiny", "embedded"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if request.param == "tiny":
        bundle = save_bundle(tmp_path_factory.mktemp("bundle"))
    elif (EMBEDDED / "config.json").is_file():
        bundle = EMBEDDED
    else:
        pytest.skip(f"no bundle in {EMBEDDED.parent.name}/{EMBEDDED.name}")
    recognizer = Recognizer.from_pretrained(bundle, transcriber="pocketsphinx")
    with serve(recognizer, tmp_path_factory.mktemp("uploads")) as server:
        yield server


@pytest.fixture
def visit(product: Server, chromium: "Browser") -> Iterator[Visit]:
    with visiting(product, chromium) as visit:
        yield visit


def test_an_upload_is_transcribed_answered_corrected_and_deleted(visit: Visit, voice: Path) -> None:
    visit.open().upload(voice)
    visit.wait_for_result()
    expected = visit.server.recognizer.predict(voice)
    assert f"{expected.emotions[expected.emotion]:.1%}" in visit.headline
    assert visit.page.inner_text("#written-by") == "Written by PocketSphinx."
    assert visit.page.input_value("#transcript textarea") == expected.transcript.text
    assert visit.server.recognizer.bundle.name in visit.page.inner_text("#facts")
    assert visit.server.kept_files() == []
    visit.page.fill("#transcript textarea", "no never touch my things again")
    visit.page.get_by_role("button", name="Analyse with this text").click()
    visit.page.wait_for_selector("#written-by >> text=Written by you.")
    corrected = visit.server.recognizer.predict(voice, "no never touch my things again")
    assert f"{corrected.emotions[corrected.emotion]:.1%}" in visit.headline
