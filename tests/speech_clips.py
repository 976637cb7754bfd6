"""Real speech for tests, and a recogniser that writes what it is told."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from ser.transcript import Transcript, Word


def clips(data_dir: Path, count: int) -> list[Path]:
    """Recordings of different actors, about 3 s each, a sentence of six words in each."""
    folders = sorted((data_dir / "ravdess").glob("Actor_*"))[:count]
    # Normal intensity: silero-vad does not hear every shout as speech.
    return [sorted(folder.glob("03-01-*-01-*"))[5 * row] for row, folder in enumerate(folders)]


def joined(paths: Sequence[Path], pause_s: float) -> Waveform:
    """Recordings one after the other with silence between them."""
    silence = np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    parts = [part for path in paths for part in (load_audio(path).samples, silence)]
    return Waveform(np.concatenate(parts[:-1]))


class ToldTranscriber:
    """Writes the same words for every window, spread over it."""

    name = "told"

    def __init__(self, text: str, language: str | None = "en") -> None:
        self.text = text
        self.language = language
        self.windows: list[Waveform] = []  # what was asked for, in order

    def transcribe(self, waveform: Waveform, encoder_hidden: Tensor | None = None) -> Transcript:
        """Each word as long as the others."""
        self.windows.append(waveform)
        pieces = self.text.split()
        step_s = waveform.duration_s / max(1, len(pieces))
        words = tuple(
            Word(piece, index * step_s, (index + 1) * step_s) for index, piece in enumerate(pieces)
        )
        return Transcript(self.text, words, self.name, self.language)
