"""All training audio decoded once, cut to its speech, with augmented copies, in one flat file."""

import json
import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ser.audio import Waveform, load_audio
from ser.errors import AudioError, SerError
from ser.speech import cut_windows, detect_speech
from training.augment import Augmenter, coloured_noise, copy_generator, simulate_rooms
from training.config import Augmentation
from training.corpora import Clip
from training.files import whole_file

logger = logging.getLogger(__name__)

ROOMS = 60
CHUNK = 16  # clips handed to a process at once
AUGMENTATION = Augmentation(
    speed=(1.0, 1.0),  # the tempo changes anew in every batch
    room_probability=0.6,
    noise_probability=0.0,  # noise comes anew in every batch as well
    telephone_probability=0.3,
)
_in_process: dict[str, Augmenter] = {}  # of each worker


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

    def holds(self, clip: int) -> bool:
        """Whether the clip could be decoded."""
        return bool(self.spans[clip, 0, 1] > self.spans[clip, 0, 0])

    def waveform(self, clip: int, copy: int) -> Waveform:
        """One copy of one clip."""
        start, end = self.spans[clip, copy]
        return Waveform(self.samples[start:end].astype(np.float32) / 32768.0)


def build_store(
    folder: Path, clips: Sequence[Clip], copies: int, max_seconds: float, seed: int
) -> AudioStore:
    """Make the store, or open it where it is complete: the index is written last."""
    index, data = folder / "index.npy", folder / "samples.i16"
    ids = folder / "ids.json"
    if not index.exists():
        folder.mkdir(parents=True, exist_ok=True)
        spans = np.zeros((len(clips), copies, 2), dtype=np.int64)
        position = 0
        make = partial(_copies, copies=copies, max_seconds=max_seconds, seed=seed)
        with data.open("wb") as file, _workers(seed) as pool:
            made = pool.map(make, clips, chunksize=CHUNK)
            for row, waves in enumerate(tqdm(made, "decode and augment", len(clips))):
                for copy, wave in enumerate(waves):
                    file.write(wave.tobytes())
                    spans[row, copy] = position, position + len(wave)
                    position += len(wave)
        ids.write_text(json.dumps([clip.id for clip in clips]))
        with whole_file(index) as partial_index, partial_index.open("wb") as file:
            np.save(file, spans)
    if json.loads(ids.read_text()) != [clip.id for clip in clips]:
        raise SerError(f"{folder} holds other clips: delete it to make it again.")
    return AudioStore(np.memmap(data, dtype=np.int16, mode="r"), np.load(index))


def _workers(seed: int) -> ProcessPoolExecutor:
    """Processes that each hold the rooms."""
    augmenter = Augmenter(AUGMENTATION, coloured_noise, simulate_rooms(ROOMS, seed))
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(mp_context=context, initializer=_prepare, initargs=(augmenter,))


def _prepare(augmenter: Augmenter) -> None:
    _in_process["augmenter"] = augmenter
    torch.set_num_threads(1)


def _copies(clip: Clip, copies: int, max_seconds: float, seed: int) -> list[np.ndarray]:
    """Copies of one clip as 16-bit samples, the clean one first; none where it is unusable."""
    try:
        clean = speech_of(clip.path, max_seconds).samples
    except AudioError as error:
        logger.warning("%s is left out: %s", clip.id, error)
        return []
    change = _in_process["augmenter"]
    waves = [clean]
    waves += [change(clean, copy_generator(seed, clip.id, copy)) for copy in range(1, copies)]
    return [np.clip(wave * 32768.0, -32768, 32767).astype(np.int16) for wave in waves]


def speech_of(path: Path, max_seconds: float) -> Waveform:
    """The window with the most speech, cut as the recogniser cuts; all of it if none is found."""
    waveform = load_audio(path)
    windows = cut_windows(detect_speech(waveform), waveform.duration_s, max_seconds)
    if not windows:
        return waveform.slice(0.0, max_seconds)
    window = max(windows, key=lambda item: item.speech_s)
    return waveform.slice(window.start_s, window.end_s)
