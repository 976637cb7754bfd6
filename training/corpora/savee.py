"""SAVEE: four men, seven acted emotions (Haq and Jackson 2010)."""

import re
from pathlib import Path
from typing import Final

from training.corpora.base import NOT_ITS_NAME, Clip, Reading, audio_files, read_by_name

EMOTIONS: Final = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}
SPEAKERS: Final = ("DC", "JE", "JK", "KL")
_CODE: Final = re.compile(r"(a|d|f|h|n|sa|su)\d\d")


def read_savee(root: Path) -> Reading:
    """Read `<speaker>_<emotion>NN.*`, or `<speaker>/<emotion>NN.*`, below `root`."""
    return read_by_name("savee", audio_files(root), _clip_of)


def _clip_of(path: Path) -> Clip | str:
    speaker, underscore, code = path.stem.rpartition("_")
    speaker = speaker if underscore else path.parent.name
    match = _CODE.fullmatch(code)
    if speaker not in SPEAKERS or match is None:
        return NOT_ITS_NAME
    return Clip(path, "savee", speaker, EMOTIONS[match[1]], name=f"{speaker}_{code}")
