"""A small world to train in: a manifest, features that tell class and attributes, a command line.

`python -m tests.training.fit_world fit|finetune WORK [key=value …]` trains in it, so that tests can
kill it and start it in several processes.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from torch import Tensor

from ser.encoders.base import pad_frames
from ser.fusion import EncoderOutput
from ser.labels import ATTRIBUTES
from tests.tiny import WIDTHS
from training.config import Config
from training.fit import train_stages
from training.manifest import SCHEMA, VOTES
from training.runs import FINETUNE, FIT

CLASSES = ("angry", "sad", "happy", "other")
SPEAKERS, CLIPS = 12, 8  # clips per speaker
COPIES = 2


def world_frame(seed: int = 0) -> pd.DataFrame:
    """A manifest: 12 speakers with 8 clips each; 8 speakers train, 2 tune, 2 test."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(SPEAKERS * CLIPS):
        speaker = number // CLIPS
        emotion = CLASSES[number % len(CLASSES)]
        votes = {VOTES[name]: 0.0 for name in CLASSES}
        votes[VOTES[emotion]] = 3.0
        votes[VOTES[CLASSES[(number + 1) % len(CLASSES)]]] += 1.0
        rows.append(
            {
                "id": f"world/{number}", "path": f"{number}.wav", "corpus": "world",
                "split": "train" if speaker < 8 else "dev" if speaker < 10 else "test",
                "speaker": f"world/{speaker:02d}", "language": "en", "transcript": "words",
                "emotion": emotion, "strong": False, "derived": False, "duration_s": 2.0,
                "audio_sha256": f"{number:064d}", **votes,
                **dict(zip(ATTRIBUTES, random.uniform(1, 7, size=3), strict=True)),
            }
        )  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=SCHEMA.names)


class WorldCache:
    """Features in memory with the methods of the feature cache."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.widths = dict(WIDTHS)
        self.frame = frame
        self.attributes = world_frame()[list(ATTRIBUTES)].to_numpy()

    def copies(self, row: int) -> int:
        """Training clips have copies."""
        return COPIES if self.frame["split"].iloc[row] == "train" else 1

    def lengths(self, encoder: str) -> np.ndarray:
        """Between 2 and 6 frames, by row."""
        lengths = 2 + np.arange(len(self.frame)) % 5
        return np.repeat(lengths[:, None], COPIES, axis=1)

    def padded(self, encoder: str, rows: Sequence[int], copies: Sequence[int]) -> EncoderOutput:
        """Float16, as the real cache."""
        frames = [self.frames(encoder, row, copy) for row, copy in zip(rows, copies, strict=True)]
        output = pad_frames(frames, None)
        return EncoderOutput(output.hidden.half(), output.mask, None)

    def frames(self, encoder: str, row: int, copy: int) -> Tensor:
        """Noise around the class (whisper, wavlm) and the attributes (roberta), float16."""
        place = list(WIDTHS).index(encoder)
        random = np.random.default_rng((row, copy, place))
        told = np.zeros(WIDTHS[encoder])
        if encoder == "roberta":
            told[: len(ATTRIBUTES)] = self.attributes[row] - 4.0
        else:
            told[row % len(CLASSES)] = 2.0
        length = self.lengths(encoder)[row, copy]
        noise = 0.3 * random.standard_normal((length, len(told)))
        return torch.from_numpy(told + noise).half()


def world_config(work: Path, overrides: Sequence[str] = ()) -> Config:
    """A fusion of a few thousand weights that learns in a few seconds."""
    path = work / "world.yaml"
    work.mkdir(parents=True, exist_ok=True)
    settings = {
        "work": str(work), "name": "run", "classes": list(CLASSES), "accelerator": "cpu",
        "workers": 0, "transcriber": "pocketsphinx", "features": {"copies": COPIES - 1},
        "fusion": {"attention_width": 4, "projection_width": 12, "lstm_width": 16},
        "fit": {"epochs": 6, "samples_per_epoch": 128, "batch_size": 16, "rate": 2e-2,
                "warmup_epochs": 1, "alpha": 0.5},
        "finetune": {
            "task1": {"start": "fit/macro_f1", "epochs": 2, "samples_per_epoch": 32,
                      "batch_size": 16, "rate": 1e-4, "warmup_epochs": 0, "alpha": 0.0,
                      "beta": 1.0, "exclude": ["other"]},
            "task2": {"start": "fit/ccc", "epochs": 2, "samples_per_epoch": 32,
                      "batch_size": 16, "rate": 1e-4, "warmup_epochs": 0, "alpha": 1.0,
                      "beta": 0.0, "gaussian": {"sigma": 5.0}},
        },
    }  # fmt: skip
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Config.read(path, overrides)


def train_in_world(command: str, config: Config, fast_dev_run: bool = False) -> None:
    """Run `fit` or `finetune` in the small world."""
    frame = world_frame()
    stages = {FIT: config.fit}
    if command == FINETUNE:
        stages = {f"{FINETUNE}/{name}": stage for name, stage in config.finetune.items()}
    train_stages(config, stages, frame, WorldCache, fast_dev_run)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train_in_world(sys.argv[1], world_config(Path(sys.argv[2]), sys.argv[3:]))
