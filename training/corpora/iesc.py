"""IESC, the Indian EmoSpeech Command data set: single words in the wild (Banga et al. 2019)."""

from collections import defaultdict
from pathlib import Path

from training.corpora.base import (
    NOT_ITS_NAME,
    STORED_TWICE,
    UNKNOWN_SPEAKER,
    Clip,
    LeftOut,
    Reading,
    audio_files,
)

EMOTIONS = {"happy": "happy", "angry": "angry", "fearful": "fear", "calm": "neutral"}
"""IESC's calm is ordinary speech, so it is neutral here."""
NO_SPEECH = "background"
UNKNOWN_USER = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"
COMMANDS = ("help", "bacho", "stop", "no", "go", "yes")


def read_iesc(root: Path) -> Reading:
    """Read `<place>/keyword-environment-emotion-timestamp-user.*`.

    Clips without speech or emotion are left out, and so are recordings stored twice (same time
    and user) under different emotions; of those stored twice under the same one, the first stays.
    """
    takes: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    left_out = []
    for path in audio_files(root):
        clip = _clip_of(path)
        if isinstance(clip, str):
            left_out.append(LeftOut("iesc", path.name, clip))
        else:
            _, _, _, time, user = path.stem.split("-")
            takes[time, user].append(clip)
    clips = []
    for copies in takes.values():
        agree = len({clip.emotion for clip in copies}) == 1
        clips += copies[:1] if agree else []
        reason = STORED_TWICE if agree else "stored twice, with two emotions"
        left_out += [LeftOut("iesc", clip.path.name, reason) for clip in copies[agree:]]
    return Reading(clips, left_out)


def _clip_of(path: Path) -> Clip | str:
    parts = path.stem.split("-")
    if len(parts) != 5:
        return NOT_ITS_NAME
    keyword, _, emotion, _, user = parts
    if keyword == NO_SPEECH:
        return "no speech"
    if emotion not in EMOTIONS:
        return "no emotion"
    speaker = UNKNOWN_SPEAKER if user == UNKNOWN_USER else user[:8]
    text = keyword if keyword in COMMANDS else None
    return Clip(path, "iesc", speaker, EMOTIONS[emotion], text=text)
