"""GoEmotions, grouped into Ekman's emotions and neutral (Demszky et al. 2020)."""

from pathlib import Path

from training.corpora.base import Line

EMOTIONS = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprise",
    "neutral": "neutral",
}


def read_goemotions(root: Path) -> list[Line]:
    """Read `ekman/{train,dev,test}.tsv`: text, comma-separated label numbers, id."""
    folder = root / "ekman"
    names = [EMOTIONS[name] for name in (folder / "labels.txt").read_text().split()]
    lines = []
    for split in ("train", "dev", "test"):
        for row in (folder / f"{split}.tsv").read_text(encoding="utf-8").splitlines():
            text, labels, _ = row.split("\t")
            emotions = tuple(names[int(label)] for label in labels.split(","))
            lines.append(Line(text=text, split=split, emotions=emotions))
    return lines
