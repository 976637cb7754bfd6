"""Augmentation: each change does what its name says, and seed, clip and copy decide."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile
from scipy.signal import welch

from ser.errors import SerError
from training.augment import (
    NOISE_COLOURS,
    Augmenter,
    add_noise,
    change_gain,
    change_speed,
    coloured_noise,
    copy_generator,
    noise_below,
    noise_of_spectrum,
    read_rooms,
    recorded_noise,
    reverberate,
    simulate_rooms,
    through_telephone,
)
from training.config import Augmentation

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


@pytest.mark.parametrize("colour", NOISE_COLOURS)
def test_generated_noise_falls_as_its_colour_says(colour: str) -> None:
    noise = noise_of_spectrum(np.random.default_rng(0), 160_000, NOISE_COLOURS[colour])
    frequencies, density = welch(noise, 16_000, nperseg=2048)
    octaves = {low: density[(frequencies >= low) & (frequencies < 2 * low)] for low in (250, 2_000)}
    fall_db = 10 * np.log10(octaves[250].mean() / octaves[2_000].mean())
    # White is flat, pink falls by 3 dB and brown by 6 dB an octave; three octaves lie between.
    assert fall_db == pytest.approx({"white": 0, "pink": 9.03, "brown": 18.06}[colour], abs=0.7)
    assert power(noise) == pytest.approx(1.0, rel=1e-3)


def test_recorded_noise_starts_anywhere_and_repeats() -> None:
    recording = np.arange(1, 101, dtype=np.float32)
    drawn = recorded_noise(1, lambda _: recording)(np.random.default_rng(3), 250)
    assert drawn[0] != 1
    assert np.array_equal(np.diff(drawn) % 100, np.ones(249))
    assert np.array_equal(drawn[:100], drawn[100:200])


def test_noise_and_rooms_are_read_from_folders(tmp_path: Path) -> None:
    response = np.zeros((2_000, 2), np.float32)
    response[[100, 900], 0], response[50, 1] = (0.5, 0.25), 1.0
    wavfile.write(tmp_path / "room.wav", 16_000, response)
    (room,) = read_rooms(tmp_path)  # 0.125 s, of which the first microphone counts
    assert room.dtype == np.float32
    assert np.argmax(room) == 100
    assert (room[100], room[900]) == (1.0, 0.5)

    wavfile.write(tmp_path / "room.wav", 16_000, TONE)
    drawn = noise_below(tmp_path)(np.random.default_rng(0), 12_345)
    assert len(drawn) == 12_345
    assert peak_hz(drawn) == pytest.approx(1_000, abs=2)


def test_folders_that_do_not_serve_are_named(tmp_path: Path) -> None:
    with pytest.raises(SerError, match=r"no audio files below .*nowhere"):
        noise_below(tmp_path / "nowhere")
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(SerError, match=r"broken\.wav is not a WAV file"):
        read_rooms(tmp_path)


def test_simulated_rooms_do_not_depend_on_the_number_of_cores() -> None:
    """The library splits its sum over as many threads as there are cores."""
    import pyroomacoustics

    pyroomacoustics.constants.set("num_threads", 4)
    rooms = simulate_rooms(3, seed=5)
    pyroomacoustics.constants.set("num_threads", 1)
    for room, again in zip(rooms, simulate_rooms(3, seed=5), strict=True):
        assert np.array_equal(room, again)


def test_seed_clip_and_copy_decide_whatever_came_before() -> None:
    augmenter = Augmenter(Augmentation(rooms=3), coloured_noise, simulate_rooms(3, seed=1))
    keys = [(seed, clip, copy) for seed in (1, 2) for clip in ("a", "b") for copy in (1, 2)]
    forward = {key: augmenter(TONE, copy_generator(*key)) for key in keys}
    for key in reversed(keys):
        assert np.array_equal(augmenter(TONE, copy_generator(*key)), forward[key])
    assert len({samples.tobytes() for samples in forward.values()}) == len(keys)
