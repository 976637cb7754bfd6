"""IEMOCAP: ten actors in acted and improvised dialogues (Busso et al. 2008); licensed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ser.errors import SerError
from training.corpora.base import (
    NO_AGREEMENT,
    NO_AUDIO,
    Clip,
    LeftOut,
    Reading,
    audio_files,
    read_text,
    rescaled,
)

EMOTIONS: Final = {
    "ang": "angry",
    "hap": "happy",
    "exc": "happy",  # excitement, as is usual with this corpus
    "sad": "sad",
    "fru": "other",  # frustration has no class of its own here
    "fea": "fear",
    "sur": "surprise",
    "neu": "neutral",
    "dis": "disgust",
    "oth": "other",
    "xxx": None,  # no agreement
}
RATING_MIN, RATING_MAX = 1.0, 5.0
_TURN: Final = re.compile(
    r"\[[\d.]+ - [\d.]+\]\t(?P<turn>\S+)\t(?P<emotion>\w+)\t\[(?P<vad>[^]]+)\]"
)
_LINE: Final = re.compile(r"(?P<turn>Ses\w+) \[[\d.\s-]+\]:\s*(?P<text>.*)")


def read_iemocap(root: Path, keep_without_class: bool = False) -> Reading:
    """Read `SessionN/`: turns of `dialog/EmoEvaluation/*.txt` with transcripts and recordings.

    Valence, activation and dominance are mapped linearly from 1..5 to 1..7; the few released means
    that lie half a step outside are set to the nearest end. Turns without a class are left out, or
    kept for their attributes with `keep_without_class`.
    """
    tables = sorted(root.glob("Session*/dialog/EmoEvaluation/*.txt"))
    if not tables:
        raise FileNotFoundError(f"no Session*/dialog/EmoEvaluation/*.txt below {root}")
    files = {path.stem: path for path in audio_files(root, "Session*/sentences/wav/**/*")}
    texts = dict(_transcripts(root))
    clips, left_out = [], []
    for turn, spelling, ratings in _turns(tables):
        emotion = EMOTIONS[spelling]
        if turn not in files:
            left_out.append(LeftOut("iemocap", turn, NO_AUDIO))
        elif emotion is None and not keep_without_class:
            left_out.append(LeftOut("iemocap", turn, NO_AGREEMENT))
        else:
            clips.append(
                Clip(
                    path=files[turn],
                    corpus="iemocap",
                    speaker=_speaker(turn),
                    emotion=emotion,
                    text=texts.get(turn),
                    attributes=ratings,
                    name=turn,
                )
            )
    return Reading(clips, left_out)


def _turns(tables: list[Path]) -> Iterator[tuple[str, str, tuple[float, float, float]]]:
    """Turn, emotion as spelt there, and arousal, valence, dominance in 1..7."""
    for table in tables:
        for line in read_text(table).splitlines():
            if (match := _TURN.match(line)) is None:
                continue
            if match["emotion"] not in EMOTIONS:
                raise SerError(
                    f"{table} gives {match['turn']} the unknown emotion {match['emotion']!r}; "
                    f"known are {', '.join(EMOTIONS)}."
                )
            ratings = match["vad"].split(",")
            if len(ratings) != 3:
                raise SerError(f"{table} has not three ratings for {match['turn']}: {match['vad']}")
            valence, arousal, dominance = (_rating(text, table) for text in ratings)
            yield match["turn"], match["emotion"], (arousal, valence, dominance)


def _rating(text: str, table: Path) -> float:
    try:
        rating = float(text)
    except ValueError as error:
        raise SerError(f"{table} has the rating {text!r}, but it must be a number.") from error
    return rescaled(min(max(rating, RATING_MIN), RATING_MAX), RATING_MIN, RATING_MAX)


def _transcripts(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.glob("Session*/dialog/transcriptions/*.txt")):
        for line in read_text(path).splitlines():
            if match := _LINE.match(line):
                yield match["turn"], match["text"].strip()


def _speaker(turn: str) -> str:
    """Session and sex of who speaks: the letter before the turn's number, not that of the dialogue.

    The F of Ses01F says who wore the markers.
    """
    return f"{turn[3:5]}{turn.rsplit('_', 1)[-1][0]}"
