"""From a recording to a `Prediction`: speech, windows, encoders, transcript, fusion."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ser.answer import answer
from ser.audio import Waveform, check_waveform, load_audio
from ser.bundle import CONFIG, Bundle
from ser.encoders import EncoderBank, choose_device, choose_dtype, folder_of
from ser.errors import BundleError, NoSpeechError, SerError
from ser.prediction import Prediction
from ser.speech import NO_SPEECH, Segment, Window, cut_windows, detect_speech
from ser.transcript import NO_TRANSCRIPT, Transcript
from ser.transcription import (
    BackgroundTranscriber,
    SphinxTranscriber,
    Transcriber,
    WhisperTranscriber,
)
from ser.words import place_words

TRANSCRIPTION_MAX_S = 30.0  # Whisper's context
BATCH_WINDOWS = 8
Audio = str | os.PathLike[str] | Waveform
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Analysis:
    """A prediction with all that another transcript needs for another answer."""

    waveform: Waveform
    segments: tuple[Segment, ...]
    windows: tuple[Window, ...]
    frames: tuple[dict[str, Tensor], ...]  # per window: speech encoder -> [T, D] float32
    recognised: Transcript  # what the recogniser heard, or the transcript given at first
    prediction: Prediction


@dataclass(frozen=True)
class _Speech:
    """A recording, its stretches of speech and the windows cut around them."""

    waveform: Waveform
    segments: tuple[Segment, ...]
    windows: tuple[Window, ...]

    def cuts(self) -> list[Waveform]:
        return [self.waveform.slice(window.start_s, window.end_s) for window in self.windows]


class Recognizer:
    """A bundle at work. One object serves many requests, from several threads."""

    def __init__(
        self,
        bundle: Bundle,
        encoders: EncoderBank,
        transcriber: Transcriber | None,
        device: torch.device,
    ) -> None:
        self.bundle = bundle
        self.encoders = encoders
        self.transcriber = transcriber
        self.device = device
        self.model = bundle.model.to(device)

    @classmethod
    def from_pretrained(
        cls,
        bundle: str | os.PathLike[str] | None = None,
        *,
        device: str | None = None,
        dtype: str | None = None,
        transcriber: str | Transcriber | None = "auto",
    ) -> "Recognizer":
        """Load a bundle and its encoders; the embedded bundle when nothing is named.

        `device` is cpu, cuda or mps (the best there is by default); `dtype` float32 or bfloat16,
        for the encoders. `transcriber` is "auto" (what the bundle says, PocketSphinx until it is
        there), "pocketsphinx", a Whisper checkpoint (that one, or an error), any `Transcriber`, or
        None for no transcript.
        """
        loaded = Bundle.load(bundle)
        config = loaded.config
        place = choose_device(device)
        encoders = EncoderBank.load(
            config.encoders,
            config.whisper_context,
            place,
            choose_dtype(place, dtype),
            loaded.folder,
            config.layers,
        )
        if encoders.widths != (widths := config.fusion.encoder_widths):
            raise BundleError(
                f"The encoders' frames are {encoders.widths} wide, but {loaded.name} was trained "
                f"on {widths}. Give the bundle the encoders that its {CONFIG} was written for."
            )
        chosen = _choose_transcriber(transcriber, loaded, encoders, place)
        return cls(loaded, encoders, chosen, place)

    def predict(self, audio: Audio, transcript: str | None = None) -> Prediction:
        """The answer for one file or waveform; `transcript` replaces the recogniser's text."""
        return self.analyse(audio, transcript).prediction

    def analyse(
        self, audio: Audio, transcript: str | None = None, progress: Progress | None = None
    ) -> Analysis:
        """As `predict`, keeping the encoders' outputs so that the transcript can be corrected.

        Raises AudioError for audio that cannot be used and NoSpeechError where nobody speaks.
        """
        tell = progress or (lambda _share, _doing: None)
        tell(0.0, "Looking for speech")
        speech = self._find_speech(audio)
        tell(0.1, "Listening")
        frames, padded = self._encode(speech.cuts(), keep_padded=transcript is None)
        tell(0.4, "Writing down the words")
        heard = self._transcript(speech, transcript, padded)
        tell(0.9, "Weighing voice and words")
        return self._analysis(speech, frames, heard, heard)

    def revise(self, analysis: Analysis, transcript: str) -> Analysis:
        """The answer with a corrected transcript: only text branch and fusion run again."""
        speech = _Speech(analysis.waveform, analysis.segments, analysis.windows)
        corrected = _given(transcript, analysis.recognised, analysis.segments)
        return self._analysis(speech, analysis.frames, analysis.recognised, corrected)

    def predict_many(
        self,
        audios: Sequence[Audio],
        transcripts: Sequence[str | None] | None = None,
        batch_windows: int = BATCH_WINDOWS,
    ) -> Iterator[Prediction | SerError]:
        """One answer per recording, in order; a faulty one gives its error and the rest goes on.

        Recordings are gathered until their windows fill a batch of the encoders: short ones share
        it, and a long one does not wait in memory beside others.
        """
        texts = transcripts or [None] * len(audios)
        gathered: list[tuple[_Speech | SerError, str | None]] = []
        windows = 0
        for audio, text in zip(audios, texts, strict=True):
            found = self._speech_or_error(audio)
            gathered.append((found, text))
            windows += len(found.windows) if isinstance(found, _Speech) else 0
            if windows >= batch_windows or windows == 0:
                yield from self._predict_batch(gathered)
                gathered, windows = [], 0
        yield from self._predict_batch(gathered)

    def _speech_or_error(self, audio: Audio) -> _Speech | SerError:
        try:
            return self._find_speech(audio)
        except SerError as error:
            return error

    def _predict_batch(
        self, gathered: Sequence[tuple[_Speech | SerError, str | None]]
    ) -> Iterator[Prediction | SerError]:
        cuts = [cut for found, _ in gathered if isinstance(found, _Speech) for cut in found.cuts()]
        all_frames, all_padded = self._encode(cuts, keep_padded=True)
        position = 0
        for found, text in gathered:
            if isinstance(found, SerError):
                yield found
                continue
            own = slice(position, position + len(found.windows))
            position = own.stop
            try:
                heard = self._transcript(found, text, all_padded[own])
                yield self._analysis(found, all_frames[own], heard, heard).prediction
            except SerError as error:
                yield error

    def _find_speech(self, audio: Audio) -> _Speech:
        waveform = check_waveform(audio) if isinstance(audio, Waveform) else load_audio(audio)
        segments = detect_speech(waveform)
        windows = cut_windows(segments, waveform.duration_s, self.bundle.config.window_max_s)
        if not windows:
            name = "The recording" if isinstance(audio, Waveform) else Path(audio).name
            raise NoSpeechError(NO_SPEECH.format(name=name))
        return _Speech(waveform, segments, windows)

    @property
    def _shares_whisper(self) -> bool:
        generator = self.encoders.whisper.generator
        return (
            isinstance(self.transcriber, WhisperTranscriber)
            and generator is not None
            and self.transcriber.model is generator
            and self.encoders.whisper.feeds_decoder
        )

    def _encode(
        self, cuts: Sequence[Waveform], keep_padded: bool
    ) -> tuple[tuple[dict[str, Tensor], ...], tuple[Tensor | None, ...]]:
        """Frames of each window, and Whisper's padded frames where its decoder reads them too."""
        frames: list[dict[str, Tensor]] = []
        padded: list[Tensor | None] = []
        for start in range(0, len(cuts), BATCH_WINDOWS):
            batch = cuts[start : start + BATCH_WINDOWS]
            if keep_padded and self._shares_whisper:
                whole = self.encoders.whisper.encode_padded(batch)
                padded += list(whole.split(1))
                whisper = self.encoders.whisper.trim(whole, batch)
            else:
                padded += [None] * len(batch)
                whisper = self.encoders.whisper.encode(batch)
            wavlm = self.encoders.wavlm.encode(batch)
            frames += [
                {
                    "whisper": whisper.hidden[row][whisper.mask[row]],
                    "wavlm": wavlm.hidden[row][wavlm.mask[row]],
                }
                for row in range(len(batch))
            ]
        return tuple(frames), tuple(padded)

    def _transcript(
        self, speech: _Speech, given: str | None, padded: Sequence[Tensor | None]
    ) -> Transcript:
        if given is not None:
            return _given(given, NO_TRANSCRIPT, speech.segments)
        if self.transcriber is None:
            return NO_TRANSCRIPT
        # One recogniser for the whole recording, even if a better one arrives meanwhile.
        pinned = self.transcriber
        if isinstance(pinned, BackgroundTranscriber):
            pinned = pinned.current()
        windows, hidden = speech.windows, padded
        if not self._shares_whisper:
            windows = cut_windows(speech.segments, speech.waveform.duration_s, TRANSCRIPTION_MAX_S)
            hidden = [None] * len(windows)
        parts = [
            pinned.transcribe(speech.waveform.slice(window.start_s, window.end_s), frames).shifted(
                window.start_s
            )
            for window, frames in zip(windows, hidden, strict=True)
        ]
        longest = max(zip(windows, parts, strict=True), key=lambda pair: pair[0].speech_s)[1]
        return Transcript(
            text=" ".join(part.text for part in parts if part.text),
            words=tuple(word for part in parts for word in part.words),
            source=pinned.name,
            language=longest.language,
        )

    def _analysis(
        self,
        speech: _Speech,
        frames: Sequence[dict[str, Tensor]],
        recognised: Transcript,
        used: Transcript,
    ) -> Analysis:
        prediction = answer(
            self.bundle, self.encoders, speech.windows, frames, used, speech.waveform.duration_s
        )
        return Analysis(
            speech.waveform, speech.segments, speech.windows, tuple(frames), recognised, prediction
        )


def _given(text: str, known: Transcript, segments: Sequence[Segment]) -> Transcript:
    """The user's text in the language that was heard; half characters would break tokenizers."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    words = place_words(text, known.words, segments)
    return Transcript(text, words, source="user", language=known.language)


def _choose_transcriber(
    wish: str | Transcriber | None, bundle: Bundle, encoders: EncoderBank, device: torch.device
) -> Transcriber | None:
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
