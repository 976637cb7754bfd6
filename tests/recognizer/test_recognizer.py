"""From a recording to a prediction: words, corrections, many files, refusals."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser import hub
from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import AudioError, BundleError, EncoderError, HubError, NoSpeechError
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from tests.recognizer.helpers import SENTENCE, as_json, counted, with_words
from tests.speech_clips import ToldTranscriber, clips
from tests.tiny import save_bundle
from tests.tiny_whisper import tiny_whisper


class TestTranscript:
    def test_another_language_leaves_the_words_out(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        polish = with_words(recognizer, ToldTranscriber("dzieci rozmawiają", "pl")).predict(clip)
        silent = recognizer.predict(clip, transcript="")
        assert polish.transcript.text == "dzieci rozmawiają"
        (note,) = polish.notes
        assert "(pl)" in note
        for prediction in (polish, silent):
            assert prediction.contributions["roberta"] == 0
            assert sum(prediction.contributions.values()) == pytest.approx(1)
            assert prediction.attention["roberta"].weights == ()
        assert polish.emotions == silent.emotions
        assert recognizer.predict(clip).emotions != silent.emotions

    def test_an_unknown_language_counts_as_the_encoder_s_own(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        unknown = with_words(recognizer, ToldTranscriber(SENTENCE, None)).predict(clip)
        assert unknown.notes == ()
        assert unknown.emotions == recognizer.predict(clip).emotions

    @pytest.mark.parametrize("transcriber", [None, ToldTranscriber("")])
    def test_no_words_leave_the_words_out(
        self, recognizer: Recognizer, clip: Path, transcriber: Any
    ) -> None:
        prediction = with_words(recognizer, transcriber).predict(clip)
        (note,) = prediction.notes
        assert "voice alone" in note
        assert prediction.transcript.words == ()
        assert prediction.emotions == recognizer.predict(clip, transcript=" ").emotions

    def test_a_given_one_is_used_as_it_is_and_nobody_listens(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        teller = ToldTranscriber(SENTENCE)
        prediction = with_words(recognizer, teller).predict(clip, "Something  quite\nother.")
        assert prediction.transcript.text == "Something quite other."
        assert prediction.transcript.source == "user"
        assert teller.windows == []


class TestRevise:
    def test_equals_a_prediction_with_that_transcript(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        silent = with_words(recognizer, None)
        analysis = silent.analyse(long)
        revised = silent.revise(analysis, "I hate this")
        assert as_json(revised.prediction) == as_json(silent.predict(long, "I hate this"))
        assert revised.prediction.emotions != analysis.prediction.emotions

    def test_runs_no_speech_encoder(self, recognizer: Recognizer, clip: Path) -> None:
        analysis = recognizer.analyse(clip)
        bank = recognizer.encoders
        encoders = (*bank.whisper.encoder.layers[:1], bank.wavlm.model, bank.roberta.model)
        with counted(*encoders) as runs:
            recognizer.predict(clip)
        assert runs == [1, 1, 1]
        with counted(*encoders) as runs:
            recognizer.revise(analysis, "kids are walking by the door")
        assert runs == [0, 0, 1]

    def test_unchanged_words_keep_the_times_at_which_they_were_heard(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        analysis = recognizer.analyse(clip)
        once = recognizer.revise(analysis, "Kids are walking by the door!")
        heard = analysis.prediction.transcript.words
        placed = once.prediction.transcript.words
        assert [(w.start_s, w.end_s) for w in placed] == [(w.start_s, w.end_s) for w in heard]
        twice = recognizer.revise(once, "")
        assert twice.prediction.notes
        back = recognizer.revise(twice, SENTENCE)
        assert back.prediction.emotions == analysis.prediction.emotions
        assert back.prediction.transcript.words == heard


class TestPredictMany:
    def test_equals_predict_in_order_and_goes_on_behind_faults(
        self, recognizer: Recognizer, data_dir: Path, long: Waveform, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken.wav"
        broken.write_bytes(b"no sound")
        time_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        hum = Waveform((0.2 * np.sin(2 * np.pi * 100 * time_s)).astype(np.float32))
        good = clips(data_dir, 6)
        audios: list[str | os.PathLike[str] | Waveform] = [
            broken,
            *good[:2],
            hum,
            long,
            broken,
            *good[2:],
            hum,
        ]
        answers = list(recognizer.predict_many(audios))
        assert [type(answer) for answer in answers] == [
            AudioError, *[Prediction] * 2, NoSpeechError, Prediction, AudioError,
            *[Prediction] * 4, NoSpeechError,
        ]  # fmt: skip
        for audio, answer in zip(audios, answers, strict=True):
            if isinstance(answer, Prediction):
                alone = recognizer.predict(audio)
                assert answer.transcript == alone.transcript
                assert answer.emotions == pytest.approx(alone.emotions, abs=1e-4)
                assert answer.attributes == pytest.approx(alone.attributes, abs=1e-4)
                assert answer.contribution_changes == pytest.approx(
                    alone.contribution_changes, abs=1e-4
                )

    def test_each_has_its_own_transcript(self, recognizer: Recognizer, data_dir: Path) -> None:
        answers = recognizer.predict_many(clips(data_dir, 2), ["so happy", None])
        texts = [answer.transcript.text for answer in answers if isinstance(answer, Prediction)]
        assert texts == ["so happy", SENTENCE]

    def test_short_recordings_share_a_batch_and_long_ones_wait_for_nobody(
        self, recognizer: Recognizer, clip: Path, long: Waveform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sizes = []
        encode = recognizer.encoders.wavlm.encode

        def spy(waveforms: Any) -> Any:
            sizes.append(len(waveforms))
            return encode(waveforms)

        monkeypatch.setattr(recognizer.encoders.wavlm, "encode", spy)
        answers = recognizer.predict_many([clip, clip, long, clip], batch_windows=4)
        next(answers)
        assert sizes == [7]
        list(answers)
        assert sizes == [7, 1]

    def test_nothing_gives_nothing(self, recognizer: Recognizer) -> None:
        assert list(recognizer.predict_many([])) == []


class TestLanguage:
    def test_a_correction_keeps_the_language_that_was_heard(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        """A corrected Polish text is still Polish, so an English text encoder leaves it out."""
        polish = with_words(recognizer, ToldTranscriber("dzieci rozmawiają", "pl"))
        revised = polish.revise(polish.analyse(clip), "dzieci rozmawiali")
        assert revised.prediction.contributions["roberta"] == 0
        assert "(pl)" in revised.prediction.notes[0]

    def test_another_text_is_not_bound_to_a_misheard_language(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        misheard = with_words(recognizer, ToldTranscriber("mae plant yn siarad", "cy"))
        revised = misheard.revise(misheard.analyse(clip), SENTENCE).prediction
        assert revised.transcript.language is None
        assert revised.emotions == recognizer.predict(clip, SENTENCE).emotions
        assert revised.contributions["roberta"] > 0

    def test_half_a_character_does_no_harm(self, recognizer: Recognizer, data_dir: Path) -> None:
        prediction = recognizer.predict(clips(data_dir, 1)[0], transcript="hello \ud800")
        assert prediction.transcript.text.startswith("hello")


class TestRefusals:
    @pytest.mark.parametrize("sound", ["noise", "hum"])
    def test_no_speech(self, recognizer: Recognizer, sound: str) -> None:
        time_s = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        samples = {
            "noise": np.random.default_rng(1).normal(0, 0.05, len(time_s)),
            "hum": 0.2 * np.sin(2 * np.pi * 100 * time_s),
        }[sound]
        with pytest.raises(NoSpeechError, match="speech"):
            recognizer.predict(Waveform(samples.astype(np.float32)))

    @pytest.mark.parametrize(
        ("samples", "sentence"),
        [
            (np.zeros(0), "no samples"),
            (np.zeros(SAMPLE_RATE_HZ), "silent"),
            (np.ones(1000), "shorter than"),
            (np.array([0.1, np.nan] * SAMPLE_RATE_HZ), "not numbers"),
            (np.array([0.1, np.inf] * SAMPLE_RATE_HZ), "not numbers"),
            (np.array([0.1, -1e6] * SAMPLE_RATE_HZ), "full scale"),
        ],
    )
    def test_samples_in_memory_are_held_to_what_files_are(
        self, recognizer: Recognizer, samples: np.ndarray, sentence: str
    ) -> None:
        with pytest.raises(AudioError, match=sentence):
            recognizer.predict(Waveform(samples.astype(np.float32)))

    @pytest.mark.parametrize("device", ["cuda:99", "warp", "meta"])
    def test_a_device_that_is_not_there(self, tiny: Path, device: str) -> None:
        with pytest.raises(EncoderError, match="cpu"):
            Recognizer.from_pretrained(tiny, device=device)

    def test_encoders_of_another_width_than_the_bundle_was_trained_with(
        self, tmp_path: Path
    ) -> None:
        bundle = save_bundle(tmp_path)
        tiny_whisper(tmp_path / "encoders" / "whisper")
        with pytest.raises(BundleError, match="whisper"):
            Recognizer.from_pretrained(bundle, device="cpu")

    def test_a_whisper_asked_for_by_name_is_never_replaced(
        self, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub, "hub_is_reachable", lambda: False)
        with pytest.raises(HubError, match="nobody/whisper"):
            Recognizer.from_pretrained(tiny, transcriber="nobody/whisper")
