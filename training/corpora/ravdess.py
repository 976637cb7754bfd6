"""RAVDESS speech: eight acted emotions, two sentences, 24 actors (Livingstone and Russo 2018)."""

from pathlib import Path

from training.corpora.base import NOT_ITS_NAME, Clip, Reading, audio_files, read_by_name

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
SPEECH_CHANNEL = "01"


def read_ravdess(root: Path) -> Reading:
    """Read `Actor_NN/modality-channel-emotion-intensity-statement-repetition-actor.*`."""
    return read_by_name("ravdess", audio_files(root, "Actor_*/*"), _clip_of)


def _clip_of(path: Path) -> Clip | str:
    parts = path.stem.split("-")
    if len(parts) != 7 or parts[2] not in EMOTIONS:
        return NOT_ITS_NAME
    _, channel, emotion, intensity, statement, _, actor = parts
    if channel != SPEECH_CHANNEL:
        return "song, not speech"
    return Clip(
        path=path,
        corpus="ravdess",
        speaker=actor,
        emotion=EMOTIONS[emotion],
        strong=intensity == "02",
        text=STATEMENTS.get(statement),
    )
