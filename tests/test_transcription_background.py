"""Whisper when it is there, PocketSphinx meanwhile: who writes, when, and what is said about it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from torch import Tensor

from ser import hub
from ser.audio import Waveform
from ser.errors import TranscriptionError
from ser.transcript import Transcript
from ser.transcription import BackgroundTranscriber, Transcriber, WhisperTranscriber
from tests import fake_hub
from tests.test_hub import use
from tests.tiny_whisper import tiny_whisper

NAME = "someone/tiny-whisper"
WAVEFORM = Waveform(np.zeros(16_000, np.float32))
PATIENT_S = 30.0


class StandIn:
    """A recogniser that always hears its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def transcribe(self, waveform: Waveform, encoder_hidden: Tensor | None = None) -> Transcript:
        return Transcript(self.name, (), self.name)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_unreachable_since", {})


@pytest.fixture
def slow_loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Whisper that loads only once the event is set."""
    go_on = threading.Event()

    def load(*_: object) -> Transcriber:
        go_on.wait(PATIENT_S)
        return StandIn("whisper")

    monkeypatch.setattr(WhisperTranscriber, "from_pretrained", load)
    yield go_on
    go_on.set()


def test_a_checkpoint_on_this_machine_is_waited_for(tmp_path: Path) -> None:
    folder = tiny_whisper(tmp_path / "tiny")
    transcriber = BackgroundTranscriber(str(folder), fallback=StandIn("pocketsphinx"))
    current = transcriber.current(PATIENT_S)
    assert isinstance(current, WhisperTranscriber)
    assert transcriber.name == current.name == str(folder)
    assert transcriber.status == f"{folder} writes the text."
    assert transcriber.transcribe(WAVEFORM).source == str(folder)


def test_while_whisper_loads_pocketsphinx_answers_and_a_recording_keeps_its_recogniser(
    tmp_path: Path, slow_loading: threading.Event
) -> None:
    transcriber = BackgroundTranscriber(str(tmp_path), fallback=StandIn("pocketsphinx"))
    start = time.monotonic()
    pinned = transcriber.current(patience_s=0.1)
    assert time.monotonic() - start < 1
    assert pinned.transcribe(WAVEFORM).source == transcriber.name == "pocketsphinx"
    assert transcriber.status == f"PocketSphinx writes the text while {tmp_path} is being loaded."
    slow_loading.set()
    assert transcriber.current(PATIENT_S).transcribe(WAVEFORM).source == "whisper"
    assert pinned.transcribe(WAVEFORM).source == "pocketsphinx"


def test_without_weights_and_network_pocketsphinx_answers_within_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with fake_hub.silence() as (address, connections):
        use(address, monkeypatch)
        start = time.monotonic()
        transcriber = BackgroundTranscriber(NAME)
        transcript = transcriber.transcribe(WAVEFORM)
        assert time.monotonic() - start < hub.REACH_LIMIT_S + 5  # and PocketSphinx' own loading
        assert transcript.source == transcriber.name == "pocketsphinx"
        assert len(connections) == 1
    assert transcriber.status == (
        f"PocketSphinx writes the text: {NAME} is not on this machine and the Hugging Face Hub "
        "cannot be reached; connect to the internet once, or name a local folder. "
        "The next start looks again."
    )
    assert caplog.records == []


def test_offline_mode_is_respected_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with fake_hub.silence() as (address, connections):
        use(address, monkeypatch)
        transcriber = BackgroundTranscriber(NAME)
        assert transcriber.current(PATIENT_S).name == "pocketsphinx"
        assert "HF_HUB_OFFLINE" in transcriber.status
        assert connections == []


def test_a_download_is_not_waited_for_and_whisper_takes_over_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tiny_whisper(tmp_path / "repository")
    arrive = threading.Event()
    fetch = hub._download

    def slow_download(*arguments: object) -> Path:
        arrive.wait(PATIENT_S)
        return fetch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hub, "_download", slow_download)
    with fake_hub.serve(NAME, repository) as (address, _):
        use(address, monkeypatch)
        transcriber = BackgroundTranscriber(NAME)
        start = time.monotonic()
        assert transcriber.current(PATIENT_S).name == "pocketsphinx"
        assert time.monotonic() - start < hub.REACH_LIMIT_S
        assert (
            transcriber.status == f"PocketSphinx writes the text while {NAME} is being downloaded."
        )
        assert not transcriber.wait(0.1)
        arrive.set()
        assert transcriber.wait(PATIENT_S)
        assert transcriber.status == f"{NAME} writes the text."
    assert transcriber.transcribe(WAVEFORM).source == NAME


def test_a_damaged_checkpoint_leaves_pocketsphinx_writing_and_is_said(tmp_path: Path) -> None:
    folder = tiny_whisper(tmp_path / "tiny")
    (folder / "model.safetensors").write_bytes(b"damaged")
    transcriber = BackgroundTranscriber(str(folder))
    assert transcriber.current(PATIENT_S).name == "pocketsphinx"
    assert transcriber.status.startswith(f"PocketSphinx writes the text: {folder} cannot")


def test_a_fault_nobody_thought_of_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> Transcriber:
        raise MemoryError

    monkeypatch.setattr(WhisperTranscriber, "from_pretrained", load)
    transcriber = BackgroundTranscriber(str(tmp_path))
    assert transcriber.current(PATIENT_S).name == "pocketsphinx"
    assert transcriber.status == (
        f"PocketSphinx writes the text: {tmp_path} could not be loaded (MemoryError). "
        "The next start looks again."
    )


def test_many_threads_at_once_all_get_an_answer_that_names_its_writer(
    tmp_path: Path, slow_loading: threading.Event
) -> None:
    transcriber = BackgroundTranscriber(str(tmp_path), fallback=StandIn("pocketsphinx"))
    answers: list[Transcript] = []

    def ask() -> None:
        answers.append(transcriber.transcribe(WAVEFORM))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    slow_loading.set()
    for thread in threads:
        thread.join(PATIENT_S)
    assert len(answers) == 8
    assert all(answer.text == answer.source for answer in answers)


def test_a_checkpoint_that_cannot_be_used_raises_when_asked_for_directly(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(TranscriptionError, match="cannot write transcripts"):
        WhisperTranscriber.from_pretrained(str(tmp_path))


@pytest.mark.parametrize("pause_s", [0.0, 0.1])
def test_python_ends_in_order_while_whisper_loads(tmp_path: Path, pause_s: float) -> None:
    folder = tiny_whisper(tmp_path / "tiny")
    program = (
        "import sys, time; from ser.transcription import BackgroundTranscriber; "
        "BackgroundTranscriber(sys.argv[1]); time.sleep(float(sys.argv[2]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, folder, str(pause_s)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
