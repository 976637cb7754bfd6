"""Which shards a manifest needs, and how many bytes they take."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from transformers import PreTrainedTokenizerBase

from ser.encoders import LAST_LAYER, EncoderBank, RobertaBranch
from training.cache.keys import (
    SPEECH_ENCODERS,
    TEXT_ENCODERS,
    copies_of,
    digest,
    folders_of,
    sources,
)
from training.cache.shards import frame_bytes, shard_fault
from training.config import Config


@dataclass(frozen=True, eq=False)
class Job:
    """One copy of some clips: a shard of the same name for each of the encoders."""

    name: str
    copy: int
    rows: np.ndarray  # positions in the manifest's frame, in the order of their frames on disk
    stems: dict[str, Path]  # encoder -> path of the shard without its endings


def plan(config: Config, frame: pd.DataFrame) -> list[Job]:
    """All jobs, in the order of the manifest; it depends on nothing but manifest and settings.

    Shards never span two corpora, so that adding a corpus leaves the others' shards as they are.
    """
    copies = copies_of(frame, config.features.copies, everywhere=config.folds is not None)
    return [
        *_jobs(config, frame, copies, SPEECH_ENCODERS, frame["duration_s"].to_numpy()),
        *_jobs(
            config,
            frame,
            np.ones(len(frame), np.int64),
            TEXT_ENCODERS,
            frame["transcript"].str.len().to_numpy(),
        ),
    ]


def _jobs(
    config: Config,
    frame: pd.DataFrame,
    copies: np.ndarray,
    encoders: Sequence[str],
    sizes: np.ndarray,
) -> Iterator[Job]:
    """The jobs of encoders that read the same; within a shard, clips of like size are together."""
    ids, keys = frame["id"].to_numpy(dtype=object), sources(frame, encoders[0])
    folders = {name: folders_of(config, name) for name in encoders}
    for corpus, number, chunk in _chunks(frame["corpus"], config.features.clips_per_shard):
        for copy in range(int(copies[chunk].max())):
            rows = chunk[copies[chunk] > copy]
            rows = rows[np.argsort(-sizes[rows], kind="stable")]
            hashed = digest([[ids[row], keys[row]] for row in rows])
            name = f"{corpus}-{number:05d}-{copy}-{hashed}"
            stems = {key: folder.of_copy(copy) / name for key, folder in folders.items()}
            yield Job(name, copy, rows, stems)


def _chunks(corpora: pd.Series, size: int) -> Iterator[tuple[str, int, np.ndarray]]:
    """A corpus' name as a file may bear it, the number of the chunk, and its rows."""
    for corpus in corpora.unique():
        rows = np.flatnonzero(corpora == corpus)
        for number, start in enumerate(range(0, len(rows), size)):
            yield re.sub(r"[^\w-]", "_", corpus), number, rows[start : start + size]


def missing(job: Job, *, verify: bool) -> tuple[Job, list[str]]:
    """The job with only those encoders whose shard is not whole, and what is damaged."""
    faults = {name: shard_fault(stem, verify=verify) for name, stem in job.stems.items()}
    stems = {name: stem for name, stem in job.stems.items() if faults[name] is not None}
    return replace(job, stems=stems), [fault for fault in faults.values() if fault]


def job_bytes(job: Job, config: Config, frame: pd.DataFrame, bank: EncoderBank) -> int:
    """How many bytes a job writes: exact for clean speech to a frame per clip, never less.

    Indexes, some 100 bytes a clip, are left out.
    """
    total = 0
    for name in job.stems:
        layers = len(config.features.layers.get(name, LAST_LAYER))
        per_frame = frame_bytes((layers, bank.widths[name]))
        total += per_frame * int(_frames(name, job, config, frame, bank).sum())
    return total


def _frames(
    name: str, job: Job, config: Config, frame: pd.DataFrame, bank: EncoderBank
) -> np.ndarray:
    """Most frames that each clip of a job can have, [rows]."""
    if name in TEXT_ENCODERS:
        return token_counts(bank.roberta, list(frame["transcript"].iloc[job.rows]))
    limit = config.features.max_seconds
    seconds = np.minimum(frame["duration_s"].to_numpy()[job.rows], limit)
    if job.copy:
        seconds = np.minimum(seconds / config.features.augmentation.speed[0], limit)
    # Decoders and resamplers may give a few samples more than the header's duration.
    return np.ceil(seconds / getattr(bank, name).step_s).astype(np.int64) + 1


def token_counts(branch: RobertaBranch, texts: Sequence[str]) -> np.ndarray:
    """Number of vectors that `RobertaBranch.encode` gives for each text, [texts]."""
    tokenizer: PreTrainedTokenizerBase = branch.tokenizer
    encoded = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
    counts = np.array([len(ids) for ids in encoded["input_ids"]], np.int64)
    counts[[not text.strip() for text in texts]] = 0
    return counts + 2 * -(-counts // branch.max_tokens)  # <s> and </s> around each piece
