"""nEMO: Polish acted speech, six emotions (Christop 2024)."""

import csv
import io
from pathlib import Path

from ser.errors import SerError
from training.corpora.base import NO_AUDIO, Clip, LeftOut, Reading, audio_files, read_text

EMOTIONS = {
    "neutral": "neutral",
    "anger": "angry",
    "sadness": "sad",
    "happiness": "happy",
    "surprised": "surprise",
    "fear": "fear",
}


COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id")


def read_nemo(root: Path) -> Reading:
    """Read `samples/` by the labels of `data.tsv`; rows without a file are left out."""
    labels = root / "data.tsv"
    rows = csv.DictReader(io.StringIO(read_text(labels)), delimiter="\t")
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise SerError(f"{labels} lacks the columns {', '.join(missing)}: take the released file.")
    files = {path.stem: path for path in audio_files(root / "samples")}
    clips, left_out = [], []
    for row in rows:
        if (path := files.pop(Path(row["file_id"]).stem, None)) is None:
            left_out.append(LeftOut("nemo", row["file_id"], NO_AUDIO))
        else:
            clips.append(_clip_of(row, path, labels))
    left_out += [LeftOut("nemo", path.name, "no row in data.tsv") for path in files.values()]
    return Reading(clips, left_out)


def _clip_of(row: dict[str, str], path: Path, labels: Path) -> Clip:
    if row["emotion"] not in EMOTIONS:
        raise SerError(
            f"{labels} gives {row['file_id']} the unknown emotion {row['emotion']!r}; "
            f"known are {', '.join(EMOTIONS)}."
        )
    return Clip(
        path=path,
        corpus="nemo",
        speaker=row["speaker_id"],
        emotion=EMOTIONS[row["emotion"]],
        text=row["raw_text"],
        language="pl",
    )
