"""Read all corpora, look at every recording once, write the manifest and what was left out."""

import dataclasses
import hashlib
import inspect
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pandas as pd
from tqdm import tqdm

from ser.audio import load_audio
from ser.errors import AudioError, SerError
from training import manifest
from training.config import Config, Corpus
from training.corpora import READERS, LeftOut, Reading
from training.files import Journal, whole_file
from training.prepare_table import print_tables

logger = logging.getLogger(__name__)

JOURNAL: Final = "prepare.jsonl"  # what was found in each file: a second run need not look again
LEFT_OUT: Final = "left_out.csv"
PER_WRITE: Final = 200  # files between two writes of the journal


@dataclasses.dataclass(frozen=True)
class Sound:
    """What decoding one file told; `fault` is "" for those that can be used."""

    duration_s: float
    audio_sha256: str  # of the file's bytes
    fault: str


def run(config: Config) -> None:
    """Write `manifest.parquet` and `left_out.csv` below `config.work`, and print tables of both.

    Label files, folders and splits are checked before the first recording is decoded.
    """
    readings = {name: read(name, corpus, config) for name, corpus in _corpora(config).items()}
    frame = manifest.build({name: found.clips for name, found in readings.items()}, config)
    left_out = [left for found in readings.values() for left in found.left_out]
    _require_known(frame, config, left_out)
    manifest.check(frame, config)
    frame, damaged = _with_sounds(frame, config)
    manifest.check(frame, config, warn=True)
    left_out += damaged
    _write_left_out(left_out, config.work / LEFT_OUT)
    manifest.write_manifest(frame, config.manifest)
    print_tables(frame, left_out, config)


def read(name: str, corpus: Corpus, config: Config) -> Reading:
    """One corpus, what it leaves out under its name in the configuration."""
    if corpus.reader not in READERS:
        raise SerError(
            f"corpora.{name}.reader is {corpus.reader!r}, but must be one of {', '.join(READERS)}."
        )
    folder = config.data / corpus.folder
    if not folder.is_dir():
        raise SerError(
            f"The folder {folder} of the corpus {name} does not exist: set corpora.{name}.folder, "
            "or data, which it is relative to."
        )
    reader = READERS[corpus.reader]
    known = list(inspect.signature(reader).parameters)[1:]  # the first is the folder
    if unknown := sorted(set(corpus.options) - set(known)):
        raise SerError(
            f"corpora.{name}.options has {', '.join(unknown)}, but the reader {corpus.reader} "
            f"knows {', '.join(known) or 'no options'}."
        )
    logger.info("Reading the labels of %s …", name)
    try:
        reading = reader(folder, **corpus.options)
    except (SerError, OSError) as error:
        raise SerError(f"The corpus {name} cannot be read: {error}") from error
    left_out = [dataclasses.replace(left, corpus=name) for left in reading.left_out]
    return Reading(reading.clips, left_out)


def _corpora(config: Config) -> dict[str, Corpus]:
    if not config.corpora:
        raise SerError("The configuration names no corpora: add them under `corpora`.")
    return config.corpora


def _require_known(frame: pd.DataFrame, config: Config, left_out: Sequence[LeftOut]) -> None:
    """SerError where a corpus gives nothing at all."""
    for name in config.corpora:
        if not (frame["corpus"] == name).any():
            reasons = Counter(left.reason for left in left_out if left.corpus == name)
            told = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
            raise SerError(f"No recording of {name} can be used ({told or 'it holds none'}).")


def _with_sounds(frame: pd.DataFrame, config: Config) -> tuple[pd.DataFrame, list[LeftOut]]:
    """Duration and hash of every recording; those that cannot be decoded are left out."""
    sounds = list(look_at([config.data / path for path in frame["path"]], config.work / JOURNAL))
    frame = frame.assign(
        duration_s=[sound.duration_s for sound in sounds],
        audio_sha256=[sound.audio_sha256 for sound in sounds],
    )
    fault = pd.Series([sound.fault for sound in sounds], index=frame.index, dtype=str)
    damaged = [
        LeftOut(corpus, Path(path).name, told)
        for corpus, path, told in zip(frame["corpus"], frame["path"], fault, strict=True)
        if told
    ]
    return frame[fault == ""].reset_index(drop=True), damaged


def look_at(paths: Sequence[Path], journal_path: Path) -> Iterator[Sound]:
    """What is in each file, in their order; files known to the journal are not decoded again.

    Threads decode: what takes long releases the interpreter.
    """
    journal = Journal(journal_path)
    known = {entry.pop("key"): Sound(**entry) for entry in journal.read()}
    keys = [_key(path) for path in paths]
    new = [(key, path) for key, path in zip(keys, paths, strict=True) if key not in known]
    progress = tqdm(total=len(new), desc="Decoding", unit="clip", disable=not new)
    with progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(new), PER_WRITE):
            part = new[start : start + PER_WRITE]
            found = pool.map(_ticking(_look_at_one, progress), [path for _, path in part])
            sounds = dict(zip([key for key, _ in part], found, strict=True))
            journal.add([{"key": key, **dataclasses.asdict(s)} for key, s in sounds.items()])
            known |= sounds
    return (known[key] for key in keys)


def _ticking(look: Callable[[Path], Sound], progress: tqdm) -> Callable[[Path], Sound]:
    def look_and_tick(path: Path) -> Sound:
        sound = look(path)
        progress.update()
        return sound

    return look_and_tick


def _look_at_one(path: Path) -> Sound:
    try:
        waveform = load_audio(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Sound(waveform.duration_s, digest, "")
    except AudioError as error:
        return Sound(0.0, "", _reason(str(error), path.name))
    except OSError as error:
        return Sound(0.0, "", f"the file cannot be read: {error.strerror}")


def _reason(sentence: str, name: str) -> str:
    """ "x.wav is silent. Check …" becomes "the file is silent", so that it can be counted."""
    told = sentence.removeprefix(name).split(". ")[0].removesuffix(".")
    return "the file" + re.sub(r" \([^)]*\)", "", told)  # figures differ from file to file


def _key(path: Path) -> str:
    """Changes when the file does."""
    try:
        status = path.stat()
        return f"{path.absolute()}:{status.st_size}:{status.st_mtime_ns}"
    except OSError:
        return f"{path.absolute()}:gone"


def _write_left_out(left_out: Sequence[LeftOut], path: Path) -> None:
    """corpus, name, reason."""
    columns = [field.name for field in dataclasses.fields(LeftOut)]
    with whole_file(path) as partial:
        pd.DataFrame(left_out, columns=columns).to_csv(partial, index=False)
