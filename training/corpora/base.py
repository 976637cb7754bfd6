"""What every reader gives, and what they share."""

from dataclasses import dataclass
from pathlib import Path

AUDIO_ENDINGS = (".wav", ".opus", ".ogg", ".flac", ".mp3")


@dataclass(frozen=True)
class Clip:
    """One labelled recording."""

    path: Path
    corpus: str
    speaker: str  # unique within the corpus; "unknown" where the corpus does not say
    emotion: str  # a name of ser.labels.EMOTIONS
    strong: bool = False  # acted with strong rather than normal intensity
    text: str | None = None
    language: str = "en"  # ISO 639-1 code of what is said

    @property
    def id(self) -> str:
        """Unique over all corpora."""
        return f"{self.corpus}/{self.path.parent.name}/{self.path.stem}"


@dataclass(frozen=True)
class Line:
    """One labelled text."""

    text: str
    split: str  # train, dev or test, as released
    emotions: tuple[str, ...] = ()  # names of ser.labels.EMOTIONS
    attributes: tuple[float, float, float] | None = None  # arousal, valence, dominance in 1..7


def audio_files(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The audio files below `folder`, whatever their ending, in a fixed order."""
    files = sorted(path for path in folder.glob(pattern) if path.suffix.lower() in AUDIO_ENDINGS)
    if not files:
        raise FileNotFoundError(f"no audio files below {folder}: is this the corpus' own folder?")
    return files
