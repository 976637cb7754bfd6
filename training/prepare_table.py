"""What `prepare` read and left out, as tables for people."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import pandas as pd
from rich.console import Console
from rich.table import Table

from ser.labels import ATTRIBUTES, EMOTIONS
from training.config import Config
from training.corpora import LeftOut
from training.manifest import SPLITS, VOTES
from training.splits import is_unknown

NAMED: Final = 3  # left-out recordings that the table names
LONGEST_NAME: Final = 40


def print_tables(frame: pd.DataFrame, left_out: Sequence[LeftOut], config: Config) -> None:
    """Recordings per corpus and split, then what was left out and why."""
    console = Console()
    console.print(read_table(frame))
    if left_out:
        console.print(left_out_table(left_out))
    for note in notes(frame, config):
        console.print(note, soft_wrap=True, highlight=False)


def read_table(frame: pd.DataFrame) -> Table:
    """Clips, speakers, hours, clips per class, with ratings, votes, transcripts."""
    present = [name for name in EMOTIONS if (frame["emotion"] == name).any()]
    table = Table(title=f"{len(frame)} recordings", title_justify="left")
    for heading in ("corpus", "split"):
        table.add_column(heading, no_wrap=True)
    for heading in ("clips", "speakers", "hours", *present, "no class", "rated", "voted", "text"):
        table.add_column(heading, justify="right")
    for corpus, rows in frame.groupby("corpus", sort=False):
        splits = [split for split in SPLITS if (rows["split"] == split).any()]
        for split in splits:
            _add(table, str(corpus), split, rows[rows["split"] == split], present)
        if len(splits) > 1:
            _add(table, str(corpus), "all", rows, present)
        table.add_section()
    return table


def _add(table: Table, corpus: str, split: str, rows: pd.DataFrame, classes: list[str]) -> None:
    emotion = rows["emotion"]
    counts = [
        *(int((emotion == name).sum()) for name in classes),
        int(emotion.isna().sum()),
        int(rows[list(ATTRIBUTES)].notna().all(axis=1).sum()),
        int(rows[list(VOTES.values())].notna().any(axis=1).sum()),
        int(rows["transcript"].notna().sum()),
    ]
    cells = [str(count) if count else "-" for count in counts]
    hours = f"{rows['duration_s'].sum() / 3600:.2f}"
    table.add_row(corpus, split, str(len(rows)), _speakers(rows["speaker"]), hours, *cells)


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
    table = Table(title=f"{len(left_out)} left out", title_justify="left")
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
