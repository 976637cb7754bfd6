"""Decoding against libsndfile and the ffmpeg program, resampling against closed-form sines."""

import math
import shutil
import struct
import subprocess
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import scipy.signal
import soundfile

from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio, waveform_from_array
from ser.errors import AudioError
from tests.audio_files import encode, film, read_with_soundfile, remux, voice


def sine(frequency_hz: float, seconds: float, rate_hz: int, level: float = 0.5) -> np.ndarray:
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return level * np.sin(2 * np.pi * frequency_hz * times_s)


def assert_same_sound(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Same length but for 10 ms, root mean square of the difference below `tolerance`."""
    assert abs(len(found) - len(expected)) <= 160
    shared = min(len(found), len(expected))
    difference = found[:shared] - expected[:shared]
    assert np.sqrt(np.mean(difference**2)) < tolerance


def independent_16_khz(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Mean of the channels of [T, channels], resampled by scipy's Fourier method."""
    mono = samples.mean(axis=1)
    length = round(len(mono) * SAMPLE_RATE_HZ / rate_hz)
    step = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    mono = np.pad(mono, (0, -len(mono) % (rate_hz // step)))  # for an exact ratio of the lengths
    return scipy.signal.resample(mono, len(mono) * SAMPLE_RATE_HZ // rate_hz)[:length]


class TestFormats:
    @pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
    @pytest.mark.parametrize(
        ("ending", "subtype"),
        [
            *(("wav", f"PCM_{bits}") for bits in ("U8", "16", "24", "32")),
            *(("wav", kind) for kind in ("FLOAT", "DOUBLE", "ULAW", "ALAW")),
            *(("flac", "PCM_16"), ("flac", "PCM_24"), ("aiff", "PCM_16"), ("w64", "PCM_24")),
        ],
    )
    def test_lossless_formats_to_the_sample(
        self, tmp_path: Path, ending: str, subtype: str, channels: int
    ) -> None:
        path = tmp_path / f"voice.{ending}"
        soundfile.write(path, voice(0.5, 16_000, channels), 16_000, subtype=subtype)
        expected, _ = read_with_soundfile(path)
        found = load_audio(path).samples
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected.mean(axis=1), atol=1e-6)

    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("rate_hz", [16_000, 48_000])
    @pytest.mark.parametrize(("ending", "subtype"), [("mp3", "MPEG_LAYER_III"), ("ogg", "VORBIS")])
    def test_mp3_and_vorbis(
        self, tmp_path: Path, ending: str, subtype: str, rate_hz: int, channels: int
    ) -> None:
        path = tmp_path / f"voice.{ending}"
        soundfile.write(path, voice(1.5, rate_hz, channels), rate_hz, subtype=subtype)
        expected = independent_16_khz(*read_with_soundfile(path))
        assert_same_sound(load_audio(path).samples, expected, tolerance=2e-3)

    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize(
        ("ending", "options"), [("ogg", {}), ("opus", {}), ("webm", {}), ("webm", {"live": "1"})]
    )
    def test_opus_in_every_container(
        self, tmp_path: Path, ending: str, options: dict[str, str], channels: int
    ) -> None:
        """The same packets in Ogg, which libsndfile reads with libopus, not with FFmpeg."""
        path = tmp_path / f"voice.{ending}"
        encode(path, voice(1.5, 48_000, channels), 48_000, "libopus", options)
        if options:
            with av.open(str(path)) as container:
                assert container.duration is None  # as browsers record it: nobody went back
        twin = remux(path, tmp_path / "twin.ogg") if ending == "webm" else path
        expected = independent_16_khz(*read_with_soundfile(twin))
        assert_same_sound(load_audio(path).samples, expected, tolerance=2e-3)

    @pytest.mark.parametrize("kind", ["m4a", "fragmented", "film"])
    def test_aac(self, tmp_path: Path, kind: str) -> None:
        original = voice(1.0, 44_100, 2)
        fragments = (
            {"movflags": "frag_keyframe+empty_moov+delay_moov"} if kind == "fragmented" else {}
        )
        path = encode(tmp_path / "voice.m4a", original, 44_100, "aac", fragments)
        if kind == "film":
            path = film(tmp_path / "film.mp4", path)
        found = load_audio(path).samples
        # The last AAC frame of 1024 samples is filled up and not cut back.
        assert 1.0 <= len(found) / SAMPLE_RATE_HZ < 1.06
        expected = independent_16_khz(original, 44_100)
        assert_same_sound(found[: len(expected)], expected, tolerance=0.02)

    @pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the program ffmpeg")
    def test_aac_as_the_ffmpeg_program_decodes_it(self, tmp_path: Path) -> None:
        path = encode(tmp_path / "voice.m4a", voice(1.0, 48_000, 2), 48_000, "aac")
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        samples = np.frombuffer(raw, np.float32).reshape(-1, 2)
        expected = independent_16_khz(samples, 48_000)
        assert_same_sound(load_audio(path).samples, expected, tolerance=1e-3)

    def test_real_speech(self, data_dir: Path) -> None:
        path = sorted((data_dir / "ravdess").rglob("*.opus"))[0]
        samples, rate_hz = read_with_soundfile(path)
        expected = independent_16_khz(samples, rate_hz)
        found = load_audio(path).samples
        assert_same_sound(found, expected, tolerance=0.02 * float(np.std(expected)))

    def test_content_decides_not_the_ending(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)  # a relative "concat:a|b" looks most like an address
        original = Path("voice.wav")
        soundfile.write(original, voice(0.5, 16_000), 16_000)
        for name in ("voice.mp3", "voice.txt", "voice", "concat:a|b", "ünï 漢 %03d.wav"):
            shutil.copy(original, name)
            np.testing.assert_array_equal(load_audio(name).samples, load_audio(original).samples)

    def test_tags_in_old_alphabets_do_no_harm(self, tmp_path: Path) -> None:
        path = tmp_path / "tagged.wav"
        soundfile.write(path, voice(0.5, 16_000), 16_000)
        expected = load_audio(path).samples
        tag = (
            b"LIST"
            + struct.pack("<I", 4 + 8 + 4)
            + b"INFOINAM"
            + struct.pack("<I", 4)
            + b"Zo\xeb\0"
        )
        path.write_bytes(path.read_bytes() + tag)
        np.testing.assert_array_equal(load_audio(path).samples, expected)

    def test_the_sound_may_change_its_rate_midway(self, tmp_path: Path) -> None:
        """Two AAC streams in one file, as `cat` makes them."""
        parts = [
            encode(tmp_path / f"{rate_hz}.aac", voice(1.5, rate_hz, 2), rate_hz, "aac")
            for rate_hz in (48_000, 24_000)
        ]
        both = tmp_path / "both.aac"
        both.write_bytes(b"".join(part.read_bytes() for part in parts))
        expected = [load_audio(part).samples for part in parts]
        found = load_audio(both).samples
        assert_same_sound(found[:20_000], expected[0][:20_000], tolerance=1e-3)
        assert_same_sound(found[-20_000:], expected[1][-20_000:], tolerance=1e-3)

    def test_long_sound_is_decoded_piece_by_piece(self, tmp_path: Path) -> None:
        path = tmp_path / "studio.wav"  # 23 MB, 61 MB as float32 of all channels
        soundfile.write(path, voice(10.0, 192_000, 6)[:, :6], 192_000, subtype="PCM_16")
        tracemalloc.start()
        try:
            waveform = load_audio(path)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert waveform.duration_s == pytest.approx(10.0)
        assert peak_bytes < 8e6


class TestResampling:
    @pytest.mark.parametrize(
        "rate_hz", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
    )
    def test_sines_keep_level_phase_and_length(self, tmp_path: Path, rate_hz: int) -> None:
        path = tmp_path / "sine.wav"
        samples = sine(1_000, 2.5, rate_hz)  # 2.5 s: across the borders of blocks
        soundfile.write(path, samples, rate_hz, subtype="FLOAT")
        expected = sine(1_000, 2.5, SAMPLE_RATE_HZ)
        for waveform in (load_audio(path), waveform_from_array(samples, rate_hz)):
            assert abs(len(waveform.samples) - len(expected)) <= 1
            inner = slice(400, 39_600)
            np.testing.assert_allclose(waveform.samples[inner], expected[inner], atol=1e-4)

    @pytest.mark.parametrize("rate_hz", [44_100, 48_000, 192_000])
    def test_what_16_khz_cannot_hold_leaves_no_alias(self, rate_hz: int) -> None:
        quiet = sine(1_000, 2.0, rate_hz, level=0.01)  # so that the result is not silent
        samples = sine(9_000, 2.0, rate_hz) + quiet
        found = waveform_from_array(samples, rate_hz).samples[1_600:-1_600]
        spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found)))) / len(found) * 4
        alias = spectrum[round(7_000 * len(found) / SAMPLE_RATE_HZ) - 20 :][:40].max()
        assert alias < 0.5 * 10 ** (-80 / 20)

    def test_channels_are_averaged_not_added(self, tmp_path: Path) -> None:
        left = sine(440, 1.0, 48_000, level=0.9)
        for right, expected_level in ((left, 0.9), (0 * left, 0.45), (-0.5 * left, 0.225)):
            path = tmp_path / "stereo.wav"
            soundfile.write(path, np.stack([left, right], axis=1), 48_000, subtype="PCM_24")
            samples = load_audio(path).samples[800:-800]
            assert np.sqrt(2 * np.mean(samples**2)) == pytest.approx(expected_level, rel=1e-3)


class TestArrays:
    @pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint16", "int64"])
    def test_integers_are_of_full_scale(self, dtype: str) -> None:
        tone = sine(440, 0.5, 16_000)
        half = 2.0 ** (np.iinfo(dtype).bits - 1)
        samples = np.round(tone * half + half * dtype.startswith("u")).astype(dtype)
        found = waveform_from_array(samples, 16_000).samples
        np.testing.assert_allclose(found, tone, atol=1 / 128 if dtype == "uint8" else 1e-4)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_floats_and_channels(self, dtype: str) -> None:
        stereo = voice(0.5, 16_000, 2).astype(dtype)
        found = waveform_from_array(stereo, 16_000).samples
        np.testing.assert_allclose(found, stereo.mean(axis=1, dtype=np.float64), atol=1e-3)

    def test_array_and_file_agree(self, tmp_path: Path) -> None:
        samples = voice(2.5, 44_100, 2)
        path = tmp_path / "voice.wav"
        soundfile.write(path, samples, 44_100, subtype="FLOAT")
        from_array = waveform_from_array(samples, 44_100).samples
        np.testing.assert_allclose(load_audio(path).samples, from_array, atol=1e-6)

    @pytest.mark.parametrize(
        ("samples", "rate_hz", "fault"),
        [
            (np.zeros(0), 16_000, "holds no samples"),
            (np.zeros((0, 2)), 16_000, "holds no samples"),
            (np.zeros(16_000), 16_000, "is silent"),
            (np.full(16_000, 0.3), 16_000, "is silent"),
            (sine(440, 0.2, 16_000), 16_000, r"shorter than 0\.3 s"),
            (sine(440, 1.0, 16_000) * np.nan, 16_000, "not finite numbers"),
            (np.full(16_000, np.inf), 16_000, "not finite numbers"),
            (sine(440, 1.0, 16_000) * 1e300, 16_000, "not finite numbers"),
            (sine(440, 1.0, 16_000, level=20_000), 16_000, "far beyond full scale"),
            (sine(440, 1.0, 16_000), 0, "sample rate of 0 Hz"),
            (sine(440, 1.0, 16_000), float("nan"), "sample rate of nan Hz"),
            (sine(440, 1.0, 16_000), 1, "sample rate of 1 Hz"),
            (voice(1.0, 16_000, 2).T, 16_000, r"\[T, channels\], but is float32 \[2, 16000\]"),
            (np.zeros((4, 4, 4)), 16_000, r"\[T, channels\]"),
            (np.array(["a"] * 9_000), 16_000, "must be numbers"),
            (np.array(0.5), 16_000, "must be numbers"),
        ],
    )
    def test_unusable_arrays(self, samples: np.ndarray, rate_hz: float, fault: str) -> None:
        with pytest.raises(AudioError, match=f"The recording .*{fault}"):
            waveform_from_array(samples, rate_hz)


class TestWaveform:
    def test_slice_and_duration(self) -> None:
        waveform = Waveform(np.arange(32_000, dtype=np.float32))
        assert waveform.duration_s == 2.0
        assert waveform.slice(0.5, 1.0).samples.tolist() == list(range(8_000, 16_000))
        assert waveform.slice(-1.0, 9.0).duration_s == 2.0
        assert waveform.slice(3.0, 4.0).duration_s == 0.0
        assert waveform.slice(1.0, 0.5).duration_s == 0.0

    def test_only_what_the_models_expect(self) -> None:
        for samples in (np.zeros(16_000), np.zeros((2, 16_000), np.float32)):
            with pytest.raises(ValueError, match=r"float32 \[T\].*waveform_from_array"):
                Waveform(samples)
