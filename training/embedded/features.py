"""Log-mel frames of a whole audio store, computed once by the very extractor that serves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ser.encoders import WhisperBranch
from training.embedded.store import AudioStore
from training.files import whole_file


@dataclass(frozen=True)
class MelStore:
    """Frames [total, mels] float16, and where each copy of each clip lies."""

    frames: np.ndarray  # [total, M]
    spans: np.ndarray  # [clips, copies, 2]


def build_mels(folder: Path, audio: AudioStore, branch: WhisperBranch) -> MelStore:
    """Make the store, or open it where it is complete: the index is written last."""
    index, data = folder / "mel_index.npy", folder / "mels.f16"
    mels = branch.encoder.config.num_mel_bins
    if not index.exists():
        spans = np.zeros_like(audio.spans)
        position = 0
        with data.open("wb") as file:
            for clip in tqdm(range(len(audio)), desc="log-mel frames", mininterval=10):
                for copy in range(audio.copies if audio.holds(clip) else 0):
                    frames = branch.log_mel(audio.waveform(clip, copy)).T.half().numpy()
                    file.write(frames.tobytes())
                    spans[clip, copy] = position, position + len(frames)
                    position += len(frames)
        with whole_file(index) as partial, partial.open("wb") as file:
            np.save(file, spans)
    frames = np.memmap(data, dtype=np.float16, mode="r").reshape(-1, mels)
    return MelStore(frames, np.load(index))
