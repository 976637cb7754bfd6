"""IESC, the Indian EmoSpeech Command data set: single words in the wild (Banga et al. 2019)."""

from collections import defaultdict
from pathlib import Path

from training.corpora.base import Clip, audio_files

EMOTIONS = {"happy": "happy", "angry": "angry", "fearful": "fear", "calm": "neutral"}
"""IESC's calm is ordinary speech, so it is neutral here."""
NO_SPEECH = "background"
UNKNOWN_USER = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"
COMMANDS = ("help", "bacho", "stop", "no", "go", "yes")


def read_iesc(root: Path) -> list[Clip]:
    """Read `<place>/keyword-environment-emotion-timestamp-user.*`.

    Clips without speech or emotion are left out, and so are recordings stored twice (same time
    and user) under different emotions; of those stored twice under the same one, the first stays.
    """
    takes: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for path in audio_files(root):
        parts = path.stem.split("-")
        if len(parts) != 5 or parts[0] == NO_SPEECH or parts[2] not in EMOTIONS:
            continue
        keyword, _, emotion, time, user = parts
        speaker = "unknown" if user == UNKNOWN_USER else user[:8]
        text = keyword if keyword in COMMANDS else None
        takes[time, user].append(Clip(path, "iesc", speaker, EMOTIONS[emotion], text=text))
    return [clips[0] for clips in takes.values() if len({clip.emotion for clip in clips}) == 1]
