"""Which shards a manifest still needs, and how many bytes they take."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from training.cache.shards import frame_bytes, read_shards
from training.config import Config


@dataclass(frozen=True, eq=False)
class Job:
    """One copy of some clips: a shard of the same name for each of the encoders."""

    name: str
    copy: int
    rows: np.ndarray  # positions in the manifest's frame, in the order of their frames on disk
    stems: dict[str, Path]  # encoder -> path of the shard without its endings


def plan(config: Config, frame: pd.DataFrame) -> list[Job]:
    """What no shard holds yet, in the order of the manifest, as shards that never span two corpora.

    It depends on nothing but manifest, settings and the shards that are there, all of them whole.
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
    held = {name: _held(config, frame, name, int(copies.max())) for name in encoders}
    folders = {name: folders_of(config, name) for name in encoders}
    for corpus, number, chunk in _chunks(frame["corpus"], config.features.clips_per_shard):
        for copy in range(int(copies[chunk].max())):
            rows = chunk[copies[chunk] > copy]
            rows = rows[np.argsort(-sizes[rows], kind="stable")]
            lacking = {key: tuple(rows[~held[key][rows, copy]]) for key in encoders}
            for own in dict.fromkeys(part for part in lacking.values() if part):
                hashed = digest([[ids[row], keys[row]] for row in own])
                name = f"{corpus}-{number:05d}-{copy}-{hashed}"
                stems = {
                    key: folder.of_copy(copy) / name
                    for key, folder in folders.items()
                    if lacking[key] == own
                }
                yield Job(name, copy, np.array(own), stems)


def _held(config: Config, frame: pd.DataFrame, name: str, copies: int) -> np.ndarray:
    """Whether a shard holds the frames of each copy of each row [rows, copies]."""
    held = np.zeros((len(frame), copies), dtype=bool)
    rows = {key: row for row, key in enumerate(zip(frame["id"], sources(frame, name), strict=True))}
    for shard, table in read_shards(folders_of(config, name).indexes()):
        if shard.copy < copies:
            keys = zip(table["id"], table["source"], strict=True)
            held[[rows[key] for key in keys if key in rows], shard.copy] = True
    return held


def _chunks(corpora: pd.Series, size: int) -> Iterator[tuple[str, int, np.ndarray]]:
    """A corpus' name as a file may bear it, the number of the chunk, and its rows."""
    for corpus in corpora.unique():
        rows = np.flatnonzero(corpora == corpus)
        for number, start in enumerate(range(0, len(rows), size)):
            yield re.sub(r"[^\w-]", "_", corpus), number, rows[start : start + size]


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
