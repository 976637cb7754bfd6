"""Transcripts in batches: the text of one clip at a time, once for each recording."""

import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser.audio import Waveform, load_audio
from ser.errors import SerError
from ser.transcript import Transcript
from ser.transcription import SphinxTranscriber, WhisperTranscriber
from tests.speech_clips import clips
from tests.tiny_whisper import TEXTS, Lesson, sound, teach, tiny_whisper
from training import prepare, transcribe
from training.config import Config, Corpus
from training.files import Journal
from training.manifest import load
from training.whisper_batches import WhisperBatches

NOISE = Waveform(np.random.default_rng(0).normal(0, 1e-3, 48_000).astype(np.float32))
LESSONS = (
    Lesson(sound(150), "en", TEXTS[0]),
    Lesson(sound(400), "pl", TEXTS[1]),
    Lesson(sound(1000), "en", TEXTS[2]),
    Lesson(NOISE, "en", "", noise=True),
)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return teach(tiny_whisper(tmp_path_factory.mktemp("whisper") / "taught"), LESSONS, steps=150)


@pytest.fixture
def config(taught: Path, tmp_path: Path) -> Config:
    """Four recordings by speakers of their own; the first has a transcript in its corpus."""
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    rows = ["path,split,speaker,emotion,transcript"]
    for number, lesson in enumerate(LESSONS):
        # As floats: what is decoded is what the lesson taught.
        soundfile.write(folder / f"{number}.wav", lesson.waveform.samples, 16_000, "FLOAT")
        text = "Of the corpus." if number == 0 else ""
        rows.append(f"{number}.wav,{'dev' if number == 3 else 'train'},{number},sad,{text}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    made = Config(
        data=tmp_path / "data",
        work=tmp_path / "work",
        classes=("sad",),
        corpora={"mine": Corpus(reader="table", folder=Path("mine"))},
        transcriber=str(taught),
        accelerator="cpu",
    )
    prepare.run(made)
    return made


def test_batches_say_what_whisper_says_of_each_clip_alone(taught: Path) -> None:
    whisper = WhisperTranscriber.from_pretrained(str(taught))
    waveforms = [lesson.waveform for lesson in LESSONS]
    waveforms += [waveforms[1].slice(0.0, 1.0), waveforms[2].slice(0.0, 0.5)]
    together = WhisperBatches(whisper).write_down(waveforms)
    alone = [whisper.transcribe(waveform) for waveform in waveforms]
    assert [said.text for said in together] == [said.text for said in alone]
    assert [said.language for said in together] == [said.language for said in alone]
    assert [said.text for said in together[:4]] == [*(text.strip() for text in TEXTS[:3]), ""]


def test_english_only_models_and_endless_text_are_as_alone(tmp_path: Path) -> None:
    """Random weights never end; one clip at a time decides what to do about it."""
    whisper = WhisperTranscriber.from_pretrained(str(tiny_whisper(tmp_path / "w", False)))
    waveforms = [LESSONS[0].waveform.slice(0.0, 0.5), LESSONS[1].waveform]
    together = WhisperBatches(whisper).write_down(waveforms)
    assert [(s.text, s.language) for s in together] == [
        (s.text, s.language) for s in map(whisper.transcribe, waveforms)
    ]


def test_the_manifest_gets_what_the_corpus_does_not_have(config: Config) -> None:
    transcribe.run(config)
    table = pd.read_parquet(config.transcripts)
    assert list(table.columns) == ["id", "audio_sha256", "text", "language", "source"]
    assert table["id"].tolist() == [f"mine/{number}" for number in range(1, 4)]
    assert table["language"].tolist()[:2] == ["pl", "en"]
    assert set(table["source"]) == {config.transcriber}
    loaded = load(config)["transcript"].tolist()
    assert loaded == ["Of the corpus.", *(text.strip() for text in TEXTS[1:3]), ""]


class Told:
    """Writes the length of each clip; may stop after some batches, or take its time."""

    def __init__(self, name: str = "told", stop_after: int = 100, seconds: float = 0.0) -> None:
        self.name = name
        self.stop_after = stop_after
        self.seconds = seconds
        self.heard: list[float] = []

    def write_down(self, waveforms: Sequence[Waveform]) -> list[Transcript]:
        if len(self.heard) >= self.stop_after:
            raise SerError("stopped")
        time.sleep(self.seconds)
        self.heard += [waveform.duration_s for waveform in waveforms]
        return [Transcript(f"{w.duration_s:.2f} s", (), self.name, None) for w in waveforms]


def run_with(writer: Told, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "_writer", lambda *_: writer)
    features = config.features.model_copy(update={"batch_size": 1, "max_seconds": 1.5})
    settings = {"features": features, "transcriber": writer.name}
    transcribe.run(config.model_copy(update=settings))


def test_what_is_written_is_not_heard_again(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = Told(stop_after=2), Told(), Told()
    with pytest.raises(SerError, match="stopped"):
        run_with(first, config, monkeypatch)
    run_with(second, config, monkeypatch)
    run_with(third, config, monkeypatch)
    assert (len(first.heard), len(second.heard), len(third.heard)) == (2, 1, 0)
    assert max(first.heard + second.heard) <= 1.5  # as long as the encoders hear


def test_another_recogniser_starts_anew(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    run_with(Told(), config, monkeypatch)
    other = Told("other")
    run_with(other, config, monkeypatch)
    assert len(other.heard) == 3
    assert set(pd.read_parquet(config.transcripts)["source"]) == {"other"}


def test_a_killed_run_ends_as_one_that_was_not(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = config.work / transcribe.PARTS / "0.jsonl"
    # A fork has everything imported: a fresh process would take far longer to start than to work.
    process = multiprocessing.get_context("fork").Process(
        target=run_with, args=(Told(seconds=0.5), config, monkeypatch)
    )
    process.start()
    deadline = time.monotonic() + 60
    while not (parts.exists() and Journal(parts).read()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join()
    done = len(Journal(parts).read())
    assert 1 <= done < 3
    assert not config.transcripts.exists()
    rest = Told()
    run_with(rest, config, monkeypatch)
    assert len(rest.heard) == 3 - done
    resumed = config.transcripts.read_bytes()
    parts.unlink()
    run_with(Told(), config, monkeypatch)
    assert config.transcripts.read_bytes() == resumed


def test_a_recogniser_that_is_not_there_is_told(config: Config, tmp_path: Path) -> None:
    absent = config.model_copy(update={"transcriber": str(tmp_path / "absent")})
    with pytest.raises(SerError, match="absent"):
        transcribe.run(absent)


def test_pocketsphinx_writes_real_speech(data_dir: Path, tmp_path: Path) -> None:
    paths = clips(data_dir, 2)
    rows = [f"{paths[0]},train,ann,sad,", f"{paths[1]},dev,bob,sad,Known."]
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    (folder / "labels.csv").write_text("path,split,speaker,emotion,transcript\n" + "\n".join(rows))
    settings: dict[str, Any] = {"data": tmp_path / "data", "work": tmp_path / "work"}
    config = Config(
        **settings,
        classes=("sad",),
        corpora={"mine": Corpus(reader="table", folder=Path("mine"))},
        transcriber=transcribe.POCKETSPHINX,
        accelerator="cpu",
    )
    prepare.run(config)
    transcribe.run(config)
    texts = load(config)["transcript"].tolist()
    heard = SphinxTranscriber().transcribe(load_audio(paths[0])).text
    assert texts == [heard, "Known."]
    assert heard
