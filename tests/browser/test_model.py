"""The tab "Model": what it shows of a bundle, and the choice of another for this visit."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from assets.page.models import Models
from ser.bundle import EMBEDDED
from ser.errors import BundleError
from ser.recognizer import Recognizer
from tests.browser.conftest import Visit, visiting
from tests.fake_recognizer import FakeRecognizer
from tests.page_server import Server, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CONFUSION = {"classes": ["sad", "calm"], "counts": [[3, 1], [0, 2]]}
CARD = "---\nlicense: mit\n---\n# Its card\n\n![spy](https://example.org/x.png) <b>bold</b>"


def other(source: str) -> Recognizer:
    """The bundle in the folder `other`; every other one is missing."""
    if not source.endswith("other"):
        raise BundleError(f"There is no bundle {source}.")
    recognizer = FakeRecognizer()
    recognizer.bundle.name = "other-bundle"
    recognizer.bundle.card = CARD
    recognizer.bundle.metrics = {
        "summary": "It learnt from others.",
        "confusion": CONFUSION,
        "uar": 0.5,
    }
    return cast(Recognizer, recognizer)


@pytest.fixture(scope="module")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    first: Any = FakeRecognizer()
    models = Models(first, {"other": Path("/bundles/other")}, hub=True, load=other)
    with serve(models, tmp_path_factory.mktemp("uploads")) as running:
        yield running


def open_tab(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Model").click()
    visit.page.wait_for_selector("#model-facts dl")


def choose(visit: Visit, name: str) -> None:
    visit.page.click("#model-choice input")
    visit.page.get_by_role("option", name=name).click()


def test_a_bundle_without_card_and_measures_says_so(visit: Visit) -> None:
    open_tab(visit.open())
    assert "fake-bundle" in visit.page.inner_text("#model-facts")
    assert "The fake transcriber writes the text." in visit.page.inner_text("#model-facts")
    assert "brings no model card" in visit.page.inner_text("#model-card")
    assert "does not say how good" in visit.page.inner_text("#model-figures")


def test_another_model_answers_for_this_visit_alone(visit: Visit, voice: Path) -> None:
    page = visit.open().page
    open_tab(visit)
    choose(visit, "other")
    page.wait_for_selector("#model-told >> text=other answers from now on.")
    assert "other-bundle" in page.inner_text("#model-facts")
    assert "mit" in page.inner_text("#model-facts")
    assert page.locator("#model-figures .confusion tbody td").all_inner_texts() == [
        "75%", "25%", "0%", "100%",
    ]  # fmt: skip
    assert "<b>bold</b>" in page.inner_text("#model-card")  # as text; the picture is not fetched
    assert "It learnt from others." in page.inner_text("#notice")
    page.get_by_role("tab", name="One recording").click()
    visit.upload(voice)
    visit.wait_for_result()
    models: Any = visit.server.models
    assert models.get("other").paths[-1].endswith("my voice.flac")
    assert not any(path.endswith("my voice.flac") for path in models.get(models.first).paths)
    page.reload()
    open_tab(visit)
    assert "fake-bundle" in page.inner_text("#model-facts")


def test_what_cannot_be_loaded_is_said_and_the_model_before_stays(visit: Visit) -> None:
    page = visit.open().page
    open_tab(visit)
    choose(visit, "other")
    page.wait_for_selector("#model-told >> text=other answers from now on.")
    for typed, told in (
        ("nobody/nothing", "There is no bundle nobody/nothing. other goes on answering."),
        ("/etc", "/etc is not a Hub id"),
    ):
        page.fill("#model-hub input, #model-hub textarea", typed)
        page.click("#model-load")
        page.wait_for_selector(f"#model-told [role=alert] >> text={told}")
    assert "other-bundle" in page.inner_text("#model-facts")
    assert page.input_value("#model-choice input") == "other"


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_on_a_phone_all_of_it_fits_the_screen(visit: Visit) -> None:
    page = visit.open().page
    open_tab(visit)
    choose(visit, "other")
    page.wait_for_selector("#model-figures .confusion")
    cards = page.locator(".card:visible").all()
    boxes = [box for card in cards if (box := card.bounding_box())]
    assert len(boxes) == 4
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 360 for box in boxes)


@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="needs the embedded bundle")
def test_the_embedded_bundle_and_a_copy_of_it(
    chromium: "Browser", tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(EMBEDDED, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "name": "a copy"}))

    def load(source: str) -> Recognizer:
        return Recognizer.from_pretrained(source, transcriber=None)

    models = Models(load(str(EMBEDDED)), {"copy": copy}, load=load)
    with (
        serve(models, tmp_path_factory.mktemp("uploads")) as server,
        visiting(server, chromium) as visit,
    ):
        open_tab(visit.open())
        assert "cc-by-nc-sa-4.0" in visit.page.inner_text("#model-facts")
        assert "UAR: mean recall of the classes" in visit.page.inner_text("#model-figures")
        assert "Data and licence" in visit.page.inner_text("#model-card")
        assert not visit.page.is_visible("#model-hub")  # nobody allowed it
        choose(visit, "copy")
        visit.page.wait_for_selector("#model-facts >> text=a copy")
