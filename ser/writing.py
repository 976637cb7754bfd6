"""Words for a recording: written down by a recogniser, or given by the user."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ser.bundle import Bundle
from ser.encoders import EncoderBank, folder_of
from ser.progress import NOBODY, Watch
from ser.recording import Recording
from ser.speech import Segment
from ser.spool import let_go
from ser.transcript import Transcript
from ser.transcription import (
    BackgroundTranscriber,
    SphinxTranscriber,
    Transcriber,
    WhisperTranscriber,
)
from ser.words import place_words

TRANSCRIPTION_MAX_S = 30.0  # Whisper's context
KEPT_SHARE = 0.2  # of the words of a correction, at least: less is another text


def write_down(
    transcriber: Transcriber,
    recording: Recording,
    padded: Sequence[Tensor | None],
    watch: Watch = NOBODY,
) -> Transcript:
    """What is said in the recording, all of it by one recogniser.

    `padded` holds, for each window, what the recogniser's own Whisper encoder heard there, or None
    where it did not listen. Windows that overlap are not written down twice: there, and without
    such frames, windows are cut anew.
    """
    # One recogniser for the whole recording, even if a better one arrives meanwhile.
    pinned = transcriber
    if isinstance(pinned, BackgroundTranscriber):
        pinned = pinned.current()
    windows, hidden = recording.windows, padded
    if recording.overlaps or any(frames is None for frames in padded):
        windows = recording.pause_windows(TRANSCRIPTION_MAX_S)
        hidden = [None] * len(windows)
    parts = []
    for index, (cut, frames) in enumerate(zip(recording.cut(windows), hidden, strict=True)):
        doing = f"Writing down the words: part {index + 1} of {len(windows)}"
        watch.tell(index / len(windows), doing)
        parts.append(pinned.transcribe(cut, frames).shifted(windows[index].start_s))
        let_go(recording.waveform.samples)
    longest = max(zip(windows, parts, strict=True), key=lambda pair: pair[0].speech_s)[1]
    return Transcript(
        text=" ".join(part.text for part in parts if part.text),
        words=tuple(word for part in parts for word in part.words),
        source=pinned.name,
        language=longest.language,
    )


def given_words(text: str, known: Transcript, segments: Sequence[Segment]) -> Transcript:
    """The user's text, in the language that was heard unless next to nothing of that is left.

    Such a recording was misheard, language and all: the user knows better. Half characters are
    replaced, as they would break tokenizers.
    """
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    words = place_words(text, known.words, segments)
    told, heard = ({*one.casefold().split()} for one in (text, known.text))
    kept = len(told & heard) >= KEPT_SHARE * len(told)
    return Transcript(text, words, source="user", language=known.language if kept else None)


def choose_transcriber(
    wish: str | Transcriber | None, bundle: Bundle, encoders: EncoderBank, device: torch.device
) -> Transcriber | None:
    """The recogniser that `Recognizer.from_pretrained` was asked for."""
    if wish is None or not isinstance(wish, str):
        return wish
    name = bundle.config.transcriber if wish == "auto" else wish
    if name == "pocketsphinx":
        return SphinxTranscriber()
    own = bundle.config.encoders["whisper"]
    if name == own.checkpoint and encoders.whisper.generator is not None:
        folder = folder_of(own, bundle.folder)
        return WhisperTranscriber.from_generator(encoders.whisper.generator, name, folder)
    if wish == "auto":
        return BackgroundTranscriber(name, device=device)
    return WhisperTranscriber.from_pretrained(name, device=device)
