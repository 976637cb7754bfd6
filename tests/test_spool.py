"""Samples that are too long for memory lie in a file, and nobody notices."""

import gc
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ser import spool
from ser.audio import Waveform, load_audio
from ser.errors import AudioError
from ser.plots.envelope import envelope
from ser.spool import SampleSpool, blocks_of, let_go
from tests.audio_files import encode, voice

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is counted through /proc")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than a thousand samples goes to the file."""
    monkeypatch.setattr(spool, "MEMORY_SAMPLES", 1000)


def file_mb() -> float:
    """Megabytes of files mapped into this process' memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssFile:")[1].split()[0]) / 1024


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 5000])
@pytest.mark.usefixtures("small")
def test_what_goes_in_comes_out(count: int) -> None:
    samples = np.random.default_rng(count).normal(size=count).astype(np.float32)
    kept = SampleSpool()
    for start in range(0, count, 300):
        kept.add(samples[start : start + 300])
    found = kept.finish()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, samples)
    let_go(found)
    np.testing.assert_array_equal(found, samples)
    np.testing.assert_array_equal(np.concatenate([*blocks_of(found, 70), []]), samples)


@pytest.mark.usefixtures("small")
def test_a_long_file_is_decoded_to_the_same_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "a.flac", voice(2.0, 44_100, 2), 44_100, "flac")
    on_disk = load_audio(path)
    monkeypatch.setattr(spool, "MEMORY_SAMPLES", 10**9)
    in_memory = load_audio(path)
    assert isinstance(on_disk.samples, np.memmap)
    assert not isinstance(in_memory.samples, np.memmap)
    np.testing.assert_array_equal(on_disk.samples, in_memory.samples)


@pytest.mark.usefixtures("small")
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = SampleSpool()
    kept.add(np.ones(5000, np.float32))
    samples = kept.finish()
    assert list(tmp_path.iterdir()) == [] or os.name == "nt", "the file has no name"
    part = Waveform(samples).slice(0.0, 0.1)
    del kept, samples
    gc.collect()
    assert part.samples.sum() == 1600, "a part keeps the file"


@pytest.mark.usefixtures("small")
def test_a_full_disk_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(AudioError, match=r"No space left.*TMPDIR"):
        SampleSpool().add(np.ones(5000, np.float32))


@LINUX
def test_reading_a_long_recording_does_not_fill_the_memory() -> None:
    kept = SampleSpool()
    for second in range(600):
        kept.add(np.full(16_000, second / 600, np.float32))
    waveform = Waveform(kept.finish())  # 38 MB
    before = file_mb()
    outline = envelope(waveform, 1200)
    assert file_mb() - before < 8
    assert outline.highest[-1] == pytest.approx(599 / 600)
    assert (np.diff(outline.highest) >= 0).all()
    waveform.samples.sum()
    assert file_mb() - before > 30, "counting works: a careless reader fills it"
