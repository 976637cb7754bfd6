"""The rolling window: nothing is lost, nobody waits, it ends when it must."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ser import live
from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import AudioError, MicrophoneError, NoSpeechError, SerError
from ser.live import Live, Update
from ser.microphone import listening
from ser.prediction import Prediction
from tests.fake_recognizer import fake_prediction
from tests.fake_stream import FakeStreams


class Ear:
    """Answers after a while and keeps what it was asked about."""

    def __init__(self, wait: Callable[[int], None] = lambda _: None) -> None:
        self.wait = wait
        self.windows: list[Waveform] = []

    def predict(self, audio: Waveform, transcript: str | None = None) -> Prediction:
        assert transcript == "", "nobody writes words down meanwhile"
        self.windows.append(audio)
        self.wait(len(self.windows))
        if not audio.samples.any():
            raise NoSpeechError("Nobody speaks.")
        return fake_prediction("", audio)


def ramp(seconds: float, start_s: float = 0.0) -> np.ndarray:
    """Sound whose value tells its time: 0.001 for each second."""
    return (np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ + start_s).astype(
        np.float32
    ) / 1000


def fed(ear: Ear, seconds: float, block_s: float = 0.1, **options: Any) -> list[Update]:
    """Hand over a ramp in blocks, waiting for nobody, and stop."""
    updates: list[Update] = []
    with Live(ear, updates.append, **options) as session:
        for index in range(round(seconds / block_s)):
            session.receive(ramp(block_s, index * block_s), SAMPLE_RATE_HZ)
    return updates


def test_the_last_answer_is_for_the_last_seconds() -> None:
    ear = Ear()
    last = fed(ear, 10.0, window_s=4.0)[-1]
    assert (last.start_s, last.end_s) == (6.0, 10.0)
    middle = ear.windows[-1].samples[1000:-1000]
    np.testing.assert_allclose(middle, ramp(10.0)[-64_000:][1000:-1000], atol=1e-4)
    assert last.emotion == max(last.emotions or {}, key=(last.emotions or {}).__getitem__)


def test_everything_received_is_heard() -> None:
    sound = fed(Ear(), 10.0)[-1].sound
    assert (sound.received_s, sound.heard_s, sound.dropped_s) == pytest.approx((10.0, 10.0, 0.0))


def test_a_slow_answer_skips_ahead_and_never_blocks_the_receiver() -> None:
    release = threading.Event()

    def first_one_hangs(number: int) -> None:
        if number == 1:
            assert release.wait(30)

    ear = Ear(first_one_hangs)
    updates: list[Update] = []
    with Live(ear, updates.append, window_s=4.0, hop_s=0.5) as session:
        session.receive(ramp(0.6), SAMPLE_RATE_HZ)
        while not ear.windows:
            time.sleep(0.01)
        began = time.perf_counter()
        for index in range(300):
            assert session.receive(ramp(0.1, 0.6 + 0.1 * index), SAMPLE_RATE_HZ)
        assert time.perf_counter() - began < 1.0
        release.set()
    assert len(updates) <= 4
    assert updates[-1].end_s == pytest.approx(30.6)
    assert updates[-1].sound.heard_s == pytest.approx(30.6)
    assert updates[-1].sound.skipped_s == pytest.approx(26.0, abs=1.0)
    assert updates[-1].sound.dropped_s == 0


def test_what_the_queue_cannot_hold_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "QUEUE_S", 2.0)
    release = threading.Event()
    ear = Ear(lambda _: assert_released(release))
    updates: list[Update] = []
    with Live(ear, updates.append) as session:
        session.receive(ramp(1.0), SAMPLE_RATE_HZ)
        while not ear.windows:
            time.sleep(0.01)
        for _ in range(50):
            session.receive(ramp(0.1), SAMPLE_RATE_HZ)
        sound = session.sound
        release.set()
    assert sound.received_s == pytest.approx(6.0)
    assert sound.dropped_s == pytest.approx(3.0, abs=0.11), "a block more or less"
    assert session.sound.heard_s + session.sound.dropped_s == pytest.approx(6.0)


def assert_released(event: threading.Event) -> None:
    assert event.wait(30)


def test_it_stops_by_itself_after_its_time() -> None:
    updates: list[Update] = []
    with Live(Ear(), updates.append, max_s=2.0) as session:
        taken = [session.receive(ramp(0.3), SAMPLE_RATE_HZ) for _ in range(10)]
        assert taken == [True] * 6 + [False] * 4
        assert session.finished.wait(10)
        assert session.sound.received_s == pytest.approx(2.0)
    assert updates[-1].end_s == pytest.approx(2.0)


def test_it_ends_when_the_sender_is_gone() -> None:
    updates: list[Update] = []
    session = Live(Ear(), updates.append, idle_s=0.3).__enter__()
    for _ in range(4):
        time.sleep(0.1)
        assert session.receive(ramp(0.2), SAMPLE_RATE_HZ), "sound keeps it awake"
    assert session.finished.wait(10)
    assert not session.receive(ramp(0.2), SAMPLE_RATE_HZ)
    assert updates[-1].end_s == pytest.approx(0.8), "what was heard has its answer"


def test_closing_waits_for_nobody_and_the_last_answer_follows() -> None:
    updates: list[Update] = []
    session = Live(Ear(lambda _: time.sleep(0.3)), updates.append).__enter__()
    session.receive(ramp(1.0), SAMPLE_RATE_HZ)
    began = time.perf_counter()
    session.close()
    assert time.perf_counter() - began < 0.2
    assert session.finished.wait(10)
    assert updates[-1].end_s == pytest.approx(1.0)


def test_the_window_can_be_made_longer_and_shorter_meanwhile() -> None:
    seconds: list[float] = []

    def note(update: Update) -> None:
        seconds.append(update.end_s - update.start_s)

    with Live(Ear(), note) as session:
        for window_s in (2.0, 8.0, 3.0):
            session.resize(window_s)
            end = time.monotonic() + 10
            while not seconds or abs(seconds[-1] - window_s) > 0.01:  # a longer one fills up first
                assert time.monotonic() < end, f"{seconds[-1:]} s, not {window_s}"
                session.receive(ramp(0.5), SAMPLE_RATE_HZ)
                time.sleep(0.01)
        with pytest.raises(SerError, match="window takes"):
            session.resize(60.0)


def test_ten_minutes_is_the_most() -> None:
    for max_s in (601.0, 0.1, float("nan")):
        with pytest.raises(SerError, match="600 s"):
            Live(Ear(), print, max_s=max_s)
    with pytest.raises(SerError, match="window takes"):
        Live(Ear(), print, window_s=60.0)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_any_rate_and_number_of_channels_becomes_16_khz(rate_hz: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz * 3) / rate_hz)
    stereo = np.stack([tone, np.zeros_like(tone)], axis=1)
    ear = Ear()
    updates: list[Update] = []
    with Live(ear, updates.append, window_s=3.0) as session:
        for block in np.array_split(stereo, 37):
            session.receive(block, rate_hz)
    heard = ear.windows[-1].samples
    assert len(heard) == pytest.approx(3 * SAMPLE_RATE_HZ, abs=2)
    times_s = np.arange(len(heard)) / SAMPLE_RATE_HZ
    expected = 0.25 * np.sin(2 * np.pi * 440 * times_s)
    np.testing.assert_allclose(heard[800:-800], expected[800:-800], atol=2e-3)


def test_silence_is_an_answer_without_emotion() -> None:
    updates: list[Update] = []
    with Live(Ear(), updates.append) as session:
        session.receive(np.zeros(SAMPLE_RATE_HZ, np.float32), SAMPLE_RATE_HZ)
    told = updates[-1].to_dict()
    assert told["emotions"] is told["attributes"] is told["emotion"] is None
    assert told["received_s"] == told["heard_s"] == 1.0


def test_a_fault_of_the_answering_reaches_who_stops() -> None:
    def fail(_: int) -> None:
        raise RuntimeError("out of memory")

    session = Live(Ear(fail), print).__enter__()
    session.receive(ramp(1.0), SAMPLE_RATE_HZ)
    assert session.finished.wait(10)
    assert not session.receive(ramp(1.0), SAMPLE_RATE_HZ)
    with pytest.raises(RuntimeError, match="out of memory"):
        session.stop()


def test_what_is_no_sound_is_refused() -> None:
    with Live(Ear(), print) as session:
        refused: list[tuple[np.ndarray, int]] = [(np.zeros(9, np.int16), 16_000), (np.zeros(9), 10)]
        for samples, rate_hz in refused:
            with pytest.raises(AudioError, match="Live sound"):
                session.receive(samples, rate_hz)


class TestMicrophone:
    @pytest.fixture
    def streams(self, monkeypatch: pytest.MonkeyPatch) -> FakeStreams:
        fake = FakeStreams(np.ones(96_000, np.float32) / 2, 48_000, speed=50.0)
        monkeypatch.setitem(__import__("sys").modules, "sounddevice", fake)
        return fake

    def test_all_that_the_microphone_sends_is_received(self, streams: FakeStreams) -> None:
        with Live(Ear(), lambda _: None) as session:
            with listening(session.receive) as name:
                time.sleep(0.3)
            received_s = session.sound.received_s
        assert name == "Fake Mic"
        assert received_s == pytest.approx(streams.sent / 48_000)
        assert received_s > 5

    def test_lost_sound_is_told(self, streams: FakeStreams) -> None:
        streams.overflow_at = 2
        lost: list[int] = []
        with listening(lambda *_: None, lost=lambda: lost.append(1)):
            time.sleep(0.1)
        assert lost == [1]

    def test_a_microphone_in_use(self, streams: FakeStreams) -> None:
        streams.busy = True
        with pytest.raises(MicrophoneError, match="Close other programs"), listening(print):
            pass
