"""PocketSphinx: English, modest, but its model comes inside its package, so it needs no network."""

import threading
from typing import Any

import numpy as np
from torch import Tensor

from ser.audio import Waveform
from ser.errors import TranscriptionError
from ser.transcript import Transcript, Word
from ser.words import in_order

FRAMES_PER_SECOND = 100
# At once, for 30,000: a third less time; word error rate 0.50 for 0.48 (40 clips of RAVDESS).
MOST_HMMS = 4000


class SphinxTranscriber:
    """The offline recogniser with its US English model, loaded at the first use (0.4 s).

    One decoder serves all threads, one at a time. The same waveform gives the same transcript
    whatever was decoded before.
    """

    name = "pocketsphinx"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder: Any = None

    def transcribe(self, waveform: Waveform, encoder_hidden: Tensor | None = None) -> Transcript:
        """See Transcriber; `encoder_hidden` is of no use here."""
        pcm = (np.clip(waveform.samples, -1.0, 1.0) * 32767).astype("<i2")
        with self._lock:
            self._decoder = self._decoder or _load_decoder()
            words = _decode(self._decoder, pcm.tobytes())
        words = in_order(words, 0.0, waveform.duration_s)
        return Transcript(" ".join(word.text for word in words), words, self.name, language="en")


def _load_decoder() -> Any:
    try:
        import pocketsphinx

        return pocketsphinx.Decoder(frate=FRAMES_PER_SECOND, maxhmmpf=MOST_HMMS, loglevel="FATAL")
    except (ImportError, RuntimeError) as error:
        raise TranscriptionError(
            "PocketSphinx, the offline speech recogniser, cannot be loaded; install it again with "
            "`pip install pocketsphinx`."
        ) from error


def _decode(decoder: Any, pcm: bytes) -> tuple[Word, ...]:
    # Cepstral mean and noise estimate would carry over from the recordings decoded before.
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return ()
    return tuple(
        Word(
            _spelling(segment.word),
            segment.start_frame / FRAMES_PER_SECOND,
            (segment.end_frame + 1) / FRAMES_PER_SECOND,
        )
        for segment in decoder.seg()
        if _is_word(segment.word)
    )


def _is_word(entry: str) -> bool:
    """False for sentence ends, silence and noise: <s>, </s>, <sil>, [NOISE], ++UM++."""
    return not entry.startswith(("<", "[", "++"))


def _spelling(entry: str) -> str:
    """Without the number of a pronunciation variant: "the(2)" is "the"."""
    return entry.partition("(")[0]
