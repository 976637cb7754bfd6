"""MSP-Podcast in all its releases (Lotfian and Busso 2019); licensed. See also `msp_votes`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from ser.errors import SerError
from training.corpora.base import (
    NO_AGREEMENT,
    NO_AUDIO,
    UNKNOWN_SPEAKER,
    Clip,
    LeftOut,
    Reading,
    audio_files,
    number_of,
    read_text,
    split_of_spelling,
)
from training.corpora.msp_votes import read_csv, read_votes

EMOTIONS: Final = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
}
NONE_AGREED: Final = "X"
RATINGS: Final = ("EmoAct", "EmoVal", "EmoDom")  # arousal, valence, dominance
COLUMNS: Final = ("FileName", "EmoClass", *RATINGS)
CONSENSUS: Final = ("labels_consensus.csv", "labels_concensus.csv")  # up to 1.9 with a c
DETAILED: Final = ("labels_detailed.csv", "labels_detailed.json")
CHALLENGE_TEST: Final = "test3"  # in the names of those that have neither labels nor transcripts


def read_msp_podcast(root: Path, keep_without_class: bool = False) -> Reading:
    """Read `Audios/`, `Transcripts/` and `Labels/`, nested or not.

    Class X (no agreement) is left out, or kept for its ratings with `keep_without_class`. The
    votes are the primary emotions of `labels_detailed`, where the release has it. Recordings of
    the challenge's test set need no label.
    """
    labels = _labels(root)
    files = {path.stem: path for path in audio_files(_folder(root, "Audios"))}
    detailed = _find(root, "Labels", DETAILED)
    votes = read_votes(detailed) if detailed else {}
    texts = {path.stem: path for path in _folder(root, "Transcripts").glob("*.txt")}
    clips, left_out = [], []
    for row in labels.to_dict("records"):
        name = Path(row["FileName"]).stem
        if (path := files.pop(name, None)) is None:
            left_out.append(LeftOut("msp_podcast", row["FileName"], NO_AUDIO))
            continue
        clip = _clip_of(row, path, votes.get(name, {}), texts.get(name))
        if row["EmoClass"] == NONE_AGREED and not keep_without_class:
            left_out.append(LeftOut("msp_podcast", row["FileName"], NO_AGREEMENT))
        else:
            clips.append(clip)
    for name, path in files.items():
        if CHALLENGE_TEST in name.lower():
            clips.append(_unlabelled(path, texts.get(name)))
        else:
            left_out.append(LeftOut("msp_podcast", path.name, "no row in the label file"))
    return Reading(clips, left_out)


def _clip_of(
    row: Mapping[str, str], path: Path, votes: Mapping[str, float], transcript: Path | None
) -> Clip:
    where = f"{row['FileName']} in the label file"
    letter = row["EmoClass"]
    if letter not in EMOTIONS and letter not in (NONE_AGREED, ""):
        raise SerError(
            f"{where} has the unknown class {letter!r}: use one of "
            f"{', '.join((*EMOTIONS, NONE_AGREED))}."
        )
    ratings = [row[name] for name in RATINGS]
    arousal, valence, dominance = (
        number_of(text, f"{name} of {where}") if text else float("nan")
        for name, text in zip(RATINGS, ratings, strict=True)
    )
    speaker = row["SpkrID"].lower()
    return Clip(
        path=path,
        corpus="msp_podcast",
        speaker=speaker if speaker not in ("", "unknown") else UNKNOWN_SPEAKER,
        emotion=EMOTIONS.get(letter),
        text=_said(transcript),
        split=split_of_spelling(row["Split_Set"], where),
        votes=votes,
        attributes=(arousal, valence, dominance) if any(ratings) else None,
        name=path.stem,
    )


def _unlabelled(path: Path, transcript: Path | None) -> Clip:
    return Clip(
        path=path,
        corpus="msp_podcast",
        speaker=UNKNOWN_SPEAKER,
        emotion=None,
        text=_said(transcript),
        split=CHALLENGE_TEST,
        name=path.stem,
    )


def _said(transcript: Path | None) -> str | None:
    """None where nobody wrote anything down."""
    return (read_text(transcript).strip() or None) if transcript else None


def _labels(root: Path) -> pd.DataFrame:
    """One row per labelled recording with COLUMNS, SpkrID and Split_Set as text."""
    path = _find(root, "Labels", CONSENSUS)
    if path is None:
        raise SerError(
            f"{root} has no Labels/{CONSENSUS[0]}: name the folder that holds Audios and Labels."
        )
    labels = read_csv(path, COLUMNS)
    twice = [name for name, count in Counter(labels["FileName"]).items() if count > 1]
    if twice:
        raise SerError(f"{path} has more than one row for {twice[0]}: remove all but one.")
    if "Split_Set" not in labels:
        names = _listing(root, "Partitions.txt", split_first=True)
        labels["Split_Set"] = [names.get(name, "") for name in labels["FileName"]]
    if "SpkrID" not in labels:
        names = _listing(root, "Speaker_ids.txt", split_first=False)
        labels["SpkrID"] = [names.get(name, "") for name in labels["FileName"]]
    return labels


def _listing(root: Path, file: str, split_first: bool) -> dict[str, str]:
    """Recording -> value of `Partitions.txt` (value; recording) or `Speaker_ids.txt`."""
    path = _find(root, "Labels", (file,))
    if path is None:
        raise SerError(f"The labels below {root} lack a column, and {file} that has it is missing.")
    parts = [line.split(";") for line in read_text(path).splitlines() if line.strip()]
    if bad := [row for row, columns in enumerate(parts, 1) if len(columns) != 2]:
        raise SerError(f"Line {bad[0]} of {path} is not two entries with a semicolon between them.")
    pairs = [(first.strip(), second.strip()) for first, second in parts]
    return {name: value for value, name in pairs} if split_first else dict(pairs)


def _find(root: Path, folder: str, names: tuple[str, ...]) -> Path | None:
    """The first of `names` in the folder, in one of the same name inside it, or beside it."""
    places = (root / folder / folder, root / folder, root)
    candidates = [place / name for place in places for name in names]
    return next((path for path in candidates if path.is_file()), None)


def _folder(root: Path, name: str) -> Path:
    """The folder, or the one of the same name inside it."""
    nested = root / name / name
    return nested if nested.is_dir() else root / name
