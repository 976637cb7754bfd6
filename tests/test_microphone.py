"""Recording through sounddevice, with a stand-in for the hardware."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ser.errors import AudioError, MicrophoneError
from ser.microphone import record

RATE_HZ = 44_100
TONE_HZ = 440.0


class FakeSounddevice(ModuleType):
    """One microphone with two inputs (the second one is used) and one loudspeaker."""

    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.devices: list[dict[str, Any]] = [
            {"index": 0, "name": "Loudspeaker", "max_input_channels": 0},
            {"index": 1, "name": "Desk Mic", "max_input_channels": 2},
        ]
        for device in self.devices:
            device["default_samplerate"] = float(RATE_HZ)
        self.level = 0.5
        self.busy = False
        self.overflow = False

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        if kind is None:
            return self.devices
        for found in self.devices:
            if device in (None, found["index"], found["name"]) and found["max_input_channels"]:
                return found
        raise ValueError(f"No input device matching {device!r}")

    def rec(self, frames: int, *, samplerate: int, channels: int, **_: Any) -> np.ndarray:
        if self.busy:
            raise self.PortAudioError("Device unavailable", -9985)
        tone = self.level * np.sin(2 * np.pi * TONE_HZ * np.arange(frames) / samplerate)
        return np.stack([np.zeros(frames), tone], axis=1)[:, :channels].astype(np.float32)

    def wait(self) -> Any:
        return SimpleNamespace(input_overflow=True) if self.overflow else None


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    fake = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


@pytest.mark.parametrize("device", [None, 1, "1", "Desk Mic"])
def test_records_the_device_at_its_rate_and_returns_16_khz(
    sounddevice: FakeSounddevice, device: int | str | None
) -> None:
    waveform = record(1.0, device)
    assert waveform.duration_s == pytest.approx(1.0, abs=1e-3)
    times_s = np.arange(len(waveform.samples)) / 16_000
    expected = 0.25 * np.sin(2 * np.pi * TONE_HZ * times_s)  # mean of a silent and a used input
    np.testing.assert_allclose(waveform.samples[800:-800], expected[800:-800], atol=1e-3)


def test_an_unknown_device_is_answered_with_the_known_ones(sounddevice: FakeSounddevice) -> None:
    for device in ("Studio Mic", 7, "Loudspeaker"):
        with pytest.raises(MicrophoneError, match=rf"{device} is no microphone.*: Desk Mic\.$"):
            record(1.0, device)


def test_no_microphone(sounddevice: FakeSounddevice) -> None:
    del sounddevice.devices[1]
    with pytest.raises(MicrophoneError, match=r"No microphone was found\. Connect one"):
        record(1.0)


def test_a_microphone_in_use(sounddevice: FakeSounddevice) -> None:
    sounddevice.busy = True
    with pytest.raises(MicrophoneError, match=r"Desk Mic cannot be .*\(Device unavailable\)"):
        record(1.0)


def test_lost_sound_is_said(sounddevice: FakeSounddevice) -> None:
    sounddevice.overflow = True
    with pytest.raises(MicrophoneError, match="Sound was lost"):
        record(1.0)


def test_a_muted_microphone(sounddevice: FakeSounddevice) -> None:
    sounddevice.level = 0.0
    with pytest.raises(AudioError, match=r"is silent\. Check that the microphone is on"):
        record(1.0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.2, 1e9, float("nan")])
def test_impossible_lengths(sounddevice: FakeSounddevice, seconds: float) -> None:
    with pytest.raises(MicrophoneError, match=r"takes 0\.3 to 1800 seconds"):
        record(seconds)


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("raise OSError('PortAudio library not found')", "apt install libportaudio2"),
        ("raise ImportError('sounddevice')", "pip install sounddevice"),
    ],
)
def test_a_missing_library_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, remedy: str
) -> None:
    (tmp_path / "sounddevice.py").write_text(fault)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(MicrophoneError, match=remedy):
        record(1.0)


def test_without_hardware_the_real_library_ends_in_the_same_error() -> None:
    try:
        import sounddevice as real
    except OSError as error:
        pytest.skip(str(error))
    if any(device["max_input_channels"] for device in real.query_devices()):
        pytest.skip("this computer has a microphone")
    with pytest.raises(MicrophoneError, match="No microphone was found"):
        record(1.0)
