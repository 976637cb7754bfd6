"""The only home of class names, attribute names, encoder names, their order and their colours."""

from collections.abc import Mapping
from typing import Final

EMOTIONS: Final = (
    "angry",
    "sad",
    "happy",
    "surprise",
    "fear",
    "disgust",
    "contempt",
    "neutral",
    "other",
    "calm",
)
"""Every class the project knows, in display order. A bundle lists the subset it was trained on."""

ATTRIBUTES: Final = ("arousal", "valence", "dominance")
ATTRIBUTE_MIN: Final = 1.0
ATTRIBUTE_MAX: Final = 7.0
ATTRIBUTE_MIDDLE: Final = (ATTRIBUTE_MIN + ATTRIBUTE_MAX) / 2

ATTRIBUTE_ENDS: Final = {
    "arousal": ("calm", "active"),
    "valence": ("negative", "positive"),
    "dominance": ("weak", "strong"),
}
"""What 1 and 7 mean on each scale (MSP-Podcast's self-assessment manikins)."""

ENCODERS: Final = ("whisper", "wavlm", "roberta")
"""Order in which the fusion LSTM reads the three embeddings (paper, section 3.1)."""

EMOTION_COLOURS: Final = {
    "angry": "#d1495b",
    "sad": "#3f6fb5",
    "happy": "#d99a00",
    "surprise": "#9b5fc0",
    "fear": "#5a4e9c",
    "disgust": "#5f8f3e",
    "contempt": "#a8643a",
    "neutral": "#7d8590",
    "other": "#a0a0a0",
    "calm": "#2f9c95",
}
ENCODER_COLOURS: Final = {"whisper": "#0f8b8d", "wavlm": "#c8553d", "roberta": "#7a5cc0"}

ATTRIBUTE_COLOURS: Final = {"arousal": "#c8553d", "valence": "#2f8f5b", "dominance": "#6a6fd1"}


def most_probable(emotions: Mapping[str, float]) -> str:
    """The class with the highest probability."""
    return max(emotions, key=emotions.__getitem__)
