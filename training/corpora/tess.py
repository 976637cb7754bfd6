"""TESS: two actresses say 200 words in seven emotions (Pichora-Fuller and Dupuis 2020)."""

from pathlib import Path
from typing import Final

from training.corpora.base import NOT_ITS_NAME, Clip, Reading, audio_files, read_by_name

EMOTIONS: Final = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprise",  # pleasant surprise
    "sad": "sad",
}
SPEAKERS: Final = {"OAF": "OAF", "YAF": "YAF", "OA": "OAF"}  # one released file says OA_bite
CARRIER: Final = "Say the word {word}."


def read_tess(root: Path) -> Reading:
    """Read `{OAF,YAF}_<word>_<emotion>.*` in whatever folders."""
    return read_by_name("tess", audio_files(root), _clip_of)


def _clip_of(path: Path) -> Clip | str:
    parts = path.stem.split("_")
    if len(parts) != 3 or parts[0] not in SPEAKERS or parts[2].lower() not in EMOTIONS:
        return NOT_ITS_NAME
    speaker, word, emotion = parts
    return Clip(
        path=path,
        corpus="tess",
        speaker=SPEAKERS[speaker],
        emotion=EMOTIONS[emotion.lower()],
        text=CARRIER.format(word=word),
        name=path.stem,
    )
