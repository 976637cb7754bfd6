"""How fast training reads frames: `python -m tests.benchmarks.cache [--clips N]`.

Frames of the paper's sizes, with random values, are written to disk as the feature cache and as
one file per clip. Both are read in random order through a DataLoader in batches of 128, with the
page cache warm and emptied, beside encoding the clips again. Prints Markdown tables.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from ser.encoders import EncoderSpec
from ser.encoders.base import length_mask, pad_frames
from ser.fusion import EncoderOutput
from ser.labels import ENCODERS
from tests.benchmarks.encoding import encoded_per_second
from training.cache import FeatureCache
from training.cache.keys import folders_of, sources
from training.cache.shards import ShardWriter
from training.config import PAPER_ENCODERS, Config

WIDTHS: Final = {"whisper": 1280, "wavlm": 1024, "roberta": 1024}
FRAMES_PER_SECOND: Final = {"whisper": 50, "wavlm": 50, "roberta": 4}
SECONDS: Final = (2.0, 11.0)
BATCH_SIZE: Final = 128
CLIPS_PER_SHARD: Final = 256
# Pinned, so that the folders have names without the checkpoints being here.
REVISION: Final = "0" * 40

Batch = dict[str, EncoderOutput]
Collate = Callable[[list[int]], Batch]


@dataclass(frozen=True)
class Corpus:
    """Frames on disk in both forms, of the same clips."""

    folder: Path
    config: Config
    frame: pd.DataFrame

    @classmethod
    def at(cls, folder: Path, clips: int) -> "Corpus":
        """Clips of 2 to 11 s, 5.5 s in the middle, as of MSP-Podcast; nothing is written yet."""
        random = np.random.default_rng(0)
        specs = {name: EncoderSpec(spec.checkpoint, REVISION) for name, spec in _papers()}
        frame = pd.DataFrame(
            {
                "id": [f"clip{row}" for row in range(clips)],
                "split": "dev",
                "transcript": "",
                "audio_sha256": "",
                "duration_s": np.clip(random.lognormal(1.65, 0.45, clips), *SECONDS),
            }
        )
        return cls(folder, Config(work=folder / "runs", encoders=specs), frame)

    def file(self, row: int) -> Path:
        """The file of one clip alone."""
        return self.folder / "files" / f"{row}.pt"

    def write(self) -> None:
        """Both forms hold the same numbers: pieces of one random block."""
        blocks = {
            name: torch.randn(round(SECONDS[1] * FRAMES_PER_SECOND[name]) + 1, width).half()
            for name, width in WIDTHS.items()
        }
        self.file(0).parent.mkdir(parents=True)
        keys = {name: sources(self.frame, name) for name in ENCODERS}
        folders = {name: folders_of(self.config, name).clean for name in ENCODERS}
        for folder in folders.values():
            folder.mkdir(parents=True)
        for start in range(0, len(self.frame), CLIPS_PER_SHARD):
            writers = {
                name: ShardWriter(
                    folders_of(self.config, name).clean / f"{start:06d}", 0, "float16"
                )
                for name in ENCODERS
            }
            for row in range(start, min(start + CLIPS_PER_SHARD, len(self.frame))):
                seconds = self.frame["duration_s"][row]
                clip = {
                    name: block[: round(seconds * FRAMES_PER_SECOND[name])]
                    for name, block in blocks.items()
                }
                for name, frames in clip.items():
                    writers[name].add(self.frame["id"][row], keys[name][row], frames)
                torch.save({name: part.clone() for name, part in clip.items()}, self.file(row))
            for name, writer in writers.items():
                writer.finish(None if name == "roberta" else 1 / FRAMES_PER_SECOND[name])

    def part(self, clips: int) -> "Corpus":
        """The first clips only."""
        return Corpus(self.folder, self.config, self.frame.iloc[:clips])

    def size(self, pattern: str) -> int:
        """Bytes of the files."""
        return sum(path.stat().st_size for path in self.folder.rglob(pattern))


def _papers() -> Sequence[tuple[str, EncoderSpec]]:
    return tuple(PAPER_ENCODERS.items())


def pad_as_stored(frames: Sequence[torch.Tensor]) -> EncoderOutput:
    """As `pad_frames`, but left in float16."""
    hidden = pad_sequence(list(frames), batch_first=True)
    lengths = torch.tensor([len(item) for item in frames])
    return EncoderOutput(hidden, length_mask(lengths, hidden.shape[1]), None)


def from_files(corpus: Corpus, pad: Callable[[list[torch.Tensor]], EncoderOutput]) -> Collate:
    """One file per clip, a dict of three float16 tensors."""

    def collate(rows: list[int]) -> Batch:
        clips = [torch.load(corpus.file(row)) for row in rows]
        return {name: pad([clip[name] for clip in clips]) for name in ENCODERS}

    return collate


def from_cache(corpus: Corpus) -> Collate:
    """Clip by clip out of the cache, then padded."""
    cache = FeatureCache.open(corpus.config, corpus.frame)

    def collate(rows: list[int]) -> Batch:
        return {
            name: pad_as_stored([cache.frames(name, row, 0) for row in rows]) for name in ENCODERS
        }

    return collate


def from_cache_padded(corpus: Corpus) -> Collate:
    """Straight into the padded batch."""
    cache = FeatureCache.open(corpus.config, corpus.frame)

    def collate(rows: list[int]) -> Batch:
        return {name: cache.padded(name, rows, [0] * len(rows)) for name in ENCODERS}

    return collate


WAYS: Final[dict[str, Callable[[Corpus], Collate]]] = {
    "one file per clip, `torch.load`, padded in float32": lambda corpus: from_files(
        corpus, lambda frames: pad_frames(frames, None)
    ),
    "one file per clip, `torch.load`, padded in float16": lambda corpus: from_files(
        corpus, pad_as_stored
    ),
    "`FeatureCache.frames`, padded in float16": from_cache,
    "`FeatureCache.padded`": from_cache_padded,
}
BASELINE: Final = "one file per clip, `torch.load`, padded in float16"


def batches(corpus: Corpus, collate: Collate, workers: int) -> Iterator[Batch]:
    """Every clip once, in random order."""
    order = np.random.default_rng(1).permutation(len(corpus.frame)).tolist()
    yield from DataLoader(order, BATCH_SIZE, num_workers=workers, collate_fn=collate)


def mean_speeds(corpus: Corpus, workers: int, runs: int, warm: bool) -> dict[str, float]:
    """Clips per second of each way. They take turns, as the load of the machine may change."""
    collates = {way: begin(corpus) for way, begin in WAYS.items()}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for run in range(runs + warm):
        for way, begin in WAYS.items():
            if not warm:
                collates.clear()  # a page that is mapped somewhere cannot be dropped
                drop_page_cache(corpus.folder)
                collates[way] = begin(corpus)
            started = time.perf_counter()
            for batch in batches(corpus, collates[way], workers):
                del batch
            if run >= warm:  # the first run warms the page cache
                seconds[way].append(time.perf_counter() - started)
    for way, times in seconds.items():
        print(workers, "warm" if warm else "cold", way, np.round(times, 2), file=sys.stderr)
    return {way: len(corpus.frame) / float(np.mean(times)) for way, times in seconds.items()}


def drop_page_cache(folder: Path) -> None:
    """Make the system forget what it holds of the files in memory."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def anonymous_mb() -> float:
    """Memory of this process that no file backs, in MB."""
    told = Path("/proc/self/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB", told, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def peak_mb(corpus: Corpus, way: str) -> float:
    """How far reading the whole corpus once raises the memory of this process."""
    before, highest = anonymous_mb(), 0.0
    for batch in batches(corpus, WAYS[way](corpus), workers=0):
        highest = max(highest, anonymous_mb() - before)
        del batch
    return highest


def peak_elsewhere(corpus: Corpus, way: str, clips: int) -> float:
    """`peak_mb` in a process of its own, over the first `clips` of the corpus."""
    arguments = [str(corpus.folder), str(len(corpus.frame)), way, str(clips)]
    run = [sys.executable, "-m", "tests.benchmarks.cache", "--peak", *arguments]
    return float(subprocess.run(run, capture_output=True, text=True, check=True).stdout)


def speed_table(corpus: Corpus, workers: Sequence[int], runs: int) -> str:
    """Rows of clips a second, and how many times the baseline with as many workers."""
    lines = [
        "| way | loader processes | warm, clips/s | | cold, clips/s | |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for count in workers:
        warm, cold = (mean_speeds(corpus, count, runs, warm=state) for state in (True, False))
        for way in WAYS:
            cells = [
                f"{means[way]:.0f} | {means[way] / means[BASELINE]:.1f}" for means in (warm, cold)
            ]
            lines.append(f"| {way} | {count} | {' | '.join(cells)} |")
    return "\n".join(lines)


def memory_table(corpus: Corpus) -> str:
    """Peak memory over a quarter of the corpus and over all of it."""
    sizes = (len(corpus.frame) // 4, len(corpus.frame))
    heads = " | ".join(f"{size} clips, MB" for size in sizes)
    lines = [f"| way | {heads} |", "|---|--:|--:|"]
    for way in WAYS:
        peaks = " | ".join(f"{peak_elsewhere(corpus, way, size):.0f}" for size in sizes)
        lines.append(f"| {way} | {peaks} |")
    return "\n".join(lines)


def report(options: argparse.Namespace) -> str:
    """Write the corpus, measure, remove it."""
    folder = Path(tempfile.mkdtemp(prefix="ser-cache-", dir=options.folder))
    try:
        corpus = Corpus.at(folder, options.clips)
        corpus.write()
        seconds = corpus.frame["duration_s"].sum()
        begin = time.perf_counter()
        FeatureCache.open(corpus.config, corpus.frame)
        opening = time.perf_counter() - begin
        parts = [
            f"{len(corpus.frame)} clips of {seconds / len(corpus.frame):.1f} s on average; cache "
            f"{corpus.size('*.frames') / 1e9:.2f} GB ({corpus.size('*.frames') / seconds / 1e3:.0f}"
            f" kB per second), single files {corpus.size('*.pt') / 1e9:.2f} GB; batches of "
            f"{BATCH_SIZE}; means of {options.runs} runs; opened in {opening:.2f} s.",
            speed_table(corpus, options.workers, options.runs),
            "Peak of anonymous memory over what the process had before:",
            memory_table(corpus),
        ]
    finally:
        shutil.rmtree(folder)
    if options.encode:
        parts.append(encoded_per_second(options.encode))
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or for the process that `peak_elsewhere` starts one number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1536)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--encode", type=int, default=3, metavar="CLIPS", help="0: do not encode")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's)")
    parser.add_argument("--peak", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peak is not None:
        folder, clips, way, part = options.peak
        print(peak_mb(Corpus.at(Path(folder), int(clips)).part(int(part)), way))
        return
    print(report(options))


if __name__ == "__main__":
    main()
