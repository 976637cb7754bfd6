"""nEMO: Polish acted speech, six emotions (Christop 2024)."""

import csv
from pathlib import Path

from training.corpora.base import Clip, audio_files

EMOTIONS = {
    "neutral": "neutral",
    "anger": "angry",
    "sadness": "sad",
    "happiness": "happy",
    "surprised": "surprise",
    "fear": "fear",
}


def read_nemo(root: Path) -> list[Clip]:
    """Read `samples/` by the labels of `data.tsv`; rows without a file are left out."""
    files = {path.stem: path for path in audio_files(root / "samples")}
    with (root / "data.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [
        Clip(
            path=files[stem],
            corpus="nemo",
            speaker=row["speaker_id"],
            emotion=EMOTIONS[row["emotion"]],
            text=row["raw_text"],
            language="pl",
        )
        for row in rows
        if (stem := Path(row["file_id"]).stem) in files
    ]
