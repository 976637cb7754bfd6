"""What every reader gives, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

AUDIO_ENDINGS = (".wav", ".opus", ".ogg", ".flac", ".mp3")
UNKNOWN_SPEAKER = "unknown"


@dataclass(frozen=True)
class Clip:
    """One recording with what its corpus says of it."""

    path: Path
    corpus: str
    speaker: str  # unique within the corpus; UNKNOWN_SPEAKER where the corpus does not say
    emotion: str | None  # a name of ser.labels.EMOTIONS; None: no class, or no agreement on one
    strong: bool = False  # acted with strong rather than normal intensity
    text: str | None = None
    language: str = "en"  # ISO 639-1 code of what is said
    split: str | None = None  # train, dev or test, where the corpus has splits of its own
    votes: Mapping[str, float] = field(default_factory=dict)  # emotion -> annotators, or weight
    attributes: tuple[float, float, float] | None = None  # arousal, valence, dominance in 1..7
    name: str | None = None  # the corpus' own name of the clip, where folder and stem are not it

    @property
    def id(self) -> str:
        """Unique over all corpora."""
        return f"{self.corpus}/{self.name or f'{self.path.parent.name}/{self.path.stem}'}"

    @property
    def label(self) -> str:
        """The class, for corpora in which every clip has one."""
        if self.emotion is None:
            raise ValueError(f"{self.id} has no class")
        return self.emotion


@dataclass(frozen=True)
class LeftOut:
    """A recording that the corpus names and the manifest does not hold."""

    corpus: str
    name: str  # file name, or what the label file calls it
    reason: str  # short and countable: "no audio file", "no agreement on a class" ...


@dataclass(frozen=True)
class Reading:
    """What a reader found in a corpus folder."""

    clips: list[Clip]
    left_out: list[LeftOut] = field(default_factory=list)


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
