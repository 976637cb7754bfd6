"""From a recording to a `Prediction`: speech, windows, encoders, transcript, fusion."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ser.answer import answer
from ser.audio import Waveform
from ser.bundle import CONFIG, Bundle
from ser.encoders import EncoderBank, choose_device, choose_dtype
from ser.errors import BundleError, Cancelled, SerError
from ser.frames import BATCH_WINDOWS, Frames, FramesOnDemand, are_kept, encode
from ser.prediction import Prediction
from ser.progress import Progress, Watch
from ser.recording import Audio, Recording, Stretch, read
from ser.speech import Segment, Sliding, Window
from ser.transcript import NO_TRANSCRIPT, Transcript
from ser.transcription import Transcriber, WhisperTranscriber
from ser.writing import choose_transcriber, given_words, write_down

Cancel = Callable[[], bool]


@dataclass(frozen=True)
class Analysis:
    """A prediction with all that another transcript, or a part of it, needs for another answer."""

    recording: Recording
    frames: Sequence[Frames]  # per window; those of long recordings are made again when asked for
    recognised: Transcript  # what the recogniser heard, or the transcript given at first
    prediction: Prediction

    @property
    def waveform(self) -> Waveform:
        """The sound of the whole recording, whatever part of it was analysed."""
        return self.recording.waveform

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Stretches of speech."""
        return self.recording.segments

    @property
    def windows(self) -> tuple[Window, ...]:
        """What was answered piece by piece."""
        return self.recording.windows


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
        chosen = choose_transcriber(transcriber, loaded, encoders, place)
        return cls(loaded, encoders, chosen, place)

    def predict(
        self,
        audio: Audio,
        transcript: str | None = None,
        *,
        sliding: Sliding | None = None,
        stretch: Stretch | None = None,
    ) -> Prediction:
        """The answer for one file or waveform; `transcript` replaces the recogniser's text."""
        return self.analyse(audio, transcript, sliding=sliding, stretch=stretch).prediction

    def analyse(
        self,
        audio: Audio,
        transcript: str | None = None,
        progress: Progress | None = None,
        *,
        sliding: Sliding | None = None,
        stretch: Stretch | None = None,
        cancelled: Cancel | None = None,
    ) -> Analysis:
        """As `predict`, keeping what another transcript or a stretch of it needs.

        Windows lie along the pauses, or slide as `sliding` says. `stretch` analyses a part on its
        own. `cancelled` is asked between windows; once it says yes, Cancelled is raised. Raises
        AudioError for audio that cannot be used and NoSpeechError where nobody speaks.
        """
        watch = Watch(progress, cancelled)
        found = self._read(audio, sliding, stretch, watch.part(0.0, 0.1))
        return self._work(found, transcript, watch.part(0.1, 1.0))

    def revise(
        self,
        analysis: Analysis,
        transcript: str,
        progress: Progress | None = None,
        *,
        cancelled: Cancel | None = None,
    ) -> Analysis:
        """The answer with a corrected transcript: only text branch and fusion run again.

        The speech encoders run again too where the recording is too long to keep what they heard.
        """
        corrected = given_words(transcript, analysis.recognised, analysis.segments)
        return self._answer(
            analysis.recording,
            analysis.frames,
            analysis.recognised,
            corrected,
            Watch(progress, cancelled),
        )

    def excerpt(
        self,
        analysis: Analysis,
        stretch: Stretch,
        progress: Progress | None = None,
        *,
        sliding: Sliding | None = None,
        cancelled: Cancel | None = None,
    ) -> Analysis:
        """The answer for a stretch of an analysed recording, with the words known of it.

        Nothing is decoded or written down again. Times stay those of the whole recording.
        NoSpeechError where nobody speaks in the stretch.
        """
        watch = Watch(progress, cancelled)
        part = analysis.recording.excerpt(stretch, self.bundle.config.window_max_s, sliding)
        frames, _ = self._encode(part, keep_padded=False, watch=watch.part(0.0, 0.8))
        place = part.place
        words = analysis.prediction.transcript.between(place.start_s, place.end_s)
        return self._answer(part, frames, words, words, watch.part(0.8, 1.0))

    def predict_many(
        self,
        audios: Sequence[Audio],
        transcripts: Sequence[str | None] | None = None,
        batch_windows: int = BATCH_WINDOWS,
        *,
        sliding: Sliding | None = None,
        stretch: Stretch | None = None,
        cancelled: Cancel | None = None,
    ) -> Iterator[Prediction | SerError]:
        """One answer per recording, in order; a faulty one gives its error and the rest goes on.

        Recordings are gathered until their windows fill a batch of the encoders: short ones share
        it, and a long one does not wait in memory beside others. Once `cancelled` says yes,
        Cancelled is raised.
        """
        texts = transcripts or [None] * len(audios)
        watch = Watch(cancelled=cancelled)
        gathered: list[tuple[Recording | SerError, str | None]] = []
        windows = 0
        for audio, text in zip(audios, texts, strict=True):
            found = self._read_or_error(audio, sliding, stretch, watch)
            gathered.append((found, text))
            windows += len(found.windows) if isinstance(found, Recording) else 0
            if windows >= batch_windows or windows == 0:
                yield from self._predict_batch(gathered, watch)
                gathered, windows = [], 0
        yield from self._predict_batch(gathered, watch)

    def _read(
        self, audio: Audio, sliding: Sliding | None, stretch: Stretch | None, watch: Watch
    ) -> Recording:
        return read(audio, self.bundle.config.window_max_s, sliding, stretch, watch)

    def _read_or_error(
        self, audio: Audio, sliding: Sliding | None, stretch: Stretch | None, watch: Watch
    ) -> Recording | SerError:
        try:
            return self._read(audio, sliding, stretch, watch)
        except Cancelled:
            raise
        except SerError as error:
            return error

    def _predict_batch(
        self, gathered: Sequence[tuple[Recording | SerError, str | None]], watch: Watch
    ) -> Iterator[Prediction | SerError]:
        """Short recordings through the encoders together, long ones each on its own."""
        short = [r for r, _ in gathered if isinstance(r, Recording) and are_kept(r)]
        cuts = [cut for recording in short for cut in recording.cut(recording.windows)]
        all_frames, all_padded = encode(self.encoders, cuts, self._shares_whisper, watch)
        position = 0
        for found, text in gathered:
            try:
                if isinstance(found, SerError):
                    yield found
                elif not are_kept(found):
                    yield self._work(found, text, watch).prediction
                else:
                    own = slice(position, position + len(found.windows))
                    position = own.stop
                    heard = self._transcript(found, text, all_padded[own], watch)
                    yield self._answer(found, all_frames[own], heard, heard, watch).prediction
            except Cancelled:
                raise
            except SerError as error:
                yield error

    def _work(self, recording: Recording, transcript: str | None, watch: Watch) -> Analysis:
        """Encoders, words, answer. A long recording is written down first and heard after that."""
        kept = are_kept(recording)
        frames, padded = self._encode(recording, transcript is None, watch.part(0.0, 0.3))
        heard = self._transcript(
            recording, transcript, padded, watch.part(0.3, 0.9 if kept else 0.6)
        )
        return self._answer(recording, frames, heard, heard, watch.part(0.9 if kept else 0.6, 1.0))

    def _encode(
        self, recording: Recording, keep_padded: bool, watch: Watch
    ) -> tuple[Sequence[Frames], Sequence[Tensor | None]]:
        if not are_kept(recording):
            return FramesOnDemand(self.encoders, recording), [None] * len(recording.windows)
        shared = keep_padded and self._shares_whisper and not recording.overlaps
        return encode(self.encoders, recording.cut(recording.windows), shared, watch)

    @property
    def _shares_whisper(self) -> bool:
        generator = self.encoders.whisper.generator
        return (
            isinstance(self.transcriber, WhisperTranscriber)
            and generator is not None
            and self.transcriber.model is generator
            and self.encoders.whisper.feeds_decoder
        )

    def _transcript(
        self,
        recording: Recording,
        given: str | None,
        padded: Sequence[Tensor | None],
        watch: Watch,
    ) -> Transcript:
        if given is not None:
            return given_words(given, NO_TRANSCRIPT, recording.segments)
        if self.transcriber is None:
            return NO_TRANSCRIPT
        return write_down(self.transcriber, recording, padded, watch)

    def _answer(
        self,
        recording: Recording,
        frames: Sequence[Frames],
        recognised: Transcript,
        used: Transcript,
        watch: Watch,
    ) -> Analysis:
        watch.tell(0.0, "Weighing voice and words")
        if isinstance(frames, FramesOnDemand):
            prediction = answer(self.bundle, self.encoders, recording, frames.watched(watch), used)
        else:
            prediction = answer(self.bundle, self.encoders, recording, frames, used)
        return Analysis(recording, frames, recognised, prediction)
