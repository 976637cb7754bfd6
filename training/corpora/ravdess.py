"""RAVDESS speech: eight acted emotions, two sentences, 24 actors (Livingstone and Russo 2018)."""

from pathlib import Path

from training.corpora.base import Clip, audio_files

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


def read_ravdess(root: Path) -> list[Clip]:
    """Read `Actor_NN/modality-channel-emotion-intensity-statement-repetition-actor.*`."""
    clips = []
    for path in audio_files(root, "Actor_*/*"):
        _, channel, emotion, intensity, statement, _, actor = path.stem.split("-")
        if channel == SPEECH_CHANNEL:
            clips.append(
                Clip(
                    path=path,
                    corpus="ravdess",
                    speaker=actor,
                    emotion=EMOTIONS[emotion],
                    strong=intensity == "02",
                    text=STATEMENTS[statement],
                )
            )
    return clips
