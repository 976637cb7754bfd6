"""From a waveform to a transcript: Whisper, the offline recogniser, and the choice between them."""

from ser.transcription.protocol import Transcriber
from ser.transcription.sphinx import SphinxTranscriber

__all__ = ["SphinxTranscriber", "Transcriber"]
