"""Whisper when it is there, PocketSphinx until then: the page never waits for weights."""

import atexit
import logging
import threading
from collections.abc import Callable

import torch
from torch import Tensor

from ser.audio import Waveform
from ser.errors import SerError
from ser.hub import cached_folder, local_folder, require_hub
from ser.transcript import Transcript
from ser.transcription.protocol import Transcriber
from ser.transcription.sphinx import SphinxTranscriber
from ser.transcription.whisper import WhisperTranscriber

PATIENCE_S = 10.0
"""How long a recording waits for Whisper while it loads from this machine's disk."""

_logger = logging.getLogger(__name__)


class BackgroundTranscriber:
    """Looks for a Whisper checkpoint in a thread that starts at once.

    Ask `current()` once per recording and use what it returns for all of its windows, so that no
    recording is written by two recognisers.
    """

    def __init__(
        self,
        checkpoint: str,
        revision: str | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        fallback: Transcriber | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.fallback = fallback or SphinxTranscriber()
        self._whisper: Transcriber | None = None
        self._doing = "is being looked for"
        self._leaving = False  # Python is about to exit
        self._step = threading.Lock()  # around the decisions to load and to leave
        self._fault = ""
        self._settled = threading.Event()  # nothing is gained by waiting any longer
        self._thread = threading.Thread(
            target=self._look,
            args=(lambda: WhisperTranscriber.from_pretrained(checkpoint, revision, device, dtype),),
            kwargs={"revision": revision},
            daemon=True,
            name="whisper-loading",
        )
        atexit.register(self._leave)
        self._thread.start()

    @property
    def name(self) -> str:
        """The name of the recogniser that would write the next text."""
        return (self._whisper or self.fallback).name

    @property
    def status(self) -> str:
        """One sentence: which recogniser writes the text, and why."""
        if self._whisper is not None:
            return f"{self.checkpoint} writes the text."
        writer = "PocketSphinx" if self.fallback.name == "pocketsphinx" else self.fallback.name
        if self._fault:
            return f"{writer} writes the text: {self._fault} The next start looks again."
        return f"{writer} writes the text while {self.checkpoint} {self._doing}."

    def current(self, patience_s: float = PATIENCE_S) -> Transcriber:
        """The recogniser for one recording: Whisper, or at once what stands in for it.

        Waits up to `patience_s` while Whisper is loaded from the disk or the Hub is asked whether
        it answers, never for a download.
        """
        self._settled.wait(patience_s)
        return self._whisper or self.fallback

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the search, a download included; returns whether it is over."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def transcribe(self, waveform: Waveform, encoder_hidden: Tensor | None = None) -> Transcript:
        """See Transcriber; for a recording that is one window."""
        return self.current().transcribe(waveform, encoder_hidden)

    def _look(self, load: Callable[[], Transcriber], revision: str | None) -> None:
        try:
            if cached_folder(self.checkpoint, revision) is None:
                require_hub(self.checkpoint)
                self._doing = "is being downloaded"
                self._settled.set()
                local_folder(self.checkpoint, revision, show_progress=False)
            with self._step:
                if self._leaving:
                    return
                self._doing = "is being loaded"
            self._whisper = load()
        except SerError as error:
            self._fault = str(error)
        except Exception as error:  # a thread's traceback reaches nobody; the page must say it
            _logger.exception("%s could not be loaded", self.checkpoint)
            self._fault = f"{self.checkpoint} could not be loaded ({type(error).__name__})."
        finally:
            self._settled.set()
            atexit.unregister(self._leave)

    def _leave(self) -> None:
        """Let a load end before Python does: killed inside torch it would abort the process."""
        with self._step:
            self._leaving = True
            loading = self._doing == "is being loaded"
        if loading:
            self._thread.join()
