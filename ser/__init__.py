"""See and hear emotion in speech: a recording goes in; words, emotions and attention come out."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# oneDNN, which torch computes with on processors, keeps what it prepared for each of the last 1024
# shapes. Every window has a length of its own, so half an hour of speech would cost 250 MB, of no
# use to anybody. It reads this before the first computation.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

if TYPE_CHECKING:
    from ser.audio import Waveform, load_audio, waveform_from_array
    from ser.bundle import Bundle
    from ser.errors import SerError
    from ser.prediction import Prediction
    from ser.recognizer import Analysis, Recognizer
    from ser.recording import Stretch
    from ser.speech import Sliding
    from ser.transcript import Transcript, Word

__all__ = [
    "Analysis",
    "Bundle",
    "Prediction",
    "Recognizer",
    "SerError",
    "Sliding",
    "Stretch",
    "Transcript",
    "Waveform",
    "Word",
    "load_audio",
    "waveform_from_array",
]

_HOMES = {
    "Analysis": "recognizer",
    "Bundle": "bundle",
    "Prediction": "prediction",
    "Recognizer": "recognizer",
    "SerError": "errors",
    "Sliding": "speech",
    "Stretch": "recording",
    "Transcript": "transcript",
    "Waveform": "audio",
    "Word": "transcript",
    "load_audio": "audio",
    "waveform_from_array": "audio",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch takes seconds, which --help need not."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
