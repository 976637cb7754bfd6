"""Every file that cannot be analysed is refused with its name, its fault and a remedy."""

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser import truncation
from ser.audio import SAMPLE_RATE_HZ, load_audio
from ser.errors import AudioError
from ser.truncation import is_cut_off
from tests.audio_files import encode, film, voice


def refusal(path: Path, max_seconds: float = 1800.0) -> str:
    """The sentence that the user reads; its form is checked here for every fault."""
    with pytest.raises(AudioError) as caught:
        load_audio(path, max_seconds)
    sentence = str(caught.value)
    assert sentence.startswith(path.name)
    assert str(path.parent) not in sentence  # people's folders are nobody's business
    assert sentence.endswith(".")
    assert len(sentence.split(". ")) == 2, "one sentence on the fault, one on the remedy"
    assert "\n" not in sentence
    return sentence


def wav(path: Path, samples: np.ndarray, rate_hz: int = 16_000, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def riff(data: bytes, length: int | None = None, codec: int = 1) -> bytes:
    """A WAV file of 16-bit mono, 16 kHz, built by hand; `length` is what its header promises."""
    format_chunk = b"fmt " + struct.pack("<IHHIIHH", 16, codec, 1, 16_000, 32_000, 2, 16)
    length = len(data) if length is None else length
    return (
        b"RIFF" + struct.pack("<I", 0xFFFFFFFF if length > 2**30 else 36 + length) + b"WAVE"
    ) + (format_chunk + b"data" + struct.pack("<I", length) + data)


VOICE_16 = (voice(1.0, 16_000)[:, 0] * 32_767).astype("<i2").tobytes()


class TestNotAFile:
    def test_missing(self, tmp_path: Path) -> None:
        assert "does not exist" in refusal(tmp_path / "missing.wav")
        assert "does not exist" in refusal(wav(tmp_path / "a.wav", voice(1.0, 16_000)) / "b.wav")

    def test_folder(self, tmp_path: Path) -> None:
        (tmp_path / "clips.wav").mkdir()
        assert "is a folder" in refusal(tmp_path / "clips.wav")

    def test_impossible_names(self, tmp_path: Path) -> None:
        for name in ("nul\0l.wav", "long" * 200 + ".wav"):
            with pytest.raises(AudioError, match="cannot be opened"):
                load_audio(tmp_path / name)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_pipe_is_refused_instead_of_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.wav")
        assert "is not a file" in refusal(tmp_path / "pipe.wav")

    @pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
    def test_unreadable(self, tmp_path: Path) -> None:
        path = wav(tmp_path / "secret.wav", voice(1.0, 16_000))
        path.chmod(0)
        with without_root():
            assert "may not be read" in refusal(path)


@contextmanager
def without_root() -> Iterator[None]:
    """Root may read everything: become somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


class TestNotAudio:
    @pytest.mark.parametrize(
        "content",
        [
            b"\x00",
            bytes(40_000),
            b"Kids are talking by the door.\n" * 2_000,
            b"<html><body>404</body></html>" * 200,
            b"%PDF-1.7\n" + np.random.default_rng(0).bytes(30_000),
            np.random.default_rng(1).bytes(100_000),
            b"PK\x03\x04" + np.random.default_rng(2).bytes(30_000),
        ],
        ids=["byte", "zeros", "text", "html", "pdf", "random", "zip"],
    )
    def test_other_content(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "upload.wav"
        path.write_bytes(content)
        assert "is not an audio file" in refusal(path)

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "empty.mp3").touch()
        assert "is empty" in refusal(tmp_path / "empty.mp3")

    def test_film_without_sound(self, tmp_path: Path) -> None:
        assert "has no sound" in refusal(film(tmp_path / "silent.mp4"))

    def test_unknown_codec(self, tmp_path: Path) -> None:
        (tmp_path / "odd.wav").write_bytes(riff(VOICE_16, codec=0x7ABC))
        assert "odd.wav" in refusal(tmp_path / "odd.wav")

    @pytest.mark.parametrize(
        "playlist",
        [
            "ffconcat version 1.0\nfile 'private.wav'\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{folder}/private.wav\n#EXT-X-ENDLIST\n",
        ],
    )
    def test_playlists_open_no_other_file(self, tmp_path: Path, playlist: str) -> None:
        wav(tmp_path / "private.wav", voice(1.0, 16_000))
        path = tmp_path / "list.m3u8"
        path.write_text(playlist.format(folder=tmp_path))
        assert "is not an audio file" in refusal(path)


class TestUnusableSound:
    def test_no_samples(self, tmp_path: Path) -> None:
        assert "holds no samples" in refusal(wav(tmp_path / "none.wav", np.zeros(0)))

    def test_too_short(self, tmp_path: Path) -> None:
        path = wav(tmp_path / "short.wav", voice(0.29, 48_000), 48_000)
        assert "shorter than 0.3 s" in refusal(path)
        load_audio(wav(tmp_path / "enough.wav", voice(0.3, 48_000), 48_000))

    def test_too_long(self, tmp_path: Path) -> None:
        path = wav(tmp_path / "long.wav", voice(4.0, 16_000))
        assert "longer than 2.5 s" in refusal(path, max_seconds=2.5)
        load_audio(path, max_seconds=4.0)

    def test_the_default_limit_is_half_an_hour(self, tmp_path: Path) -> None:
        samples = np.tile(voice(1.0, 8_000)[:, 0], 1_802)
        path = wav(tmp_path / "lecture.wav", samples, 8_000, subtype="PCM_U8")
        assert "longer than 30 minutes" in refusal(path)

    @pytest.mark.parametrize("level", [0.0, 3e-5])
    def test_silence(self, tmp_path: Path, level: float) -> None:
        path = wav(tmp_path / "muted.wav", level * voice(1.0, 16_000), subtype="PCM_16")
        assert "is silent" in refusal(path)

    def test_a_whisper_is_not_silence(self, tmp_path: Path) -> None:
        load_audio(wav(tmp_path / "whisper.wav", 2e-3 * voice(1.0, 16_000)))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("rate_hz", [16_000, 48_000])
    def test_one_value_that_is_no_number(self, tmp_path: Path, value: float, rate_hz: int) -> None:
        samples = voice(3.0, rate_hz, 2)
        samples[rate_hz, 1] = value
        assert "not finite numbers" in refusal(wav(tmp_path / "nan.wav", samples, rate_hz))

    def test_integers_stored_as_floats(self, tmp_path: Path) -> None:
        path = wav(tmp_path / "unscaled.wav", 32_768 * voice(1.0, 16_000))
        assert "far beyond full scale" in refusal(path)

    def test_samples_of_64_bits(self, tmp_path: Path) -> None:
        path = encode(tmp_path / "exact.wav", voice(1.0, 16_000), 16_000, "pcm_s64le")
        assert "unusual type s64" in refusal(path)

    def test_absurd_rates(self, tmp_path: Path) -> None:
        for rate_hz in (1, 1_000, 2_000_000):
            path = wav(tmp_path / "rate.wav", voice(1.0, 16_000), rate_hz, subtype="PCM_16")
            assert f"sample rate of {rate_hz:g} Hz" in refusal(path)


WHOLE = {
    "wav": lambda path: wav(path, voice(3.0, 48_000, 2), 48_000, "PCM_16"),
    "aiff": lambda path: wav(path, voice(3.0, 48_000, 2), 48_000, "PCM_16"),
    "flac": lambda path: wav(path, voice(3.0, 48_000, 2), 48_000, "PCM_16"),
    "mp3": lambda path: wav(path, voice(3.0, 48_000, 2), 48_000, "MPEG_LAYER_III"),
    "tagged.mp3": lambda path: encode(path, voice(3.0, 48_000, 2), 48_000, "libmp3lame"),
    "ogg": lambda path: wav(path, voice(3.0, 48_000, 2), 48_000, "VORBIS"),
    "opus": lambda path: encode(path, voice(3.0, 48_000, 2), 48_000, "libopus"),
    "webm": lambda path: encode(path, voice(3.0, 48_000, 2), 48_000, "libopus"),
    "live.webm": lambda path: encode(path, voice(3.0, 48_000, 2), 48_000, "libopus", {"live": "1"}),
    "m4a": lambda path: encode(path, voice(3.0, 48_000, 2), 48_000, "aac"),
    "faststart.m4a": lambda path: encode(
        path, voice(3.0, 48_000, 2), 48_000, "aac", {"movflags": "+faststart"}
    ),
    "fragments.mp4": lambda path: encode(
        path, voice(3.0, 48_000, 2), 48_000, "aac", {"movflags": "frag_keyframe+empty_moov"}
    ),
}


class TestCutOff:
    @pytest.mark.parametrize("kind", WHOLE)
    def test_a_file_without_its_end_is_refused(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"whole.{kind}"
        WHOLE[kind](path)
        assert load_audio(path).duration_s == pytest.approx(3.0, abs=0.1)
        content = path.read_bytes()
        for percent in range(5, 95, 6):
            cut = tmp_path / f"cut.{kind}"
            cut.write_bytes(content[: len(content) * percent // 100])
            sentence = refusal(cut)
            # What remains of a header may not even tell what the file was.
            assert "is cut off" in sentence or "damaged" in sentence

    def test_a_stream_of_flac_without_its_end(self, tmp_path: Path) -> None:
        """Its header cannot tell the length: the last frame, which is incomplete, has to."""
        path = tmp_path / "stream.flac"
        WHOLE["flac"](path)
        content = bytearray(path.read_bytes())
        content[21] &= 0xF0  # 36 bits with the number of samples; zero means unknown
        content[22:26] = bytes(4)
        path.write_bytes(content)
        assert load_audio(path).duration_s == pytest.approx(3.0)
        path.write_bytes(content[: len(content) // 2])
        assert "is damaged" in refusal(path)

    def test_mp4_boxes_of_more_than_four_gigabytes(self, tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        start = struct.pack(">I4s8x", 16, b"ftyp")
        body = bytes(100)
        path.write_bytes(start + struct.pack(">I4sQ", 1, b"mdat", 16 + len(body)) + body)
        assert not is_cut_off(path)
        path.write_bytes(start + struct.pack(">I4sQ", 1, b"mdat", 5 * 2**30) + body)
        assert is_cut_off(path)

    @pytest.mark.parametrize(
        "content",
        [
            b"RIFF....WAVE" + bytes(8 * 20),
            b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 20 + b"\xec",
            struct.pack(">I4s", 8, b"ftyp")
            + struct.pack(">I4s", 8, b"free") * 20
            + b"\0\0\1\0free",
        ],
        ids=["wav", "webm", "mp4"],
    )
    def test_nobody_counts_parts_without_end(
        self, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "crafted"
        path.write_bytes(content)
        assert is_cut_off(path)
        monkeypatch.setattr(truncation, "_MOST_PARTS", 10)
        assert not is_cut_off(path)

    @pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0])
    def test_a_wav_of_unknown_length_is_whole(self, tmp_path: Path, length: int) -> None:
        """Programs that write into a pipe cannot go back to fill the length in."""
        (tmp_path / "piped.wav").write_bytes(riff(VOICE_16, length))
        assert load_audio(tmp_path / "piped.wav").duration_s == pytest.approx(1.0)

    def test_a_wav_may_count_its_header(self, tmp_path: Path) -> None:
        (tmp_path / "recorder.wav").write_bytes(riff(VOICE_16, len(VOICE_16) + 44))
        assert load_audio(tmp_path / "recorder.wav").duration_s == pytest.approx(1.0)

    @pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "opus", "flac", "m4a", "webm"])
    def test_something_behind_the_sound_does_no_harm(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"padded.{kind}"
        WHOLE[kind](path)
        expected = load_audio(path).samples
        path.write_bytes(path.read_bytes() + bytes(5_000))
        found = load_audio(path).samples
        # The filling of the last MP3 frame may come along.
        assert len(expected) <= len(found) < len(expected) + 0.1 * SAMPLE_RATE_HZ
        np.testing.assert_array_equal(found[: len(expected) - 800], expected[:-800])

    @pytest.mark.parametrize("kind", ["flac", "mp3"])
    def test_a_hole_in_the_middle_is_said(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"hole.{kind}"
        WHOLE[kind](path)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 6_000] = bytes(6_000)
        path.write_bytes(content)
        sentence = refusal(path)
        assert "is damaged" in sentence or "is cut off" in sentence

    def test_the_next_file_works(self, tmp_path: Path) -> None:
        good = wav(tmp_path / "good.wav", voice(1.0, 16_000))
        before = load_audio(good).samples
        bad = tmp_path / "bad.wav"
        bad.write_bytes(good.read_bytes()[:20_000])
        assert "is cut off" in refusal(bad)
        np.testing.assert_array_equal(load_audio(good).samples, before)
