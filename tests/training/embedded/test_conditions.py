"""Conditions under which the bundle is measured, against what they claim to do."""

from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip
from training.embedded.conditions import CONDITIONS, SNR_DB, as_mp3, conditions

CLIP = Clip(Path("a.wav"), "ravdess", "01", "sad")


def tone(hertz: float, seconds: float = 1.5) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(int(16_000 * seconds)) / 16_000)).astype(
        np.float32
    )


def power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def test_mp3_keeps_length_and_place() -> None:
    sound = tone(440) * np.concatenate([np.zeros(8000), np.ones(16_000)]).astype(np.float32)
    coded = as_mp3(sound)
    assert len(coded) == len(sound)
    assert power(coded[:7000]) < 1e-3 * power(coded[9000:])
    assert np.corrcoef(coded[9000:], sound[9000:])[0, 1] > 0.99


def test_noise_level_and_telephone_do_what_they_say(data_dir: Path) -> None:
    change = conditions(data_dir / "esc10")
    assert tuple(change) == CONDITIONS
    sound = tone(440)
    noisy = change["noise_10_db"](CLIP, sound)
    assert 10 * np.log10(power(sound) / power(noisy - sound)) == pytest.approx(SNR_DB, abs=0.01)
    assert np.array_equal(noisy, change["noise_10_db"](CLIP, sound))
    soft = change["level_minus_20_db"](CLIP, sound)
    assert 10 * np.log10(power(soft) / power(sound)) == pytest.approx(-20, abs=0.01)
    assert np.abs(change["level_plus_6_db"](CLIP, 4 * sound)).max() == 1
    assert power(change["telephone_8_khz"](CLIP, tone(6000))) < 0.01 * power(tone(6000))
    assert power(change["telephone_8_khz"](CLIP, tone(1000))) > 0.9 * power(tone(1000))
    assert power(change["room"](CLIP, sound)) == pytest.approx(power(sound), rel=0.01)
