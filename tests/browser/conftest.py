"""A headless Chromium that listens to a file instead of a microphone, and visits to the page."""

import shutil
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ser.audio import SAMPLE_RATE_HZ, load_audio
from tests.fake_recognizer import FakeRecognizer
from tests.page_server import Server, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

driver = pytest.importorskip(
    "playwright.sync_api", reason="browser tests need playwright: pip install playwright"
)

EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "examples" / "harsh.flac"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
PATIENCE_MS = 60_000  # a machine may be busy with other work
FIGURES = {"over-time": "timeline", "listened": "attention", "attributes": "cube"}


@dataclass
class Visit:
    """One page, and all that a user or an administrator could complain about."""

    page: "Page"
    server: Server
    complaints: list[str] = field(default_factory=list)
    tolerated: tuple[str, ...] = ()  # beginnings of complaints that belong to the test

    def open(self, theme: str = "light") -> "Visit":
        self.page.goto(f"{self.server.url}?__theme={theme}")
        self.page.wait_for_selector("#recording button.record")
        return self

    def upload(self, path: Path) -> None:
        turn_to_files(self.page)
        self.page.set_input_files("#recording input[type=file]", path)

    def try_example(self, number: int = 0) -> None:
        self.page.locator(".examples button").nth(number).click()

    def wait_for_answer(self) -> None:
        """The headline, and all other cards as they are."""
        self.page.wait_for_selector("#summary .headline")

    def wait_for_result(self) -> None:
        """The answer, with everything unfolded; the cube alone takes seconds without a GPU."""
        self.wait_for_answer()
        closed = self.page.locator(".fold:visible > .label-wrap:not(.open)")
        while closed.count():
            closed.first.click()
        self.page.wait_for_selector("#cube .main-svg")

    def unfold(self, card: str) -> None:
        """Open one closed card, and wait for its figure where it has one."""
        self.page.locator(f"#{card} > .label-wrap:not(.open)").click()
        if card in FIGURES:
            self.page.wait_for_selector(f"#{FIGURES[card]} .main-svg")

    def revise(self, text: str) -> None:
        """Analyse with another text."""
        self.page.fill("#transcript textarea", text)
        self.page.get_by_role("button", name="Analyse with this text").click()

    def switch_theme(self) -> None:
        """Light becomes dark or dark light."""
        self.page.click("#header .theme")

    @property
    def headline(self) -> str:
        return self.page.inner_text("#summary .headline")

    def listen(self) -> None:
        """Write down errors in the console, failed requests and requests to other servers."""

        def on_console(message: "ConsoleMessage") -> None:
            if message.type == "error":
                self._complain(message.text)

        def on_response(response: "Response") -> None:
            if response.status >= 400:
                self._complain(f"{response.status} {response.url}")

        def on_request(request: "Request") -> None:
            if not request.url.startswith((self.server.url, "blob:", "data:")):
                self._complain(f"foreign request: {request.url}")

        self.page.on("console", on_console)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("response", on_response)
        self.page.on("request", on_request)

    def _complain(self, text: str) -> None:
        if not text.startswith(self.tolerated or ("\0",)):
            self.complaints.append(text)


def turn_to_files(page: "Page") -> None:
    """Open the recorder's side for files, which empties the page; return once that is done."""
    with page.expect_response("**/run/predict*"):
        page.click('#recording [aria-label="Upload file"]')


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears, again and again."""
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    samples = (load_audio(EXAMPLE).samples * 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def chromium(microphone: Path) -> Iterator["Browser"]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("browser tests need Chromium: apt-get install chromium")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=program,
            args=[*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(FakeRecognizer(), tmp_path_factory.mktemp("uploads")) as server:
        yield server


@contextmanager
def visiting(server: Server, chromium: "Browser", width: int = 1200) -> Iterator[Visit]:
    """A page of its own, at rest at once; nothing to complain about may be left at the end."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        permissions=["microphone"],
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page(), server)
    visit.listen()
    try:
        yield visit
    finally:
        context.close()
    assert visit.complaints == []  # what went wrong above says more than they do


@pytest.fixture
def visit(
    fake_server: Server, chromium: "Browser", request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """A visit to the fake recogniser; parametrize indirectly with a window's width in pixels."""
    with visiting(fake_server, chromium, getattr(request, "param", 1200)) as visit:
        yield visit


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording under another name than the examples."""
    path = tmp_path_factory.mktemp("voice") / "my voice.flac"
    path.write_bytes(EXAMPLE.read_bytes())
    return path
