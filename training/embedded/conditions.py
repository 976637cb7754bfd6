"""What may happen to speech on its way to the model: noise, rooms, levels, narrow channels."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import av
import numpy as np

from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from training.augment import (
    add_noise,
    copy_generator,
    recorded_noise,
    reverberate,
    simulate_rooms,
    through_telephone,
)
from training.corpora import Clip
from training.embedded.noise import recordings

TEST_ROOMS, TEST_SEED = 40, 1_000_003  # rooms that no training seed simulates
SNR_DB: Final = 10.0
MP3_BITS: Final = 32_000

CONDITIONS: Final = (
    "noise_10_db",
    "room",
    "level_minus_20_db",
    "level_plus_6_db",
    "telephone_8_khz",
    "mp3_32_kbit_s",
)
Condition = Callable[[Clip, np.ndarray], np.ndarray]
"""Changes the samples [T] of a clip; the same clip is always changed in the same way."""


@cache
def conditions(esc10: Path) -> dict[str, Condition]:
    """Those of `CONDITIONS` by name, with the noises of ESC-10's fold that no training hears."""
    noises = recordings(esc10, of_tests=True)
    noise, rooms = (
        recorded_noise(len(noises), noises.__getitem__),
        simulate_rooms(TEST_ROOMS, TEST_SEED),
    )

    def noisy(clip: Clip, samples: np.ndarray) -> np.ndarray:
        random = copy_generator(TEST_SEED, clip.id, 0)
        return add_noise(samples, noise(random, len(samples)), SNR_DB)

    def in_room(clip: Clip, samples: np.ndarray) -> np.ndarray:
        random = copy_generator(TEST_SEED, clip.id, 1)
        return reverberate(samples, rooms[int(random.integers(len(rooms)))])

    return {
        "noise_10_db": noisy,
        "room": in_room,
        "level_minus_20_db": lambda _, samples: samples * 10 ** (-20 / 20),
        "level_plus_6_db": lambda _, samples: np.clip(samples * 10 ** (6 / 20), -1, 1),
        "telephone_8_khz": lambda _, samples: through_telephone(samples),
        "mp3_32_kbit_s": lambda _, samples: as_mp3(samples),
    }


def as_mp3(samples: np.ndarray) -> np.ndarray:
    """Samples [T] at 16 kHz through an MP3 file of 32 kbit/s, without the encoder's delay."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = MP3_BITS
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None], dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as written:
        frames = [frame.to_ndarray().mean(axis=0) for frame in written.decode(audio=0)]
    return np.concatenate(frames)[: len(samples)].astype(np.float32)


def changed(clip: Clip, condition: Condition) -> Waveform:
    """The clip's sound under a condition."""
    samples = condition(clip, load_audio(clip.path).samples)
    return Waveform(np.asarray(samples, dtype=np.float32))
