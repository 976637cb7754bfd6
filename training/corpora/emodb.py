"""EmoDB: German acted speech, ten sentences, ten actors (Burkhardt et al. 2005)."""

from pathlib import Path
from typing import Final

from training.corpora.base import NOT_ITS_NAME, Clip, Reading, audio_files, read_by_name

EMOTIONS: Final = {  # German initials, as in the file names
    "W": "angry",
    "E": "disgust",
    "A": "fear",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
BOREDOM: Final = "L"
TEXTS: Final = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


def read_emodb(root: Path) -> Reading:
    """Read `wav/<speaker><text><emotion><take>.*`, e.g. 03a01Fa; boredom is left out."""
    return read_by_name("emodb", audio_files(root / "wav"), _clip_of)


def _clip_of(path: Path) -> Clip | str:
    stem = path.stem
    if len(stem) != 7 or not stem[:2].isdigit():
        return NOT_ITS_NAME
    speaker, text, letter = stem[:2], stem[2:5], stem[5]
    if letter == BOREDOM:
        return "boredom is no class here"
    if letter not in EMOTIONS:
        return NOT_ITS_NAME
    return Clip(
        path, "emodb", speaker, EMOTIONS[letter], text=TEXTS.get(text), language="de", name=stem
    )
