"""What browsers send while somebody is listened to: counted, answered, refused, ended."""

import base64
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from assets.page.live import streams
from assets.page.live.streams import FULL, GONE, NOT_UNDERSTOOD, TIME_IS_UP, Stream, Streams
from assets.page.telling import WENT_WRONG
from ser.errors import SerError
from tests.fake_recognizer import FakeRecognizer
from tests.patience import eventually

RATE_HZ = 16_000


@pytest.fixture
def room() -> Iterator[Streams]:
    """Visitors, none of whose threads outlives the test."""
    room = Streams()
    yield room
    for visit in ("anna", "bert", "carl"):
        room.leave(visit)
    soon(lambda: not listeners(), "a thread goes on for nobody")


soon = partial(eventually, patience_s=20)


def listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "live"]


def message(first: int, seconds: float, rate_hz: int = RATE_HZ, **changes: Any) -> dict[str, Any]:
    noise = np.random.default_rng(0).integers(-9000, 9000, round(seconds * rate_hz))
    sound = base64.b64encode(noise.astype("<i2").tobytes()).decode()
    return {"first": first, "rate_hz": rate_hz, "window_s": 4.0, "sound": sound, **changes}


def begin(room: Streams, visit: str = "anna", **faults: Any) -> Stream:
    return room.begin(FakeRecognizer(**faults), visit, 4.0)


def test_sound_at_any_rate_is_counted_and_answered(room: Streams) -> None:
    for rate_hz in (16_000, 44_100, 48_000):
        stream = begin(room)
        for number in range(6):
            stream.hear(message(number * rate_hz // 4, 0.25, rate_hz))
        stream.close()
        assert stream.wait(10)
        told = stream.told_since(0)
        assert told["received_s"] == pytest.approx(1.5)
        assert told["heard_s"] == pytest.approx(1.5, abs=0.01)
        assert told["lost_s"] == 0
        newest = told["updates"][-1]
        assert newest["emotion"] == max(newest["emotions"], key=newest["emotions"].__getitem__)
        assert newest["attributes"]["valence"] == pytest.approx(told["figure"]["data"][1]["x"][0],
                                                                 abs=1e-3)  # fmt: skip
        assert stream.told_since(newest["number"])["updates"] == []


def test_what_comes_twice_counts_once_and_what_never_comes_is_lost(room: Streams) -> None:
    stream = begin(room)
    stream.hear(message(0, 1.0))
    stream.hear(message(0, 1.0))
    assert stream.told_since(0)["received_s"] == pytest.approx(1.0)
    stream.hear(message(RATE_HZ // 2, 1.0))
    assert stream.told_since(0)["received_s"] == pytest.approx(1.5)
    stream.hear(message(3 * RATE_HZ, 1.0))
    told = stream.told_since(0)
    assert told["received_s"] == pytest.approx(2.5)
    assert told["lost_s"] == pytest.approx(1.5)


def test_silence_has_no_emotion(room: Streams) -> None:
    stream = begin(room)
    silence = base64.b64encode(bytes(2 * RATE_HZ)).decode()
    stream.hear(message(0, 0, sound=silence))
    stream.close()
    assert stream.wait(10)
    told = stream.told_since(0)
    assert told["updates"][-1]["emotion"] is None
    assert "nobody speaks" in told["figure"]["layout"]["meta"]["description"]


def test_there_is_room_for_two_and_the_third_is_told_why(room: Streams) -> None:
    anna, bert = begin(room, "anna"), begin(room, "bert")
    with pytest.raises(SerError) as told:
        begin(room, "carl")
    assert str(told.value) == FULL
    again = begin(room, "anna")
    assert anna.wait(10), "one visit is listened to once"
    assert room.get(anna.id) is None
    assert room.get(again.id) is again
    room.leave("bert")
    assert bert.wait(10)
    assert room.get(bert.id) is None
    begin(room, "carl")


def test_a_page_that_went_away_is_not_waited_for(
    room: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "IDLE_S", 0.2)
    stream = begin(room)
    stream.hear(message(0, 1.0))
    assert stream.wait(10)
    assert listeners() == []
    assert stream.told_since(0)["ended"] == GONE
    begin(room, "bert")
    begin(room, "carl")


def test_no_sound_outlives_the_listening(room: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "IDLE_S", 0.2)
    stream = begin(room)
    stream.hear(message(0, 1.0))
    assert stream.wait(10)
    window, _ = stream._live._window.newest()
    assert window.duration_s == 0, "sound is kept for whoever does not close the page"
    assert stream.told_since(0)["heard_s"] == pytest.approx(1.0), "what is told stays"
    room.forget(stream.id)
    assert room.get(stream.id) is None


def test_it_ends_after_ten_minutes_of_sound_and_of_time(
    room: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = begin(room)
    for second in range(0, 610, 10):
        stream.hear(message(second * RATE_HZ, 10.0))
    assert stream.wait(20)
    told = stream.told_since(0)
    assert told["received_s"] == pytest.approx(600)
    assert told["ended"] == TIME_IS_UP
    monkeypatch.setattr(streams, "MAX_LIVE_S", -streams.GRACE_S)
    slow = begin(room)
    slow.hear(message(0, 1.0))
    assert slow.wait(10), "sound that comes slowly is no way around the limit"
    assert slow.told_since(0)["ended"] == TIME_IS_UP


@pytest.mark.parametrize(
    "changes",
    [{"sound": "no base64!"}, {"sound": "AAAA"}, {"first": -1}, {"first": "x"}, {"rate_hz": 100},
     {"window_s": None}, {"sound": None}],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused_in_a_sentence(room: Streams, changes: dict[str, Any]) -> None:
    stream = begin(room)
    with pytest.raises(SerError) as told:
        stream.hear({**message(0, 1.0), **changes})
    assert str(told.value) == NOT_UNDERSTOOD or "cannot be used" in str(told.value)
    stream.hear(message(0, 1.0))
    assert stream.told_since(0)["received_s"] == 1.0, "and the stream goes on"


def test_the_window_changes_with_the_message(room: Streams) -> None:
    stream = begin(room)
    for number in range(5):
        stream.hear(message(number * RATE_HZ, 1.0, window_s=2.0))
    stream.close()
    assert stream.wait(10)
    newest = stream.told_since(0)["updates"][-1]
    assert newest["end_s"] - newest["start_s"] == pytest.approx(2.0)


def test_an_unforeseen_fault_ends_it_with_a_neutral_sentence(room: Streams) -> None:
    stream = begin(room, fault=ZeroDivisionError("secret detail"))
    stream.hear(message(0, 1.0))
    assert stream.wait(10)
    assert stream.told_since(0)["ended"] == WENT_WRONG
