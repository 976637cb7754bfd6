"""A small corpus with tiny encoders and a configuration, for tests of the feature cache."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import yaml

from tests.tiny import save_roberta, save_wavlm, save_whisper_encoder
from training.config import Config
from training.manifest import SCHEMA, write_manifest

TEXTS = ("kids are talking by the door", "i hate this", "", "the kids", "hate")
SECONDS = (0.5, 1.3, 0.4, 0.9, 1.31, 0.7, 0.61, 1.1, 0.45)
SPLITS = ("train", "train", "dev", "train", "train", "train", "test", "train", "dev")


def save_encoders(folder: Path) -> Path:
    """Tiny encoders below `folder`, each in a folder of its name."""
    save_whisper_encoder(folder / "whisper")
    save_wavlm(folder / "wavlm")
    save_roberta(folder / "roberta")
    return folder


def save_corpus(data: Path) -> pd.DataFrame:
    """Nine short recordings of two corpora below `data`, and their manifest."""
    random = np.random.default_rng(0)
    rows = []
    for number, (seconds, split) in enumerate(zip(SECONDS, SPLITS, strict=True)):
        path = data / f"clip{number}.wav"
        data.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * random.standard_normal(round(16_000 * seconds)), 16_000)
        rows.append(
            {
                "id": f"small/clip{number}",
                "path": path.name,
                "corpus": "first" if number < 6 else "second",
                "split": split,
                "speaker": f"{'first' if number < 6 else 'second'}/{split}",
                "language": "en",
                "transcript": TEXTS[number % len(TEXTS)],
                "emotion": "happy",
                "strong": False,
                "derived": False,
                "duration_s": seconds,
                "audio_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    return pd.DataFrame(rows).reindex(columns=SCHEMA.names)


def write_config(folder: Path, encoders: Path, **features: Any) -> Path:
    """A YAML file that runs everything below `folder`, the manifest beside it."""
    values: Mapping[str, Any] = {
        "data": str(folder / "data"),
        "work": str(folder / "runs"),
        "encoders": {name: {"checkpoint": name} for name in ("whisper", "wavlm", "roberta")},
        "encoder_root": str(encoders),
        "whisper_context": "real_frames",
        "accelerator": "cpu",
        "classes": ["happy"],
        "features": {"clips_per_shard": 4, "batch_size": 2, "copies": 1, **features},
    }
    path = folder / "config.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values))
    return path


def new_world(folder: Path, encoders: Path, **features: Any) -> Config:
    """Corpus, manifest and configuration below `folder`."""
    config = Config.read(write_config(folder, encoders, **features))
    write_manifest(save_corpus(config.data), config.manifest)
    return config
