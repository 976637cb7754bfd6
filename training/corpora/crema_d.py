"""CREMA-D: six acted emotions, twelve sentences, 91 actors (Cao et al. 2014)."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ser.errors import SerError
from training.corpora.base import (
    NO_AGREEMENT,
    NO_AUDIO,
    NOT_ITS_NAME,
    Clip,
    LeftOut,
    Reading,
    audio_files,
    number_of,
    plurality,
    read_by_name,
    read_text,
)

INTENDED: Final = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
PERCEIVED: Final = {
    "A": "angry",
    "D": "disgust",
    "F": "fear",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
}
"""Columns of the vote table."""
VOICE: Final = "1"  # first digit of the vote table's id column; 2 is the face, 3 both
SENTENCES: Final = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}


def read_crema_d(root: Path, labels: str = "intended", keep_without_class: bool = False) -> Reading:
    """Read `AudioWAV/actor_sentence_emotion_level.*`.

    labels: "intended" takes the class from the name; "perceived" takes the votes of those who
    heard the voice alone and their plurality, two different tasks (they agree in 42 % of clips).
    Where two classes have most votes there is no class: such clips are left out, or kept for their
    votes with `keep_without_class`.
    """
    files = audio_files(root / "AudioWAV")
    if labels == "intended":
        return read_by_name("crema_d", files, _intended)
    if labels != "perceived":
        raise SerError(f"CREMA-D has the labels intended and perceived, not {labels!r}.")
    votes = _voice_votes(root / "processedResults" / "tabulatedVotes.csv")

    def clip_of(path: Path) -> Clip | str:
        clip = _intended(path)
        if isinstance(clip, str):
            return clip
        if path.stem not in votes:
            return "no row in tabulatedVotes.csv"
        emotion = plurality(votes[path.stem])
        if emotion is None and not keep_without_class:
            return NO_AGREEMENT
        return _clip(path, emotion, votes[path.stem])

    reading = read_by_name("crema_d", files, clip_of)
    without = sorted(set(votes) - {path.stem for path in files})
    missing = [LeftOut("crema_d", name, NO_AUDIO) for name in without]
    return Reading(reading.clips, [*reading.left_out, *missing])


def _intended(path: Path) -> Clip | str:
    parts = path.stem.split("_")
    if len(parts) != 4 or parts[2] not in INTENDED:
        return NOT_ITS_NAME
    return _clip(path, INTENDED[parts[2]], {})


def _clip(path: Path, emotion: str | None, votes: Mapping[str, float]) -> Clip:
    actor, sentence, _, level = path.stem.split("_")
    return Clip(
        path=path,
        corpus="crema_d",
        speaker=actor,
        emotion=emotion,
        strong=level == "HI",
        text=SENTENCES.get(sentence),
        votes=votes,
        name=path.stem,
    )


def _voice_votes(table: Path) -> dict[str, dict[str, float]]:
    """Clip -> class -> votes of those who only heard it."""
    rows = csv.DictReader(io.StringIO(read_text(table)))
    if missing := [
        name for name in ("fileName", *PERCEIVED) if name not in (rows.fieldnames or ())
    ]:
        raise SerError(f"{table} lacks the columns {', '.join(missing)}: take the released file.")
    number = (rows.fieldnames or [""])[0]  # the id column has no name
    return {
        row["fileName"]: {
            emotion: number_of(row[letter], f"Column {letter} of {row['fileName']} in {table}")
            for letter, emotion in PERCEIVED.items()
        }
        for row in rows
        if row[number].startswith(VOICE)
    }
