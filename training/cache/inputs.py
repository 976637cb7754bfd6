"""What the encoders read: audio cut and augmented, or transcripts, loaded ahead by threads."""

import hashlib
import logging
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pandas as pd

from ser.audio import Waveform, load_audio
from ser.errors import AudioError, SerError
from training.augment import configured_augmenter, copy_generator
from training.cache.keys import SPEECH_ENCODERS
from training.cache.plan import Job
from training.config import Config

BATCHES_AHEAD: Final = 3  # loaded while the encoders compute
_logger = logging.getLogger(__name__)


class Inputs:
    """Loads what a job's encoders read, the same whatever was loaded before."""

    def __init__(self, config: Config, frame: pd.DataFrame) -> None:
        self.config = config
        self.max_seconds = config.features.max_seconds
        self.ids, self.paths = frame["id"].to_list(), frame["path"].to_list()
        self.hashes, self.texts = frame["audio_sha256"].to_list(), frame["transcript"].to_list()
        self._augmenter = configured_augmenter(config) if config.features.copies else None

    def waveform(self, row: int, copy: int) -> Waveform:
        """Copy 0 is the recording, cut to `max_seconds`; the others are changed.

        SerError for a file that cannot be decoded or is not the one that `prepare` read.
        """
        path = self.config.data / self.paths[row]
        try:
            with path.open("rb") as file:
                changed = hashlib.file_digest(file, "sha256").hexdigest() != self.hashes[row]
        except OSError as error:
            raise SerError(
                f"{path} cannot be read ({error.strerror}): restore the file."
            ) from error
        if changed:
            raise SerError(
                f"{path} is not the file that `prepare` read: restore it, or run "
                "`python -m training prepare` again."
            )
        try:
            waveform = load_audio(path).slice(0.0, self.max_seconds)
        except AudioError as error:
            raise AudioError(f"{self.ids[row]}: {error}") from error
        if not copy:
            return waveform
        assert self._augmenter is not None
        random = copy_generator(self.config.seed, self.ids[row], copy)
        samples = self._augmenter(waveform.samples, random)
        return Waveform(samples).slice(0.0, self.max_seconds)

    def load(self, job: Job, row: int) -> Waveform | str:
        """What the encoders of a job read of one row."""
        if set(job.stems) <= set(SPEECH_ENCODERS):
            return self.waveform(row, job.copy)
        return self.texts[row]


def load_ahead(
    inputs: Inputs, jobs: Sequence[Job], batch_size: int, threads: int
) -> Generator[tuple[Job, list[int], list[Waveform | str]], None, None]:
    """Every batch of every job in order: the job, the rows, what is read of each."""
    batches = (
        (job, [int(row) for row in job.rows[start : start + batch_size]])
        for job in jobs
        for start in range(0, len(job.rows), batch_size)
    )
    waiting: deque[tuple[Job, list[int], list[Future]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job, rows in batches:
                waiting.append((job, rows, [pool.submit(inputs.load, job, row) for row in rows]))
                if len(waiting) > BATCHES_AHEAD:
                    yield _ready(waiting.popleft())
            while waiting:
                yield _ready(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ready(
    batch: tuple[Job, list[int], list[Future]],
) -> tuple[Job, list[int], list[Waveform | str]]:
    job, rows, futures = batch
    return job, rows, [future.result() for future in futures]


def check_inputs(config: Config, frame: pd.DataFrame) -> None:
    """SerError for files that are not there; says how many clips are to be cut."""
    absent = [path for path in frame["path"] if not (config.data / path).is_file()]
    if absent:
        raise SerError(
            f"{len(absent)} audio files of the manifest are missing, first "
            f"{config.data / absent[0]}: restore them, or run `python -m training prepare` again."
        )
    longer = int((frame["duration_s"] > config.features.max_seconds).sum())
    if longer:
        _logger.info(
            "%d of %d clips are longer than %g s and are cut there (features.max_seconds).",
            longer,
            len(frame),
            config.features.max_seconds,
        )
