"""Augmentation: each change does what its name says, and the seed decides."""

import numpy as np
import pytest

from training.augment import (
    Augmentation,
    Augmenter,
    add_noise,
    change_gain,
    change_speed,
    reverberate,
    through_telephone,
)

TIME_S = np.arange(16_000) / 16_000
TONE = (0.1 * np.sin(2 * np.pi * 1000 * TIME_S)).astype(np.float32)


def peak_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


def power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def test_speed_changes_length_and_pitch_together() -> None:
    fast = change_speed(TONE, 1.25)
    assert len(fast) == pytest.approx(12_800, abs=2)
    assert peak_hz(fast) == pytest.approx(1250, abs=3)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_comes_at_its_ratio(snr_db: float) -> None:
    noise = np.random.default_rng(0).normal(0, 1, 5_000).astype(np.float32)
    added = add_noise(TONE, noise, snr_db) - TONE
    assert 10 * np.log10(power(TONE) / power(added)) == pytest.approx(snr_db, abs=0.1)


def test_a_room_of_one_echo_keeps_onset_and_power() -> None:
    response = np.zeros(2_000, dtype=np.float32)
    response[300], response[1_300] = 1.0, 0.5  # direct sound late, an echo 1000 samples after it
    click = np.zeros(8_000, dtype=np.float32)
    click[100] = 1.0
    wet = reverberate(click, response)
    assert np.argmax(wet) == 100
    assert wet[1_100] == pytest.approx(wet[100] / 2, rel=1e-4)
    assert power(wet) == pytest.approx(power(click), rel=1e-4)


def test_the_telephone_lets_nothing_above_4_khz_through() -> None:
    high = np.sin(2 * np.pi * 5_000 * TIME_S).astype(np.float32)
    assert power(through_telephone(high)[500:-500]) < 1e-4 * power(high)
    assert power(through_telephone(TONE)) == pytest.approx(power(TONE), rel=0.05)


def test_gain_is_in_decibels_and_clips_at_full_scale() -> None:
    assert power(change_gain(TONE, 6.0)) / power(TONE) == pytest.approx(10**0.6, rel=1e-3)
    assert np.abs(change_gain(TONE, 40.0)).max() == 1.0


def test_the_seed_decides() -> None:
    noises, rooms = [TONE[::-1].copy()], [np.array([1.0, 0.3], dtype=np.float32)]
    first, again, other = (
        Augmenter(Augmentation(), noises, rooms, seed)(TONE) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first[:10_000], other[:10_000])
