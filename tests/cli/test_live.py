"""`python -m ser live` with a microphone that plays a file."""

import io
import json
import sys
from typing import Any

import numpy as np
import pytest

from ser.__main__ import main
from ser.cli import live as command
from ser.live import Live
from tests.cli.helpers import FakeRecognizer
from tests.fake_stream import FakeStreams


@pytest.fixture(autouse=True)
def streams(monkeypatch: pytest.MonkeyPatch, fake: dict[str, Any]) -> FakeStreams:
    noise = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
    streams = FakeStreams(noise, 16_000, speed=40.0)
    monkeypatch.setitem(sys.modules, "sounddevice", streams)
    return streams


def test_json_lines_until_the_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "--seconds", "20", "--window", "3", "--format", "json"]) == 0
    printed = capsys.readouterr()
    updates = [json.loads(line) for line in printed.out.splitlines()]
    assert len(updates) >= 2
    assert [update["number"] for update in updates] == list(range(1, len(updates) + 1))
    last = updates[-1]
    assert last["end_s"] == pytest.approx(20.0)
    assert last["end_s"] - last["start_s"] == pytest.approx(3.0)
    assert last["received_s"] == last["heard_s"] == pytest.approx(20.0)
    assert sum(last["emotions"].values()) == pytest.approx(1)
    assert last["emotion"] in last["emotions"]
    first, summary = printed.err.splitlines()
    assert first.startswith("Listening to Fake Mic.")
    assert summary.startswith("Heard 20.0 of 20.0 s")


def test_words_are_never_recognised(fake: dict[str, Any]) -> None:
    main(["live", "--seconds", "1", "--bundle", "b", "--compute-device", "cpu"])
    assert fake == {"bundle": "b", "device": "cpu", "dtype": None, "transcriber": None}


def test_a_pipe_gets_a_line_for_each_update(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "--seconds", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split()[:2] == ["5.0", "s"]
    assert "arousal" in lines[-1]


def test_ctrl_c_is_a_good_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, streams: FakeStreams
) -> None:
    class Interrupted(Live):
        def receive(self, samples: np.ndarray, rate_hz: float) -> bool:
            taken = super().receive(samples, rate_hz)
            if self.sound.received_s > 3:
                self.finished.wait = interrupt  # type: ignore[assignment, method-assign]
            return taken

    def interrupt(_timeout_s: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "Live", Interrupted)
    assert main(["live", "--format", "json"]) == 0
    assert "dropped" in capsys.readouterr().err


def test_lost_sound_is_told(capsys: pytest.CaptureFixture[str], streams: FakeStreams) -> None:
    streams.overflow_at = 1
    main(["live", "--seconds", "2"])
    assert "the computer lost sound 1 times" in capsys.readouterr().err


def test_no_time_and_no_microphone_are_sentences(
    capsys: pytest.CaptureFixture[str], streams: FakeStreams
) -> None:
    assert main(["live", "--seconds", "900"]) == 1
    assert "Live listening takes 0.3 to 600 s" in capsys.readouterr().err
    assert main(["live", "--device", "Studio"]) == 1
    assert "Studio is no microphone" in capsys.readouterr().err


def test_the_screen_shows_distribution_and_attributes() -> None:
    from rich.console import Console

    from ser.live import Sound, Update

    answer = FakeRecognizer().predict("a.wav")
    update = Update(
        1, 2.0, 6.0, answer.emotions, answer.attributes, 3.0, 0.2, Sound(6.0, 6.0, 0.0, 0.0)
    )
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(command.picture(update))
    shown = console.export_text()
    assert "2.0 to 6.0 s" in shown
    for name, share in answer.emotions.items():
        assert f"{name}" in shown
        assert f"{share:.1%}" in shown
    assert f"valence {answer.attributes['valence']:.2f}" in shown
