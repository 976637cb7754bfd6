"""See and hear emotion in speech: a recording goes in; words, emotions and attention come out."""

from ser.audio import Waveform, load_audio, waveform_from_array
from ser.bundle import Bundle
from ser.errors import SerError
from ser.prediction import Prediction
from ser.recognizer import Analysis, Recognizer
from ser.transcript import Transcript, Word

__all__ = [
    "Analysis",
    "Bundle",
    "Prediction",
    "Recognizer",
    "SerError",
    "Transcript",
    "Waveform",
    "Word",
    "load_audio",
    "waveform_from_array",
]
