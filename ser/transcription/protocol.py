"""What every speech recogniser of this package offers."""

from typing import Protocol

from torch import Tensor

from ser.audio import Waveform
from ser.transcript import Transcript


class Transcriber(Protocol):
    """Writes down what is said in one window of speech."""

    @property
    def name(self) -> str:
        """What `Transcript.source` will say: a checkpoint name, or "pocketsphinx"."""
        ...

    def transcribe(self, waveform: Waveform, encoder_hidden: Tensor | None = None) -> Transcript:
        """The words of `waveform`, at most 30 s, with times relative to its start.

        `encoder_hidden` [1, 1500, D] is the output of the recogniser's own Whisper encoder for this
        waveform padded to 30 s, where it is known already; other recognisers ignore it. Raises
        TranscriptionError.
        """
        ...
