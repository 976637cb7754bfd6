"""The tab "Live": a fake microphone speaks, the page answers while it does."""

import gc
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from assets.page.live import streams
from ser.audio import SAMPLE_RATE_HZ
from tests.browser.conftest import Visit, visiting
from tests.fake_recognizer import CLASSES
from tests.patience import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OTHER_RATE = """{
  const Context = window.AudioContext;
  window.AudioContext = class extends Context {
    constructor(options = {}) {
      if (options.sampleRate) throw new DOMException("only my own rate", "NotSupportedError");
      super({ sampleRate: 44100 });
    }
  };
}"""


NO_SOUND = "MediaStreamAudioSourceNode.prototype.connect = () => {};"

PULLED_OUT_AT_ONCE = """{
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    const [track] = stream.getAudioTracks();
    setTimeout(() => {
      track.stop();
      track.dispatchEvent(new Event("ended"));
    });
    return stream;
  };
}"""

SUSPENDED = """{
  const Context = window.AudioContext;
  window.AudioContext = class extends Context {
    constructor(options) {
      super(options);
      window.interrupt = () => this.suspend();
    }
  };
}"""


def refusing(name: str) -> str:
    return (
        "navigator.mediaDevices.getUserMedia = async () => "
        f"{{ throw new DOMException('no', '{name}'); }};"
    )


def listeners() -> int:
    return sum(thread.name == "live" for thread in threading.enumerate())


# Drawing in three dimensions without a graphics card takes most of a test's time.
NO_DRAWING = """window.Plotly = {
  react: async (canvas) => { canvas.on = () => {}; },
  purge: () => {},
};"""


def open_live(visit: Visit, theme: str = "light", drawn: bool = False) -> Visit:
    if not drawn:
        visit.page.route(
            "**/vendor/plotly.min.js",
            lambda route: route.fulfill(body=NO_DRAWING, content_type="text/javascript"),
        )
    visit.open(theme).page.get_by_role("tab", name="Live").click()
    visit.page.wait_for_selector("#live .live-toggle")
    return visit


def number(visit: Visit, name: str) -> float:
    return float(visit.page.get_attribute("#live", f"data-{name}") or 0)


def start(visit: Visit, updates: int = 3) -> None:
    visit.page.get_by_role("button", name="Start listening").click()
    eventually(lambda: number(visit, "updates") >= updates, "no answers while somebody speaks")


def stop(visit: Visit) -> None:
    visit.page.locator("#live").get_by_role("button", name="Stop").click()
    visit.page.wait_for_selector(".live-told >> text=Listening has ended.")


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    eventually(lambda: listeners() == 0, "somebody is listened to after the page was closed")


def test_answers_follow_the_voice_and_no_sound_is_lost(visit: Visit) -> None:
    open_live(visit, drawn=True)
    assert not visit.page.locator("#live .headline").is_visible(), "an answer before any sound"
    start(visit, updates=6)
    lines = visit.page.locator(".live-bars li").all_inner_texts()
    assert [line.split("\n")[0].lower() for line in lines] == list(CLASSES)
    before = visit.page.inner_text(".live-bars")
    eventually(lambda: visit.page.inner_text(".live-bars") != before, "the bars stand still")
    visit.page.wait_for_selector("#trail .main-svg")
    label = visit.page.get_attribute("#trail [role=img]", "aria-label") or ""
    assert label.startswith("A path in a cube, at the moment at arousal ")
    stop(visit)
    sent, received = number(visit, "sent"), number(visit, "received")
    assert sent > 3
    assert received == pytest.approx(sent, abs=1e-6), "sound was lost on the way"
    assert f"Heard {received:.1f} s of {sent:.1f} s." in visit.page.inner_text(".live-heard")
    window = visit.server.recognizer.paths[-1]
    assert window.startswith("Waveform"), "no file is written"
    assert visit.server.kept_files() == []


def test_recordings_that_are_analysed_meanwhile_do_not_hold_up_the_sound(
    visit: Visit, chromium: "Browser"
) -> None:
    recognizer = visit.server.recognizer
    open_live(visit)
    with visiting(visit.server, chromium) as other:
        other.open()
        start(visit)
        with recognizer.slow(20.0):  # of an analysis, and of an answer
            other.try_example()
            eventually(lambda: recognizer.paths[-1].endswith(".flac"), "nothing is analysed")
            before = number(visit, "received")
            eventually(lambda: number(visit, "received") > before + 1, "sound waits in line")
            assert not other.page.locator("#summary .headline").is_visible(), "it did not wait"
        other.page.close()  # ends the analysis
    visit.page.close()


def test_browsers_that_keep_their_own_rate(visit: Visit) -> None:
    visit.page.add_init_script(OTHER_RATE)
    start(open_live(visit))
    stop(visit)
    assert number(visit, "received") == pytest.approx(number(visit, "sent"), abs=1e-6)
    samples = 44_100 * number(visit, "sent")
    assert samples == pytest.approx(round(samples), abs=1e-3)


def test_the_microphone_is_asked_for_untouched(visit: Visit) -> None:
    visit.page.add_init_script(
        """{
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = (wanted) => {
            window.wanted = wanted.audio;
            return ask(wanted);
          };
        }"""
    )
    start(open_live(visit))
    wanted = visit.page.evaluate("window.wanted")
    for change in ("echoCancellation", "autoGainControl", "noiseSuppression"):
        assert wanted[change] is False
    stop(visit)


def test_a_closed_page_is_no_longer_listened_to(visit: Visit) -> None:
    start(open_live(visit))
    assert listeners() == 1
    visit.page.close()
    eventually(lambda: listeners() == 0, "the thread goes on for nobody", patience_s=10)


def test_a_page_out_of_sight_stops_by_itself(visit: Visit) -> None:
    visit.page.add_init_script(
        """{
          const now = performance.now.bind(performance);
          window.ahead = 0;
          performance.now = () => now() + window.ahead;
        }"""
    )
    start(open_live(visit))
    visit.page.get_by_role("tab", name="One recording").click()
    visit.page.evaluate("window.ahead = 31000")
    eventually(lambda: listeners() == 0, "it listens on behind another tab")
    visit.page.get_by_role("tab", name="Live").click()
    assert "out of sight" in visit.page.inner_text(".live-problem")
    start(visit, updates=1)
    assert visit.page.inner_text(".live-problem") == ""
    stop(visit)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (refusing("NotAllowedError"), "Allow it beside the address"),
        (refusing("NotFoundError"), "No microphone was found. Connect one"),
        (refusing("NotReadableError"), "used by another program"),
        ("Object.defineProperty(window, 'isSecureContext', { value: false });", "https"),
    ],
)
def test_without_a_microphone_it_says_what_to_do(visit: Visit, fault: str, told: str) -> None:
    visit.page.add_init_script(fault)
    open_live(visit).page.get_by_role("button", name="Start listening").click()
    problem = visit.page.locator("#live .live-problem.problem")
    assert told in problem.inner_text()
    assert visit.page.get_by_role("button", name="Start listening").is_enabled()
    assert listeners() == 0


def ended_because(visit: Visit) -> str:
    """What is told once nobody is listened to any more."""
    told = visit.page.locator("#live .live-problem.problem").inner_text()
    assert visit.page.inner_text(".live-told") == ""
    assert visit.page.get_by_role("button", name="Start listening").is_enabled()
    eventually(lambda: listeners() == 0, "it listens on", patience_s=10)
    return told


def test_where_no_sound_comes_it_does_not_listen_for_ever(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "IDLE_S", 1.0)
    visit.page.add_init_script(NO_SOUND)
    open_live(visit).page.get_by_role("button", name="Start listening").click()
    assert ended_because(visit) == streams.GONE


def test_a_microphone_that_is_pulled_out_before_the_server_listens(visit: Visit) -> None:
    visit.page.add_init_script(PULLED_OUT_AT_ONCE)
    open_live(visit).page.get_by_role("button", name="Start listening").click()
    assert ended_because(visit).startswith("The microphone was disconnected")


def test_sound_that_the_browser_stops_ends_it(visit: Visit) -> None:
    visit.page.add_init_script(SUSPENDED)
    start(open_live(visit))
    visit.page.evaluate("window.interrupt()")
    assert ended_because(visit).startswith("The browser stopped the sound")


def test_nothing_of_a_voice_is_kept_when_listening_has_ended(visit: Visit) -> None:
    start(open_live(visit))
    stop(visit)
    gc.collect()
    assert [kept for kept in gc.get_objects() if type(kept) is streams.Stream] == []


def test_the_third_voice_is_told_that_two_are_heard(visit: Visit, chromium: "Browser") -> None:
    with (
        visiting(visit.server, chromium) as second,
        visiting(visit.server, chromium) as third,
    ):
        start(open_live(visit))
        start(open_live(second))
        open_live(third).page.get_by_role("button", name="Start listening").click()
        assert third.page.locator("#live .live-problem.problem").inner_text() == streams.FULL
        stop(second)
        start(third)
        assert third.page.inner_text(".live-problem") == ""


def test_the_server_ends_it_when_the_time_is_up(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_LIVE_S", 3.0 - streams.GRACE_S)
    open_live(visit).page.get_by_role("button", name="Start listening").click()
    problem = visit.page.locator("#live .live-problem.problem")
    assert problem.inner_text() == streams.TIME_IS_UP
    assert visit.page.get_by_role("button", name="Start listening").is_enabled()
    assert number(visit, "updates") > 0, "what was answered stays"


def test_the_window_can_be_changed_while_it_listens(visit: Visit) -> None:
    open_live(visit)
    slider = visit.page.get_by_role("slider", name="Seconds that count")
    slider.fill("8")
    start(visit)
    slider.focus()
    visit.page.keyboard.press("Home")
    assert visit.page.inner_text(".live-window output") == "2"
    heard: list[float] = []
    answer = visit.server.recognizer.predict

    def noted(audio: object, transcript: str | None = None) -> object:
        heard.append(len(audio.samples) / SAMPLE_RATE_HZ)  # type: ignore[attr-defined]
        return answer(audio, transcript)

    visit.server.recognizer.predict = noted
    try:
        eventually(lambda: heard[-1:] == [2.0], "the window keeps its length")
    finally:
        del visit.server.recognizer.predict
    stop(visit)


@pytest.mark.parametrize("visit", [360], indirect=True)
def test_it_fits_a_phone_and_nothing_jumps_between_answers(visit: Visit) -> None:
    start(open_live(visit, "dark", drawn=True))
    assert visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    visit.page.wait_for_selector("#trail .main-svg")
    time.sleep(1)
    places = "[...document.querySelectorAll('#live h2, #live li')].map((e) => e.offsetTop)"
    before, answers = visit.page.evaluate(places), number(visit, "updates")
    eventually(lambda: number(visit, "updates") > answers + 2, "no further answers")
    assert visit.page.evaluate(places) == before
    stop(visit)
