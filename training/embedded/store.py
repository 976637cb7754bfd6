"""All training audio decoded once, cut to its speech, with augmented copies, in one flat file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ser.audio import Waveform, load_audio
from ser.errors import AudioError
from ser.speech import cut_windows, detect_speech
from training.augment import Augmenter, recorded_noise, simulate_rooms
from training.config import Augmentation
from training.corpora import Clip
from training.corpora.base import audio_files

ROOMS = 60
AUGMENTATION = Augmentation(
    speed=(0.88, 1.15),
    room_probability=0.35,
    noise_probability=0.6,
    telephone_probability=0.15,
)
NOISE_TEST_FOLD = "5-"  # ESC-10 clips of this fold never train, so that they can test


@dataclass(frozen=True)
class AudioStore:
    """Clips [copy 0 is clean] as 16-bit samples in one memory-mapped array."""

    samples: np.ndarray  # [total] int16
    spans: np.ndarray  # [clips, copies, 2] first and last sample of each copy

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def copies(self) -> int:
        """Copies of each clip, the clean one included."""
        return self.spans.shape[1]

    def waveform(self, clip: int, copy: int) -> Waveform:
        """One copy of one clip."""
        start, end = self.spans[clip, copy]
        return Waveform(self.samples[start:end].astype(np.float32) / 32768.0)


def load_noises(esc10: Path) -> list[np.ndarray]:
    """ESC-10's environmental sounds, without those kept for tests."""
    files = [file for file in audio_files(esc10) if not file.name.startswith(NOISE_TEST_FOLD)]
    return [load_audio(file).samples for file in files]


def build_store(
    folder: Path, clips: Sequence[Clip], esc10: Path, copies: int, max_seconds: float, seed: int
) -> AudioStore:
    """Make the store, or open it where it is complete: the index is written last."""
    index, data = folder / "index.npy", folder / "samples.i16"
    ids = folder / "ids.json"
    if not index.exists():
        folder.mkdir(parents=True, exist_ok=True)
        noises, random = load_noises(esc10), np.random.default_rng(seed)
        noise = recorded_noise(len(noises), noises.__getitem__)
        augmenter = Augmenter(AUGMENTATION, noise, simulate_rooms(ROOMS, seed))
        spans = np.zeros((len(clips), copies, 2), dtype=np.int64)
        position = 0
        with data.open("wb") as file:
            for row, clip in enumerate(tqdm(clips, desc="decode and augment", mininterval=10)):
                clean = speech_of(clip.path, max_seconds).samples
                for copy in range(copies):
                    changed = clean if copy == 0 else augmenter(clean, random)
                    file.write(np.int16(np.clip(changed * 32768.0, -32768, 32767)).tobytes())
                    spans[row, copy] = position, position + len(changed)
                    position += len(changed)
        ids.write_text(json.dumps([clip.id for clip in clips]))
        temporary = folder / "index.partial.npy"
        np.save(temporary, spans)
        os.replace(temporary, index)
    if json.loads(ids.read_text()) != [clip.id for clip in clips]:
        raise ValueError(f"{folder} holds other clips: delete it to make it again")
    return AudioStore(np.memmap(data, dtype=np.int16, mode="r"), np.load(index))


def speech_of(path: Path, max_seconds: float) -> Waveform:
    """The window with the most speech, cut as the recogniser cuts; all of it if none is found."""
    try:
        waveform = load_audio(path)
    except AudioError as error:
        raise AudioError(f"{error} Remove the file or repair the corpus.") from error
    windows = cut_windows(detect_speech(waveform), waveform.duration_s, max_seconds)
    if not windows:
        return waveform.slice(0.0, max_seconds)
    window = max(windows, key=lambda item: item.speech_s)
    return waveform.slice(window.start_s, window.end_s)
