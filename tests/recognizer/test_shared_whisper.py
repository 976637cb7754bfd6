"""One Whisper for voice and words: its encoder runs once."""

from pathlib import Path

import pytest
from transformers import WhisperConfig

from ser.audio import Waveform
from ser.bundle import Bundle, BundleConfig
from ser.encoders import EncoderSpec
from ser.labels import ENCODERS
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.speech import cut_windows, detect_speech
from ser.transcription import WhisperTranscriber
from tests.recognizer.helpers import SENTENCE, counted
from tests.speech_clips import clips, joined
from tests.tiny import WIDTHS, new_fusion, save_roberta, save_wavlm
from tests.tiny_whisper import TEXTS, Lesson, teach, tiny_whisper


@pytest.fixture(scope="module")
def two(data_dir: Path) -> Waveform:
    """Two clips in windows of their own."""
    return joined(clips(data_dir, 2), pause_s=3.0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, two: Waveform) -> Recognizer:
    """A bundle that names its own Whisper, padded to 30 s, for the words too."""
    folder = tmp_path_factory.mktemp("shared")
    windows = cut_windows(detect_speech(two), two.duration_s, 30.0)
    lessons = [
        Lesson(two.slice(window.start_s, window.end_s), "en", text, end_s=1.5)
        for window, text in zip(windows, TEXTS[::2], strict=True)
    ]
    whisper = teach(tiny_whisper(folder / "encoders" / "whisper"), lessons)
    save_wavlm(folder / "encoders" / "wavlm")
    save_roberta(folder / "encoders" / "roberta")
    model = new_fusion({**WIDTHS, "whisper": WhisperConfig.from_pretrained(whisper).d_model})
    config = BundleConfig(
        name="shared",
        encoders={name: EncoderSpec(f"encoders/{name}") for name in ENCODERS},
        fusion=model.config,
        whisper_context="padded_30s",
        transcriber="encoders/whisper",
    )
    Bundle(config, model).save(folder)
    return Recognizer.from_pretrained(folder, device="cpu")


class TestSharedWhisper:
    def test_its_encoder_runs_once_per_window(self, shared: Recognizer, two: Waveform) -> None:
        with counted(shared.encoders.whisper.encoder.layer_norm) as runs:
            prediction = shared.predict(two)
            assert len(prediction.windows) == 2
            assert runs == [1]  # both windows in one batch
            list(shared.predict_many([two, two]))
            assert runs == [2]

    def test_writes_what_it_writes_on_its_own(self, shared: Recognizer, two: Waveform) -> None:
        checkpoint = str(shared.bundle.folder) + "/encoders/whisper"
        separate = Recognizer.from_pretrained(
            shared.bundle.folder, device="cpu", transcriber=checkpoint
        )
        assert isinstance(separate.transcriber, WhisperTranscriber)
        assert separate.transcriber.model is not separate.encoders.whisper.generator
        once, twice = shared.predict(two), separate.predict(two)
        assert len(once.transcript.words) > 2
        assert once.transcript.source == "encoders/whisper"
        assert once.transcript.words == twice.transcript.words
        assert once.transcript.language == twice.transcript.language == "en"
        assert once.emotions == pytest.approx(twice.emotions, abs=1e-5)
        (many,) = shared.predict_many([two])
        assert isinstance(many, Prediction)
        assert many.transcript == once.transcript

    def test_a_given_transcript_needs_no_decoder(self, shared: Recognizer, two: Waveform) -> None:
        generator = shared.encoders.whisper.generator
        assert generator is not None
        with counted(generator.model.decoder) as runs:
            shared.predict(two, SENTENCE)
        assert runs == [0]
