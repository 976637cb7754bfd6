"""The computer's microphone, for the command line; the page records in the browser instead."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from ser.audio import MAX_SECONDS, MIN_SECONDS, Waveform, waveform_from_array
from ser.errors import MicrophoneError

BLOCK_S = 0.1  # what a live stream hands over at once


def record(seconds: float, device: int | str | None = None) -> Waveform:
    """Record for `seconds`, from the microphone with this number or part of a name.

    The device runs at its own rate; no device takes the computer's default one. MicrophoneError
    when there is none or it cannot be read, AudioError when it delivers only silence.
    """
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise MicrophoneError(
            f"A recording takes {MIN_SECONDS:g} to {MAX_SECONDS:g} seconds, not {seconds:g}."
        )
    sounddevice = _import_sounddevice()
    microphone = _microphone(sounddevice, device)
    rate_hz = int(microphone["default_samplerate"])
    try:
        samples = sounddevice.rec(
            round(seconds * rate_hz),
            samplerate=rate_hz,
            # Interfaces with two inputs may have the microphone on either.
            channels=min(2, microphone["max_input_channels"]),
            dtype=np.float32,
            device=microphone["index"],
        )
        status = sounddevice.wait()
    except sounddevice.PortAudioError as error:
        raise _busy(microphone, error) from error
    if status and status.input_overflow:
        raise MicrophoneError(
            "Sound was lost because the computer was too busy. Close other programs, record again."
        )
    return waveform_from_array(samples, rate_hz)


@contextmanager
def listening(
    receive: Callable[[np.ndarray, float], object],
    device: int | str | None = None,
    lost: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """Hand blocks [T] float32 and their rate to `receive` while the context is open.

    Gives the microphone's name. `receive` runs in PortAudio's thread and must return at once;
    `lost` is called where the computer was too busy to take all sound. MicrophoneError as `record`.
    """
    sounddevice = _import_sounddevice()
    microphone = _microphone(sounddevice, device)
    rate_hz = float(microphone["default_samplerate"])

    def hear(data: np.ndarray, _frames: int, _time: object, status: Any) -> None:
        if status and status.input_overflow:
            lost()
        receive(data.mean(axis=1, dtype=np.float32), rate_hz)

    try:
        with sounddevice.InputStream(
            samplerate=rate_hz,
            blocksize=round(BLOCK_S * rate_hz),
            channels=min(2, microphone["max_input_channels"]),
            dtype="float32",
            device=microphone["index"],
            callback=hear,
        ):
            yield str(microphone["name"])
    except sounddevice.PortAudioError as error:
        raise _busy(microphone, error) from error


def _busy(microphone: dict[str, Any], error: Exception) -> MicrophoneError:
    return MicrophoneError(
        f"{microphone['name']} cannot be recorded from ({_reason(error)}). "
        "Close other programs that use it, or choose another device."
    )


def _import_sounddevice() -> ModuleType:
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise MicrophoneError(
            "The microphone needs the package sounddevice. Install it: pip install sounddevice"
        ) from error
    except OSError as error:  # on Linux the package does not bring PortAudio along
        raise MicrophoneError(
            "The microphone needs the library PortAudio. "
            "Install it (Debian and Ubuntu: sudo apt install libportaudio2)."
        ) from error


def _microphone(sounddevice: ModuleType, device: int | str | None) -> dict[str, Any]:
    """PortAudio's description of the wanted input device."""
    inputs = [d["name"] for d in sounddevice.query_devices() if d["max_input_channels"] > 0]
    if not inputs:
        raise MicrophoneError("No microphone was found. Connect one, or give an audio file.")
    if isinstance(device, str) and device.isdigit():
        device = int(device)
    try:
        return sounddevice.query_devices(device, kind="input")
    except (ValueError, sounddevice.PortAudioError) as error:
        fault = "No default microphone is set" if device is None else f"{device} is no microphone"
        raise MicrophoneError(f"{fault}. Choose one of: {', '.join(inputs)}.") from error


def _reason(error: Exception) -> str:
    """PortAudio's words alone, without the code that follows them."""
    return str(error.args[0]) if error.args else type(error).__name__
