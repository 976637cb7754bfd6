"""Where frames lie: folders named by a hash of everything that the frames depend on."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ser.encoders import LAST_LAYER, EncoderSpec, folder_of
from ser.errors import SerError
from ser.labels import ENCODERS
from training.augment import sounds_below
from training.cache.shards import INDEX
from training.config import Config
from training.files import write_text

FORMAT: Final = 1  # of the shards; another number makes older frames invisible
CLEAN: Final = "clean"
SETTINGS: Final = "settings.json"
TEXT_ENCODERS: Final = ("roberta",)
SPEECH_ENCODERS: Final = tuple(name for name in ENCODERS if name not in TEXT_ENCODERS)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_CHECKPOINT_ENDINGS: Final = (".json", ".safetensors", ".txt")


@dataclass(frozen=True)
class Folders:
    """The two folders of one encoder. Clean frames serve every setting of augmentation."""

    clean: Path
    augmented: Path | None  # None: no augmented copies, or an encoder that reads text

    def of_copy(self, copy: int) -> Path:
        """Copy 0 is the clean one."""
        if copy and self.augmented is None:
            raise ValueError("this encoder has one copy only")
        return self.augmented if copy and self.augmented else self.clean

    def indexes(self, *, augmented: bool = True) -> list[Path]:
        """Those of all shards in either folder, or of the clean ones alone."""
        folders = [self.clean, self.augmented] if augmented else [self.clean]
        return [path for f in folders if f is not None for path in sorted(f.glob(f"*{INDEX}"))]


def folders_of(config: Config, name: str) -> Folders:
    """Where the frames of encoder `name` lie with these settings."""
    main = config.feature_folder / f"{name}-{digest(encoder_settings(config, name))}"
    if name in TEXT_ENCODERS or not config.features.copies:
        return Folders(main / CLEAN, None)
    return Folders(main / CLEAN, main / f"augmented-{digest(copy_settings(config))}")


def write_settings(config: Config, name: str) -> None:
    """Make the folders, each with a file that says in words what its name hashes."""
    folders = folders_of(config, name)
    told = {folders.clean.parent: encoder_settings(config, name)}
    if folders.augmented is not None:
        told[folders.augmented] = copy_settings(config)
    folders.clean.mkdir(parents=True, exist_ok=True)
    for folder, settings in told.items():
        write_text(folder / SETTINGS, json.dumps(settings, indent=2) + "\n")


def encoder_settings(config: Config, name: str) -> dict[str, Any]:
    """All that the frames of a clip depend on besides the clip."""
    features = config.features
    settings = {
        "format": FORMAT,
        "encoder": name,
        "checkpoint": identity(config.encoders[name], config.encoder_root),
        "layers": list(features.layers.get(name, LAST_LAYER)),
        "precision": features.precision,
        "dtype": features.dtype,
    }
    if name in SPEECH_ENCODERS:
        settings["max_seconds"] = features.max_seconds
    if name == "whisper":
        settings["context"] = config.whisper_context
    return settings


def copy_settings(config: Config) -> dict[str, Any]:
    """All that an augmented copy depends on besides the clip and the copy's number."""
    augmentation = config.features.augmentation
    sounds = {
        setting: _listing(config.data / folder)
        for setting in ("noise_folder", "room_folder")
        if (folder := getattr(augmentation, setting)) is not None
    }
    return {"seed": config.seed, "augmentation": augmentation.model_dump(mode="json"), **sounds}


def _listing(folder: Path) -> str:
    """Hash of names and sizes: noise collections are too large to be read through each time."""
    files = [(str(file.relative_to(folder)), file.stat().st_size) for file in sounds_below(folder)]
    return digest(files)


def digest(value: Any) -> str:
    """A short name for a value that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def identity(spec: EncoderSpec, root: Path | None) -> str:
    """Which weights these are: Hub name and commit, or a hash of a local folder's files.

    A Hub name with a whole commit as its revision is known without having the checkpoint here, so
    that a machine that only trains can read a cache that another one wrote.
    """
    if root is not None and not root.is_dir():
        raise SerError(f"There is no folder {root}: set encoder_root to where the encoders are.")
    is_local = Path(spec.checkpoint).expanduser().is_dir() or (
        root is not None and (root / spec.checkpoint).is_dir()
    )
    if not is_local and _COMMIT.fullmatch(spec.revision or ""):
        return f"{spec.checkpoint}@{spec.revision}"
    folder = folder_of(spec, root)
    if folder.parent.name == "snapshots":  # of the Hub's cache: named by the commit
        return f"{spec.checkpoint}@{folder.name}"
    files = sorted(file for file in folder.iterdir() if file.suffix in _CHECKPOINT_ENDINGS)
    return digest([(file.name, _file_hash(file, file.stat().st_mtime_ns)) for file in files])


@lru_cache
def _file_hash(path: Path, changed_ns: int) -> str:
    """SHA-256 of a file, computed once as long as its time of change stays."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sources(frame: pd.DataFrame, name: str) -> np.ndarray:
    """What encoder `name` reads of each row [N]: SHA-256 of the audio file, or of the transcript.

    SerError names the first recording without a transcript.
    """
    if name in SPEECH_ENCODERS:
        return frame["audio_sha256"].to_numpy(dtype=object)
    transcripts = frame["transcript"]
    if transcripts.isna().any():
        raise SerError(
            f"{int(transcripts.isna().sum())} recordings have no transcript, first "
            f"{frame['id'][transcripts.isna()].iloc[0]}: run `python -m training transcribe` first."
        )
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in transcripts]
    return np.array(hashes, dtype=object)


def copies_of(frame: pd.DataFrame, copies: int, *, everywhere: bool = False) -> np.ndarray:
    """How many copies each row has [N], the clean one included: training rows have more."""
    is_training = everywhere | (frame["split"] == "train").to_numpy()
    return np.where(is_training, 1 + copies, 1)
