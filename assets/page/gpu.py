"""Encoders on a GPU that is lent for seconds at a time: ZeroGPU of Hugging Face Spaces.

There the models are moved to "cuda" before the page starts, and only a function decorated with
`spaces.GPU` reaches the GPU. It runs in a fork of this process: what goes in and comes out is
pickled, so neither progress nor cancelling reaches it. Files are decoded before, which needs no
GPU and tells how long one is needed. Elsewhere nothing of this is in the way.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Final, TypeVar, cast

import gradio as gr
import numpy as np

from ser.audio import Waveform, load_audio
from ser.errors import Cancelled, SerError
from ser.frames import Frames, FramesOnDemand
from ser.progress import Watch
from ser.recognizer import Analysis, Recognizer
from ser.recording import Audio
from ser.transcription import BackgroundTranscriber

LENT: Final = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
if LENT:
    import spaces  # before any model is loaded

START_S: Final = 15  # of each loan: a fork begins and the models move to its GPU
PER_SECOND: Final = 0.05  # of a recording: speech, encoders, words. Who asks for less waits less.
NO_SOUND: Final = Waveform(np.zeros(0, dtype=np.float32))
Work = TypeVar("Work", bound=Callable[..., Any])
_held: list[Recognizer] = []  # the one whose encoders are on the GPU; forks find it here


class GpuError(SerError):
    """No GPU was to be had, or it was taken away; ZeroGPU's own words say why."""


def on_gpu(seconds: int | Callable[..., int]) -> Callable[[Work], Work]:
    """A decorator: the work has a GPU while it runs, so long at most, where one is lent.

    `seconds` may be a function of the work's arguments.
    """
    return cast(Callable[[Work], Work], spaces.GPU(duration=seconds)) if LENT else lambda w: w


def lent(recognizer: Recognizer) -> Recognizer:
    """The recogniser as pages and programs use it; where no GPU is lent, the one given."""
    if not LENT:
        return recognizer
    if isinstance(recognizer.transcriber, BackgroundTranscriber):
        recognizer.transcriber.wait()  # what arrives later would not be on the GPU
    _held[:] = [recognizer]
    return cast(Recognizer, Borrower(recognizer))


def with_encoders(work: Callable[..., Any], encoders: Any, *arguments: Any) -> Any:
    """`work(encoders, *arguments)`, for what looks into the encoders themselves."""
    return _answered(_look, work, arguments) if LENT else work(encoders, *arguments)


class Borrower:
    """Stands for a recogniser and borrows a GPU for each of its answers."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._own = recognizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def predict(self, *arguments: Any, **options: Any) -> Any:
        """As `Recognizer.predict`."""
        return self._ask("predict", arguments, options)

    def predict_many(
        self,
        audios: Sequence[Audio],
        transcripts: Sequence[str | None] | None = None,
        **options: Any,
    ) -> Iterator[Any]:
        """As `Recognizer.predict_many`; each recording borrows for itself."""
        texts = transcripts or [None] * len(audios)
        for asked in zip(audios, texts, strict=True):
            try:
                yield self._ask("predict", asked, {**options})
            except (Cancelled, GpuError):
                raise
            except SerError as error:
                yield error

    def analyse(self, *arguments: Any, **options: Any) -> Any:
        """As `Recognizer.analyse`."""
        return self._ask("analyse", arguments, options, progress_at=2)

    def revise(self, *arguments: Any, **options: Any) -> Any:
        """As `Recognizer.revise`."""
        return self._ask("revise", arguments, options, progress_at=2)

    def excerpt(self, *arguments: Any, **options: Any) -> Any:
        """As `Recognizer.excerpt`."""
        return self._ask("excerpt", arguments, options, progress_at=2)

    def _ask(
        self, method: str, arguments: Sequence[Any], options: dict[str, Any], progress_at: int = 9
    ) -> Any:
        progress = options.pop("progress", None)
        if len(arguments) > progress_at:
            progress, arguments = arguments[progress_at], arguments[:progress_at]
        watch = Watch(progress, options.pop("cancelled", None))
        given, *others = arguments
        given = given if isinstance(given, Waveform | Analysis) else load_audio(given)
        watch.tell(0.0, "Waiting for a GPU")
        answer = _answered(_work, method, [_portable(given), *others], options)
        watch.tell(1.0, "Done")
        return _complete(_with_sound(answer, _sound_of(given)), self._own)


def _seconds(_: str, arguments: Sequence[Any], __: dict[str, Any]) -> int:
    """How long `_work` may take."""
    return START_S + ceil(PER_SECOND * _sound_of(arguments[0]).duration_s)


@on_gpu(_seconds)
def _work(method: str, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
    """What the held recogniser answers; a fault that a user can mend comes back as a value."""
    (recognizer,) = _held
    given = [_complete(item, recognizer, on_device=True) for item in arguments]
    try:
        answer = _portable(getattr(recognizer, method)(*given, **options))
        return _with_sound(answer, NO_SOUND)
    except SerError as error:  # raised there, it would arrive as a fault of the machine
        return error


@on_gpu(START_S)
def _look(work: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    (recognizer,) = _held
    try:
        return work(recognizer.encoders, *arguments)
    except SerError as error:
        return error


def _answered(work: Callable[..., Any], *arguments: Any) -> Any:
    """What the work answers on its GPU. GpuError where it had none, or not for long enough."""
    try:
        answer = work(*arguments)
    except gr.Error as error:
        told = str(error.message).strip().rstrip(".")
        if told.isidentifier():  # the name of a fault of ours, which is not for users
            raise
        raise GpuError(f"No answer came from the GPU that this Space borrows: {told}.") from error
    if isinstance(answer, SerError):
        raise answer
    return answer


def _sound_of(given: Waveform | Analysis) -> Waveform:
    return given.waveform if isinstance(given, Analysis) else given


def _with_sound(item: Any, sound: Waveform) -> Any:
    """An analysis of this very sound: who asks has it already, and knows takes of it by it."""
    if not isinstance(item, Analysis):
        return item
    return replace(item, recording=replace(item.recording, waveform=sound))


def _portable(item: Any) -> Any:
    """An analysis without encoders, and what they heard off the GPU; all else as it is."""
    if not isinstance(item, Analysis):
        return item
    return replace(item, frames=() if _is_long(item) else _moved(item.frames, "cpu"))


def _complete(item: Any, recognizer: Recognizer, on_device: bool = False) -> Any:
    """The reverse: with the encoders of this process."""
    if not isinstance(item, Analysis):
        return item
    if len(item.frames) < len(item.windows):
        return replace(item, frames=FramesOnDemand(recognizer.encoders, item.recording))
    return replace(item, frames=_moved(item.frames, recognizer.device)) if on_device else item


def _is_long(analysis: Analysis) -> bool:
    return isinstance(analysis.frames, FramesOnDemand)


def _moved(frames: Sequence[Frames], device: Any) -> tuple[Frames, ...]:
    return tuple({name: heard.to(device) for name, heard in part.items()} for part in frames)
