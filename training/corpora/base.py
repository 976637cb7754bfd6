"""What every reader gives, and what they share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ser.errors import SerError
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN

AUDIO_ENDINGS = (
    *(".wav", ".flac", ".aiff", ".aif", ".opus", ".ogg", ".oga", ".mp3", ".m4a", ".aac", ".webm"),
    *(".au", ".amr", ".w64", ".caf", ".wma"),
)
UNKNOWN_SPEAKER = "unknown"
NO_AGREEMENT: Final = "no agreement on a class"
NO_AUDIO: Final = "no audio file"
NOT_ITS_NAME: Final = "name is not one of this corpus"
STORED_TWICE: Final = "stored twice"
SPLIT_SPELLINGS: Final = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "development": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
    "test1": "test1",
    "test2": "test2",
    "test3": "test3",
}


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
    split: str | None = None  # of training.manifest.SPLITS, where the corpus has its own
    votes: Mapping[str, float] = field(default_factory=dict)  # emotion -> annotators, or weight
    attributes: tuple[float, float, float] | None = None  # arousal, valence, dominance in 1..7;
    # NaN for one that nobody rated
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


def read_by_name(
    corpus: str, files: Iterable[Path], clip_of: Callable[[Path], Clip | str]
) -> Reading:
    """For corpora whose labels are in the file names: `clip_of` gives a clip or why there is none.

    Of files with the same id, which copies of a release in its own subfolders have, the first
    stays.
    """
    clips: dict[str, Clip] = {}
    left_out = []
    for path in files:
        clip = clip_of(path)
        reason = clip if isinstance(clip, str) else STORED_TWICE if clip.id in clips else None
        if reason is not None:
            left_out.append(LeftOut(corpus, path.name, reason))
        elif isinstance(clip, Clip):
            clips[clip.id] = clip
    return Reading(list(clips.values()), left_out)


def plurality(votes: Mapping[str, float]) -> str | None:
    """The class with most votes; None where several have, or nobody voted."""
    most = max(votes.values(), default=0.0)
    first = [emotion for emotion, count in votes.items() if count == most]
    return first[0] if len(first) == 1 and most > 0 else None


def rescaled(rating: float, low: float, high: float) -> float:
    """A rating on a scale low..high, mapped linearly onto 1..7."""
    share = (rating - low) / (high - low)
    return ATTRIBUTE_MIN + share * (ATTRIBUTE_MAX - ATTRIBUTE_MIN)


def split_of_spelling(spelling: str, where: str) -> str:
    """The split that a corpus calls "Development", "Test 1" ...; SerError says `where`."""
    key = "".join(letter for letter in spelling.lower() if letter.isalnum())
    if key not in SPLIT_SPELLINGS:
        raise SerError(
            f"{where} has the unknown split {spelling!r}: "
            f"use one of {', '.join(sorted(set(SPLIT_SPELLINGS.values())))}."
        )
    return SPLIT_SPELLINGS[key]


def number_of(text: str, where: str) -> float:
    """A number as a label file writes it; SerError says `where` there is something else."""
    try:
        return float(text)
    except ValueError as error:
        raise SerError(f"{where} is {text!r}, but must be a number.") from error


def read_text(path: Path) -> str:
    """A label file's text, whatever its line ends; SerError names a file that cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise SerError(f"The label file {path} cannot be read: {error.strerror}.") from error
