"""From a waveform to a transcript: Whisper, the offline recogniser, and the choice between them."""

from ser.transcription.background import BackgroundTranscriber
from ser.transcription.protocol import Transcriber
from ser.transcription.sphinx import SphinxTranscriber
from ser.transcription.whisper import WhisperTranscriber

__all__ = ["BackgroundTranscriber", "SphinxTranscriber", "Transcriber", "WhisperTranscriber"]
