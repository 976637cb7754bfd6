"""A recogniser of tiny random encoders and real speech for it."""

from pathlib import Path

import pytest

from ser.audio import Waveform
from ser.recognizer import Recognizer
from tests.recognizer.helpers import SENTENCE
from tests.speech_clips import ToldTranscriber, clips, joined
from tests.tiny import save_bundle


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="package")
def recognizer(tiny: Path) -> Recognizer:
    return Recognizer.from_pretrained(tiny, device="cpu", transcriber=ToldTranscriber(SENTENCE))


@pytest.fixture(scope="package")
def clip(data_dir: Path) -> Path:
    return clips(data_dir, 1)[0]


@pytest.fixture(scope="package")
def long(data_dir: Path) -> Waveform:
    """Five clips that pauses of more than 2 s keep apart."""
    return joined(clips(data_dir, 5), pause_s=2.5)
