"""PocketSphinx on real and on synthesised English."""

import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ser.audio import Waveform, load_audio
from ser.errors import TranscriptionError
from ser.transcript import Transcript
from ser.transcription import SphinxTranscriber

NOISE = Waveform(np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32))
SENTENCES = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}


@pytest.fixture(scope="module")
def sphinx() -> SphinxTranscriber:
    return SphinxTranscriber()


@pytest.fixture(scope="module")
def clips(data_dir: Path) -> list[tuple[str, Waveform]]:
    """What is said, and a recording of it: ordinary, surprised and happy voices."""
    chosen = ((5, "01", "02"), (5, "08", "01"), (10, "03", "01"))
    return [
        (SENTENCES[sentence], load_audio(data_dir / file).slice(0.6, 3.0))
        for actor, emotion, sentence in chosen
        for file in [f"ravdess/Actor_{actor:02}/03-01-{emotion}-01-{sentence}-01-{actor:02}.opus"]
    ]


@pytest.fixture(scope="module")
def heard(sphinx: SphinxTranscriber, clips: list[tuple[str, Waveform]]) -> list[Transcript]:
    return [sphinx.transcribe(waveform) for _, waveform in clips]


def test_half_of_the_words_of_real_speech_are_right(
    clips: list[tuple[str, Waveform]], heard: list[Transcript]
) -> None:
    right = said = 0
    for (sentence, _), transcript in zip(clips, heard, strict=True):
        wanted, words = Counter(sentence.split()), Counter(transcript.text.split())
        right += (wanted & words).total()
        said += wanted.total()
    assert right / said > 0.5


def test_words_come_with_times_in_order_inside_the_recording(
    clips: list[tuple[str, Waveform]], heard: list[Transcript]
) -> None:
    for (_, waveform), transcript in zip(clips, heard, strict=True):
        assert transcript.text == " ".join(word.text for word in transcript.words)
        assert all(word.text.replace("'", "").isalpha() for word in transcript.words)
        assert all(word.end_s > word.start_s for word in transcript.words)
        assert all(first.end_s <= second.start_s for first, second in pairwise(transcript.words))
        assert transcript.words[0].start_s > 0.2  # RAVDESS begins with a second of silence
        assert transcript.words[-1].end_s <= waveform.duration_s


def test_the_same_recording_gives_the_same_text_whatever_came_before_and_in_any_thread(
    sphinx: SphinxTranscriber, clips: list[tuple[str, Waveform]], heard: list[Transcript]
) -> None:
    loud = Waveform(NOISE.samples[:8000] * 5)
    (_, first), (_, second), (_, third) = clips
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(sphinx.transcribe, [loud, third, loud, second, first]))
    assert [again[1], again[3], again[4]] == heard[::-1]
    assert SphinxTranscriber().transcribe(second) == heard[1]


def test_synthesised_english_is_understood(sphinx: SphinxTranscriber, tmp_path: Path) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt install espeak-ng)")
    file = tmp_path / "speech.wav"
    sentence = "one two three four five"
    subprocess.run(["espeak-ng", "-v", "en-us+f2", "-s", "160", "-w", file, sentence], check=True)
    transcript = sphinx.transcribe(load_audio(file))
    heard = Counter(transcript.text.split()) & Counter(sentence.split())
    assert heard.total() >= 4
    assert (transcript.source, transcript.language) == ("pocketsphinx", "en")


def test_noise_gives_an_empty_transcript(sphinx: SphinxTranscriber) -> None:
    transcript = sphinx.transcribe(NOISE)
    assert (transcript.text, transcript.words) == ("", ())


def test_without_its_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(TranscriptionError, match="pip install pocketsphinx"):
        SphinxTranscriber().transcribe(NOISE)
