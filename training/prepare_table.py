"""What `prepare` read and left out, as tables for people."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from ser.labels import ATTRIBUTES, EMOTIONS
from training.config import Config
from training.corpora import LeftOut
from training.manifest import SPLITS, VOTES
from training.splits import is_unknown

NAMED: Final = 3  # left-out recordings that the table names
LONGEST_NAME: Final = 40
LEAST_WIDTH: Final = 110  # of the tables, in characters: narrower, counts would be cut off


def print_tables(frame: pd.DataFrame, left_out: Sequence[LeftOut], config: Config) -> None:
    """Recordings per corpus and split, then what was left out and why."""
    console = Console()
    console.width = max(console.width, LEAST_WIDTH)
    console.print(read_table(frame))
    console.print(class_table(frame))
    if left_out:
        console.print(left_out_table(left_out))
    for note in notes(frame, config):
        console.print(note, soft_wrap=True, highlight=False)


def read_table(frame: pd.DataFrame) -> Table:
    """Clips, speakers, hours, and how many have no class, ratings, votes, a transcript."""
    table = _table(f"{len(frame)} recordings")
    for heading in ("clips", "speakers", "hours", "no class", "rated", "voted", "transcribed"):
        table.add_column(heading, justify="right")
    for corpus, split, rows in _parts(frame):
        counts = (
            rows["emotion"].isna(),
            rows[list(ATTRIBUTES)].notna().all(axis=1),
            rows[list(VOTES.values())].notna().any(axis=1),
            rows["transcript"].notna(),
        )
        hours = f"{rows['duration_s'].sum() / 3600:.2f}"
        told = (str(len(rows)), _speakers(rows["speaker"]), hours)
        table.add_row(corpus, split, *told, *(_count(found) for found in counts))
    return table


def class_table(frame: pd.DataFrame) -> Table:
    """Clips of each class that occurs."""
    present = [name for name in EMOTIONS if (frame["emotion"] == name).any()]
    table = _table("Recordings of each class")
    for heading in present:
        table.add_column(heading, justify="right")
    for corpus, split, rows in _parts(frame):
        table.add_row(corpus, split, *(_count(rows["emotion"] == name) for name in present))
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for heading in ("corpus", "split"):
        table.add_column(heading, no_wrap=True)
    return table


def _parts(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Each split of each corpus, and the whole corpus where it has several."""
    for corpus, rows in frame.groupby("corpus", sort=False):
        splits = [split for split in SPLITS if (rows["split"] == split).any()]
        for split in splits:
            yield str(corpus), split, rows[rows["split"] == split]
        if len(splits) > 1:
            yield str(corpus), "all", rows


def _count(found: pd.Series) -> str:
    return str(int(found.sum())) if found.any() else "-"


def _speakers(speakers: pd.Series) -> str:
    """How many are known; "+ ?" where there are others whom nobody named."""
    unknown = speakers.map(is_unknown).astype(bool)
    known = speakers[~unknown].nunique()
    return f"{known} + ?" if unknown.any() else str(known)


def left_out_table(left_out: Sequence[LeftOut]) -> Table:
    """Count and first names per corpus and reason."""
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for left in left_out:
        groups[left.corpus, left.reason].append(left.name)
    table = Table(title=f"{len(left_out)} left out", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("corpus", "reason"):
        table.add_column(heading)
    table.add_column("clips", justify="right")
    table.add_column("among them", overflow="fold")
    for (corpus, reason), names in groups.items():
        table.add_row(corpus, reason, str(len(names)), ", ".join(map(_short, names[:NAMED])))
    return table


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def notes(frame: pd.DataFrame, config: Config) -> list[str]:
    """What is easily overlooked, one sentence each."""
    said = []
    counts = frame.loc[frame["emotion"].notna(), "emotion"].value_counts()
    for name in EMOTIONS:
        if name in counts and name not in config.classes:
            said.append(
                f"{name} is not among `classes`: {counts[name]} recordings count as without class."
            )
    if without := int(frame["transcript"].isna().sum()):
        said.append(
            f"{without} recordings have no transcript: `python -m training transcribe` writes them."
        )
    if derived := int(frame["derived"].sum()):
        said.append(f"{derived} recordings have ratings derived from their class, not rated ones.")
    same = int(frame["audio_sha256"].duplicated().sum())
    if same:
        said.append(f"{same} recordings are byte for byte copies of others.")
    return said
