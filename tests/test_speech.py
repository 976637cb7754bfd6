"""Speech detection on real recordings, windows on hand-made segments."""

import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from ser.errors import Cancelled, SerError
from ser.progress import Watch
from ser.speech import Segment, Sliding, Window, cut_windows, detect_speech, slide_windows


def total(segments: tuple[Segment, ...]) -> float:
    return sum(segment.end_s - segment.start_s for segment in segments)


def share_with_speech(paths: list[Path]) -> float:
    return sum(bool(detect_speech(load_audio(path))) for path in paths) / len(paths)


def assert_windows(
    windows: Sequence[Window], expected: Sequence[tuple[float, float, float]]
) -> None:
    np.testing.assert_allclose([astuple(window) for window in windows], expected)


def noise(seconds: float, level: float = 0.05) -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return (level * samples).astype(np.float32)


class TestDetectSpeech:
    def test_noise_and_silence_hold_no_speech(self) -> None:
        assert detect_speech(Waveform(noise(3.0))) == ()
        assert detect_speech(Waveform(np.zeros(16_000, np.float32))) == ()
        assert detect_speech(Waveform(np.zeros(0, np.float32))) == ()

    def test_speech_is_found_where_it_was_put(self, ravdess: list[Path]) -> None:
        spoken = load_audio(ravdess[0])
        (alone,) = detect_speech(spoken)
        later = np.concatenate([noise(4.0, 1e-3), spoken.samples, noise(4.0, 1e-3)])
        (moved,) = detect_speech(Waveform(later))
        assert moved.start_s == pytest.approx(alone.start_s + 4.0, abs=0.15)
        assert moved.end_s == pytest.approx(alone.end_s + 4.0, abs=0.15)

    def test_most_acted_speech_has_speech(self, ravdess: list[Path]) -> None:
        assert share_with_speech(ravdess) >= 0.95

    def test_short_commands_are_speech_and_their_background_is_not(self, data_dir: Path) -> None:
        clips = sorted((data_dir / "iesc").rglob("*.opus"))
        background = [path for path in clips if path.name.startswith("background")][::28]
        commands = [path for path in clips if not path.name.startswith("background")][::140]
        assert share_with_speech(commands) >= 0.8
        assert share_with_speech(background) <= 0.15

    def test_most_other_sounds_are_not_speech(self, data_dir: Path) -> None:
        clips = sorted((data_dir / "esc10").rglob("*.ogg"))[::10]
        assert share_with_speech(clips) <= 0.15

    @pytest.mark.parametrize("softer_db", [20, 40])
    def test_soft_speech_is_found_as_where_it_is_loud(
        self, ravdess: list[Path], softer_db: float
    ) -> None:
        for path in ravdess[:8]:
            loud = load_audio(path)
            soft = Waveform(loud.samples * np.float32(10 ** (-softer_db / 20)))
            spans = [
                (found[0].start_s, found[-1].end_s)
                for found in (detect_speech(loud), detect_speech(soft))
            ]
            assert spans[1] == pytest.approx(spans[0], abs=0.2)

    def test_segments_lie_in_order_inside_the_recording(self, ravdess: list[Path]) -> None:
        samples = np.concatenate([load_audio(path).samples for path in ravdess[:5]])
        segments = detect_speech(Waveform(samples))
        edges = [edge for segment in segments for edge in (segment.start_s, segment.end_s)]
        assert len(segments) >= 5
        assert edges == sorted(edges)
        assert edges[0] >= 0
        assert edges[-1] <= len(samples) / SAMPLE_RATE_HZ

    def test_threads_and_repetition_change_nothing(self, ravdess: list[Path]) -> None:
        waveforms = [load_audio(path) for path in ravdess[:4]] * 3
        expected = [detect_speech(waveform) for waveform in waveforms]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(detect_speech, waveforms)) == expected

    def test_long_silence_is_reported_and_can_be_given_up(self) -> None:
        silent = Waveform(np.zeros(60 * SAMPLE_RATE_HZ, np.float32))
        shares: list[float] = []
        detect_speech(silent, Watch(lambda share, _: shares.append(share)))
        assert len(shares) >= 3
        assert shares == sorted(shares)
        assert shares[-1] <= 1
        with pytest.raises(Cancelled):
            detect_speech(silent, Watch(cancelled=lambda: True))
        assert detect_speech(silent) == (), "the detector serves again"

    def test_the_number_of_torch_threads_stays(self) -> None:
        script = (
            "import numpy, torch; torch.set_num_threads(3)\n"
            "from ser.audio import Waveform; from ser.speech import detect_speech\n"
            "detect_speech(Waveform(numpy.zeros(16000, numpy.float32)))\n"
            "import sys; assert 'onnxruntime' not in sys.modules\n"
            "assert torch.get_num_threads() == 3, torch.get_num_threads()\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.fixture(scope="module")
def ravdess(data_dir: Path) -> list[Path]:
    """Forty clips over actors, emotions and intensities."""
    return sorted((data_dir / "ravdess").rglob("*.opus"))[::30][:40]


class TestCutWindows:
    def test_no_speech_gives_no_window(self) -> None:
        assert cut_windows((), 10.0, 30.0) == ()

    def test_one_window_with_margins_from_first_to_last_speech(self) -> None:
        segments = (Segment(1.0, 2.0), Segment(3.5, 4.0))
        assert_windows(cut_windows(segments, 10.0, 30.0), [(0.8, 4.2, 1.5)])

    def test_margins_end_with_the_recording(self) -> None:
        assert_windows(cut_windows((Segment(0.1, 2.9),), 3.0, 30.0), [(0.0, 3.0, 2.8)])

    def test_a_pause_of_more_than_two_seconds_separates(self) -> None:
        at_limit = cut_windows((Segment(1.0, 2.0), Segment(4.0, 5.0)), 9.0, 30.0)
        beyond = cut_windows((Segment(1.0, 2.0), Segment(4.01, 5.0)), 9.0, 30.0)
        assert_windows(at_limit, [(0.8, 5.2, 2.0)])
        assert_windows(beyond, [(0.8, 2.2, 1.0), (3.81, 5.2, 0.99)])

    def test_too_long_is_cut_in_the_longest_pause(self) -> None:
        segments = (Segment(0.5, 4.0), Segment(4.3, 6.0), Segment(6.9, 9.0), Segment(9.5, 11.5))
        assert_windows(cut_windows(segments, 12.0, 8.0), [(0.3, 6.2, 5.2), (6.7, 11.7, 4.1)])

    def test_margins_share_a_short_pause(self) -> None:
        windows = cut_windows((Segment(1.0, 6.0), Segment(6.1, 11.0)), 12.0, 8.0)
        assert windows[0].end_s == windows[1].start_s == pytest.approx(6.05)

    def test_of_equal_pauses_the_middle_one_is_cut(self) -> None:
        segments = tuple(Segment(float(i), i + 0.9) for i in range(8))
        windows = cut_windows(segments, 8.0, 5.0)
        assert [w.speech_s for w in windows] == [pytest.approx(3.6), pytest.approx(3.6)]

    def test_margins_give_way_before_speech_is_cut(self) -> None:
        windows = cut_windows((Segment(1.0, 10.9),), 20.0, 10.0)
        assert_windows(windows, [(0.95, 10.95, 9.9)])

    def test_speech_without_a_pause_is_cut_into_equal_parts(self) -> None:
        windows = cut_windows((Segment(1.0, 26.0),), 30.0, 10.0)
        assert [w.end_s - w.start_s for w in windows] == [pytest.approx(25 / 3)] * 3

    def test_the_longest_window_must_be_positive(self) -> None:
        with pytest.raises(ValueError, match="positive"):
            cut_windows((Segment(0.0, 1.0),), 1.0, 0.0)

    def test_thousands_of_long_pauses(self) -> None:
        segments = tuple(Segment(3.0 * i, 3.0 * i + 0.5) for i in range(3000))
        assert len(cut_windows(segments, 9000.0, 30.0)) == 3000

    @pytest.mark.parametrize("seed", range(200))
    def test_promises_hold_for_any_speech(self, seed: int) -> None:
        """All speech covered, nothing too long, no overlap, no long pause inside, margins kept."""
        rng = random.Random(seed)
        segments, clock = [], rng.choice([0.0, 0.1, 3.0])
        for _ in range(rng.randint(1, 40)):
            end = clock + rng.choice([0.1, 0.5, 2.0, 9.0, 40.0]) * rng.uniform(0.5, 1.5)
            segments.append(Segment(clock, end))
            clock = end + rng.choice([0.0, 0.05, 0.3, 1.0, 2.5]) * rng.uniform(0.5, 1.5)
        duration_s = segments[-1].end_s + rng.choice([0.0, 0.1, 5.0])
        max_s = rng.choice([1.0, 5.0, 10.0, 30.0])
        windows = cut_windows(segments, duration_s, max_s)

        assert all(w.end_s - w.start_s <= max_s + 1e-9 for w in windows)
        assert all(before.end_s <= after.start_s for before, after in pairwise(windows))
        assert windows[0].start_s >= 0
        assert windows[-1].end_s <= duration_s
        assert sum(w.speech_s for w in windows) == pytest.approx(total(tuple(segments)))
        for window in windows:
            inside = [
                (max(s.start_s, window.start_s), min(s.end_s, window.end_s))
                for s in segments
                if s.start_s < window.end_s and s.end_s > window.start_s
            ]
            assert window.speech_s == pytest.approx(sum(end - start for start, end in inside))
            assert inside[0][0] - window.start_s <= 0.2 + 1e-9
            assert window.end_s - inside[-1][1] <= 0.2 + 1e-9
            assert all(b[0] - a[1] <= 2.0 + 1e-9 for a, b in pairwise(inside))


class TestSlideWindows:
    def test_one_every_hop_and_the_last_ends_with_the_speech(self) -> None:
        windows = slide_windows((Segment(1.0, 8.0),), 20.0, Sliding(3.0, 1.5))
        assert_windows(
            windows, [(0.8, 3.8, 2.8), (2.3, 5.3, 3.0), (3.8, 6.8, 3.0), (5.2, 8.2, 2.8)]
        )

    def test_short_speech_is_one_window(self) -> None:
        windows = slide_windows((Segment(1.0, 1.5), Segment(9.0, 9.2)), 10.0, Sliding(4.0, 1.0))
        assert_windows(windows, [(0.8, 1.7, 0.5), (8.8, 9.4, 0.2)])

    def test_a_long_pause_is_never_inside(self) -> None:
        segments = (Segment(0.0, 5.0), Segment(7.5, 12.0))
        for window in slide_windows(segments, 12.0, Sliding(4.0, 0.5)):
            assert window.end_s <= 5.2 or window.start_s >= 7.3

    def test_a_window_in_a_pause_is_left_out(self) -> None:
        segments = (Segment(0.0, 1.0), Segment(2.95, 4.0))
        windows = slide_windows(segments, 4.0, Sliding(0.5, 0.5))
        assert all(window.speech_s >= 0.1 for window in windows)
        assert len(windows) == 4

    @pytest.mark.parametrize("seed", range(50))
    def test_speech_in_a_window_is_what_lies_in_it(self, seed: int) -> None:
        rng = random.Random(seed)
        segments, clock = [], 0.5
        for _ in range(12):
            end = clock + rng.uniform(0.2, 6.0)
            segments.append(Segment(clock, end))
            clock = end + rng.uniform(0.1, 3.5)
        sliding = Sliding(rng.uniform(1.0, 5.0), rng.uniform(0.3, 1.0))
        windows = slide_windows(segments, clock, sliding)
        for window in windows:
            inside = [
                max(0.0, min(s.end_s, window.end_s) - max(s.start_s, window.start_s))
                for s in segments
            ]
            assert window.speech_s == pytest.approx(sum(inside))
            assert window.end_s - window.start_s <= sliding.window_s + 1e-9
        assert [w.start_s for w in windows] == sorted(w.start_s for w in windows)
        assert [w.end_s for w in windows] == sorted(w.end_s for w in windows)
        steps = np.arange(0.0, clock, 0.01)
        spoken = [t for t in steps if any(s.start_s <= t < s.end_s for s in segments)]
        covered = [t for t in spoken if any(w.start_s <= t < w.end_s for w in windows)]
        assert len(covered) > 0.99 * len(spoken)

    @pytest.mark.parametrize(
        ("window_s", "hop_s", "sentence"),
        [(0.2, 0.1, "0.5 to 30"), (31, 1, "0.5 to 30"), (4, 5, "leave speech out"), (4, 0, "0.1")],
    )
    def test_lengths_that_cannot_be_meant(
        self, window_s: float, hop_s: float, sentence: str
    ) -> None:
        with pytest.raises(SerError, match=sentence):
            Sliding(window_s, hop_s)
