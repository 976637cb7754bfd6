"""The commands themselves. Results go to stdout; notes and progress to stderr."""

import contextlib
import logging
import math
import sys
import warnings
import wave
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)
from tqdm import tqdm
from transformers.utils import logging as transformers_logging

from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from ser.cli.arguments import DOCUMENTS
from ser.cli.info import describe
from ser.cli.live import live
from ser.cli.table import OneFileWriter, PipeConsole, RowsWriter
from ser.cli.writers import ENDINGS, CsvWriter, DocumentWriter, JsonWriter, Writer, new_file
from ser.errors import SerError
from ser.export import report, textgrid
from ser.microphone import record as record_sound
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.recording import Stretch
from ser.regions import from_metrics
from ser.speech import Sliding
from ser.transcription import BackgroundTranscriber

__all__ = ["info", "live", "predict", "quiet_libraries", "record", "save_wav"]

MICROPHONE = "microphone"  # what a recording that is not kept is called in the results
EXPECTED_WAIT_S = 8.0  # loading Whisper from the disk, or finding that the Hub does not answer


def predict(options: Namespace) -> int:
    """Answer for each file, in order; 1 when any of them failed."""
    recognizer = _load(options)
    files: Sequence[str] = options.files
    transcripts = [options.transcript] * len(files)
    answers = recognizer.predict_many(files, transcripts, **_part(options))
    failed = False
    with (
        _output(options) as stream,
        tqdm(
            total=len(files), unit="file", disable=len(files) == 1 or not sys.stderr.isatty()
        ) as bar,
    ):
        writer = _writer(options, recognizer, stream, single=len(files) == 1)
        for file, answer in zip(files, answers, strict=True):
            bar.clear()
            failed |= not _write(writer, file, answer)
            bar.update()
    return int(failed)


def record(options: Namespace) -> int:
    """Record from the microphone and answer for it; 1 when that failed."""
    recognizer = _load(options)
    writer = _writer(options, recognizer, sys.stdout, single=True)
    file = MICROPHONE if options.output is None else str(options.output)
    try:
        waveform = _listen(options)
        answer: Prediction | SerError = recognizer.predict(
            waveform, options.transcript, **_part(options)
        )
    except SerError as error:
        answer = error
    return int(not _write(writer, file, answer))


def _listen(options: Namespace) -> Waveform:
    _tell(f"Recording for {options.seconds:g} s. Speak now.")
    waveform = record_sound(options.seconds, options.device)
    _tell("Recorded.")
    if options.output is not None:
        save_wav(options.output, waveform)
    return waveform


def info(options: Namespace) -> int:
    """Describe a bundle."""
    PipeConsole(highlight=False).print(describe(options.bundle or None))
    return 0


def save_wav(path: Path, waveform: Waveform) -> None:
    """16-bit WAV, 16 kHz mono."""
    samples = np.clip(np.rint(waveform.samples * 32768), -32768, 32767).astype("<i2")
    try:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(samples.tobytes())
    except OSError as error:
        raise SerError(
            f"{path} cannot be written ({error.strerror}). Choose another folder."
        ) from error


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep warnings and progress of other packages off the console: they tell a user nothing."""
    level, hub_level = transformers_logging.get_verbosity(), hub_logging.get_verbosity()
    unheard = logging.NullHandler()  # without any handler Python prints warnings to stderr
    logging.getLogger().addHandler(unheard)
    transformers_logging.set_verbosity_error()
    hub_logging.set_verbosity_error()
    hide_bars = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if hide_bars:
        disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(level)
        hub_logging.set_verbosity(hub_level)
        logging.getLogger().removeHandler(unheard)
        if hide_bars:
            enable_progress_bars()


def _load(options: Namespace) -> Recognizer:
    """The recogniser, with one and the same speech recognition for all files of the run."""
    wish = None if options.transcriber == "none" else options.transcriber
    recognizer = Recognizer.from_pretrained(
        options.bundle or None,
        device=options.compute_device,
        dtype=options.dtype,
        transcriber=wish if options.transcript is None else None,
    )
    if isinstance(recognizer.transcriber, BackgroundTranscriber):
        _await(recognizer.transcriber)
    return recognizer


def _await(transcriber: BackgroundTranscriber) -> None:
    """Nothing is gained on the command line by words of another recogniser in the meantime."""
    if not transcriber.wait(EXPECTED_WAIT_S):
        _tell(
            f"Fetching {transcriber.checkpoint}, which is done once and may take minutes. "
            "With --transcriber pocketsphinx there is no need for it."
        )
    while not transcriber.wait(timeout_s=0.5):  # in steps, or Windows would not see Ctrl-C
        pass
    _tell(transcriber.status)


def _part(options: Namespace) -> dict[str, Any]:
    """What of a recording is analysed, and in which windows, where that was said."""
    part: dict[str, Any] = {}
    if options.window is not None:
        part["sliding"] = Sliding(options.window, options.hop)
    if options.start is not None or options.end is not None:
        end_s = math.inf if options.end is None else options.end
        part["stretch"] = Stretch(options.start or 0.0, end_s)
    return part


@contextlib.contextmanager
def _output(options: Namespace) -> Iterator[TextIO]:
    """Where results go: stdout, or the file that was named; documents make their own files."""
    if options.output is None or options.format in DOCUMENTS:
        yield sys.stdout
        return
    try:
        stream = new_file(options.output)
    except OSError as error:
        raise SerError(f"{options.output} cannot be written ({error.strerror}).") from error
    with stream:
        yield stream


def _writer(options: Namespace, recognizer: Recognizer, stream: TextIO, single: bool) -> Writer:
    if options.format == "json":
        return JsonWriter(stream, options.timeline)
    if options.format == "csv":
        classes = recognizer.bundle.config.fusion.emotions
        return CsvWriter(stream, options.timeline, classes)
    if options.format in DOCUMENTS:
        target: Path | None = options.output
        if target is not None and not single:
            target.mkdir(exist_ok=True)
        make = _report(recognizer) if options.format == "html" else _textgrid
        return DocumentWriter(make, ENDINGS[options.format], target, stream, _tell)
    console = PipeConsole(highlight=False, file=stream)
    return (OneFileWriter if single else RowsWriter)(console, options.timeline)


def _textgrid(_file: str, prediction: Prediction) -> str:
    return textgrid(prediction)


def _report(recognizer: Recognizer) -> Callable[[str, Prediction], str]:
    regions = from_metrics(recognizer.bundle.metrics)

    def make(file: str, prediction: Prediction) -> str:
        return report(Path(file).name, prediction, load_audio(file), regions)

    return make


def _write(writer: Writer, file: str, answer: Prediction | SerError) -> bool:
    """Print one result; whether it is an answer that could be written."""
    if isinstance(answer, SerError):
        writer.fault(file, str(answer))
        return False
    try:
        writer.answer(file, answer)
    except SerError as error:
        writer.fault(file, str(error))
        return False
    if not writer.tells_notes:
        for note in answer.notes:
            _tell(f"{file}: {note}")
    return True


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
