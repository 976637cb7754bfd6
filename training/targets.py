"""Arousal, valence and dominance derived from an emotion's name, where nobody rated them."""

from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIDDLE, ATTRIBUTE_MIN, ATTRIBUTES

RUSSELL_MEHRABIAN_1977 = {
    # pleasure, arousal, dominance on -1..1 (Russell and Mehrabian 1977, "Evidence for a
    # three-factor theory of emotions"); "relaxed" stands for calm, neutral is the origin.
    "happy": (0.81, 0.51, 0.46),
    "angry": (-0.51, 0.59, 0.25),
    "fear": (-0.64, 0.60, -0.43),
    "sad": (-0.63, -0.27, -0.33),
    "disgust": (-0.60, 0.35, 0.11),
    "surprise": (0.40, 0.67, -0.13),
    "calm": (0.68, -0.46, 0.06),
    "neutral": (0.0, 0.0, 0.0),
}
HALF_RANGE = (ATTRIBUTE_MAX - ATTRIBUTE_MIN) / 2
NORMAL_SCALE, STRONG_SCALE = 0.75, 1.15
"""Intensity moves an emotion along its own ray from the middle; sad and calm speech that is acted
more strongly is rated louder and livelier, so their arousal stays where it is."""


def derived_attributes(emotion: str, strong: bool = False) -> tuple[float, float, float]:
    """Arousal, valence, dominance in 1..7 for an emotion acted normally or strongly."""
    valence, arousal, dominance = RUSSELL_MEHRABIAN_1977[emotion]
    scale = STRONG_SCALE if strong else NORMAL_SCALE
    arousal_scale = scale if arousal > 0 else NORMAL_SCALE
    derived = {
        "arousal": ATTRIBUTE_MIDDLE + HALF_RANGE * arousal * arousal_scale,
        "valence": ATTRIBUTE_MIDDLE + HALF_RANGE * valence * scale,
        "dominance": ATTRIBUTE_MIDDLE + HALF_RANGE * dominance * scale,
    }
    a, v, d = (min(max(derived[name], ATTRIBUTE_MIN), ATTRIBUTE_MAX) for name in ATTRIBUTES)
    return a, v, d
