"""The whole way from a recording to a prediction: tiny random encoders, real speech."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperConfig

from ser import hub
from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from ser.bundle import Bundle, BundleConfig
from ser.encoders import EncoderSpec
from ser.errors import AudioError, BundleError, EncoderError, HubError, NoSpeechError
from ser.labels import ATTRIBUTES, ENCODERS
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.speech import cut_windows, detect_speech
from ser.transcription import SphinxTranscriber, WhisperTranscriber
from tests.speech_clips import ToldTranscriber, clips, joined
from tests.tiny import EMOTIONS, WIDTHS, new_fusion, save_bundle, save_roberta, save_wavlm
from tests.tiny_whisper import TEXTS, Lesson, teach, tiny_whisper

SENTENCE = "kids are talking by the door"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def recognizer(tiny: Path) -> Recognizer:
    return Recognizer.from_pretrained(tiny, device="cpu", transcriber=ToldTranscriber(SENTENCE))


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Path:
    return clips(data_dir, 1)[0]


@pytest.fixture(scope="module")
def long(data_dir: Path) -> Waveform:
    """Five clips that pauses of more than 2 s keep apart."""
    return joined(clips(data_dir, 5), pause_s=2.5)


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


def with_words(recognizer: Recognizer, transcriber: Any) -> Recognizer:
    """The same bundle and encoders, the words by somebody else."""
    return Recognizer(recognizer.bundle, recognizer.encoders, transcriber, recognizer.device)


def as_json(prediction: Prediction) -> str:
    return json.dumps(prediction.to_dict(timeline=True))


@contextmanager
def counted(*modules: torch.nn.Module) -> Iterator[list[int]]:
    """How often each module runs inside the block."""
    runs = [0] * len(modules)

    def count(index: int) -> Any:
        def hook(*_: Any) -> None:
            runs[index] += 1

        return hook

    handles = [module.register_forward_hook(count(i)) for i, module in enumerate(modules)]
    try:
        yield runs
    finally:
        for handle in handles:
            handle.remove()


class TestAnswer:
    def test_json_has_the_names_and_types_of_the_contract(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        told = json.loads(as_json(recognizer.predict(clip)))
        numbers = {"duration_s", "speech_s"}
        mappings = {"emotions", "attributes", "attention", "contributions", "contribution_changes"}
        assert set(told) == numbers | mappings | {"transcript", "bundle", "notes", "timeline"}
        assert all(isinstance(told[name], float) for name in numbers)
        assert all(isinstance(told[name], dict) for name in mappings)
        assert told["bundle"] == "tiny"
        assert told["notes"] == []
        assert list(told["emotions"]) == list(EMOTIONS)
        assert list(told["attributes"]) == list(ATTRIBUTES)
        assert list(told["attention"]) == list(told["contributions"]) == list(ENCODERS)
        assert set(told["transcript"]) == {"text", "source", "language", "words"}
        assert [set(word) for word in told["transcript"]["words"]] == [
            {"text", "start_s", "end_s"}
        ] * 6
        for name in ENCODERS:
            assert set(told["attention"][name]) - {"tokens"} == {"times_s", "weights"}
        assert "tokens" in told["attention"]["roberta"]
        assert set(told["timeline"][0]) == {
            "start_s", "end_s", "speech_s", "emotions", "attributes", "attention", "contributions"
        }  # fmt: skip

    def test_probabilities_sum_to_1_and_attributes_stay_on_their_scale(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        prediction = recognizer.predict(clip)
        assert sum(prediction.emotions.values()) == pytest.approx(1, abs=1e-6)
        assert all(0 <= share <= 1 for share in prediction.emotions.values())
        assert all(1 <= value <= 7 for value in prediction.attributes.values())
        assert prediction.emotion == max(prediction.emotions.items(), key=lambda item: item[1])[0]
        assert 0 < prediction.speech_s <= prediction.duration_s == load_audio(clip).duration_s

    def test_the_temperature_flattens_the_distribution(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        config = replace(recognizer.bundle.config, temperature=2.0)
        warm = with_words(recognizer, recognizer.transcriber)
        warm.bundle = replace(recognizer.bundle, config=config)
        roots = {k: p**0.5 for k, p in recognizer.predict(clip).emotions.items()}
        expected = {name: root / sum(roots.values()) for name, root in roots.items()}
        assert warm.predict(clip).emotions == pytest.approx(expected, abs=1e-6)

    def test_contributions_by_leaving_each_encoder_out(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        prediction = recognizer.predict(clip)
        model, bank = recognizer.bundle.model, recognizer.encoders
        (window,) = prediction.windows
        cut = [load_audio(clip).slice(window.start_s, window.end_s)]
        outputs = {
            "whisper": bank.whisper.encode(cut),
            "wavlm": bank.wavlm.encode(cut),
            "roberta": bank.roberta.encode([SENTENCE]),
        }
        embeddings, _ = model.embed(outputs)
        whole = model.decide(embeddings)[0].softmax(-1)
        moved = {}
        for index, name in enumerate(ENCODERS):
            without = embeddings.clone()
            without[0, index] = model.embedding_means[index]
            change = model.decide(without)[0].softmax(-1) - whole
            moved[name] = float(change.abs().sum() / 2)
        assert min(moved.values()) > 0
        assert prediction.contribution_changes == pytest.approx(moved, abs=1e-5)
        shares = {name: change / sum(moved.values()) for name, change in moved.items()}
        assert prediction.contributions == pytest.approx(shares, abs=1e-4)

    def test_the_same_recording_gives_the_same_bytes(
        self, tiny: Path, recognizer: Recognizer, data_dir: Path
    ) -> None:
        first, second = clips(data_dir, 2)
        sphinx = with_words(recognizer, SphinxTranscriber())
        before = as_json(sphinx.predict(first))
        sphinx.predict(second)
        assert as_json(sphinx.predict(first)) == before
        again = Recognizer.from_pretrained(tiny, device="cpu")  # the bundle names PocketSphinx
        assert as_json(again.predict(first)) == before

    def test_a_waveform_is_answered_as_its_file(self, recognizer: Recognizer, clip: Path) -> None:
        assert as_json(recognizer.predict(load_audio(clip))) == as_json(recognizer.predict(clip))


class TestAttention:
    def test_of_each_window_sums_to_1_inside_the_window(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        prediction = recognizer.predict(long)
        for window in prediction.windows:
            for view in window.attention.values():
                assert len(view.times_s) == len(view.weights) > 0
                assert sum(view.weights) == pytest.approx(1, abs=1e-5)
                assert min(view.weights) >= 0
                assert list(view.times_s) == sorted(view.times_s)
                assert window.start_s <= view.times_s[0] < view.times_s[-1] < window.end_s + 1e-6
            for name in ("whisper", "wavlm"):
                steps = np.diff(window.attention[name].times_s[:-1])
                assert steps == pytest.approx(0.02)

    def test_of_the_recording_sums_to_1_by_seconds_of_speech(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        prediction = recognizer.predict(long)
        first = prediction.windows[0]
        for name, view in prediction.attention.items():
            count = len(first.attention[name].weights)
            assert sum(view.weights) == pytest.approx(1, abs=1e-5)
            assert 0 <= min(view.times_s) <= max(view.times_s) <= prediction.duration_s
            assert sum(view.weights[:count]) == pytest.approx(
                first.speech_s / prediction.speech_s, abs=1e-5
            )

    def test_tokens_stand_at_their_words(self, recognizer: Recognizer, clip: Path) -> None:
        prediction = recognizer.predict(clip)
        words = prediction.transcript.words
        view = prediction.attention["roberta"]
        assert view.tokens is not None
        assert view.tokens[0] == "<s>"
        assert view.tokens[-1] == "</s>"
        assert view.times_s[0] == words[0].start_s
        assert view.times_s[-1] == words[-1].end_s
        spoken = "".join(view.tokens[1:-1])
        assert spoken == SENTENCE
        position = 0
        for token, time_s in zip(view.tokens[1:-1], view.times_s[1:-1], strict=True):
            position += len(token)
            word = words[SENTENCE[: position - 1].count(" ") + (SENTENCE[position - 1] == " ")]
            assert word.start_s < time_s < word.end_s

    def test_every_word_of_a_long_text_has_its_tokens(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        text = " ".join(f"kids{number}" for number in range(400))  # 66 positions fit the encoder
        prediction = recognizer.predict(long, transcript=text)
        assert len(prediction.windows) >= 3
        marks = ("<s>", "</s>")
        said = [
            "".join(
                token for token in window.attention["roberta"].tokens or () if token not in marks
            )
            for window in prediction.windows
        ]
        assert " ".join(said).replace("  ", " ") == text
        times_s = prediction.attention["roberta"].times_s
        assert list(times_s) == sorted(times_s)


class TestLongRecordings:
    def test_the_answer_is_the_mean_of_windows_weighted_by_speech(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        prediction = recognizer.predict(long)
        weights = np.array([window.speech_s for window in prediction.windows])
        assert len(weights) > 3
        assert len(set(weights.round(2))) > 1
        assert prediction.speech_s == pytest.approx(weights.sum())
        for whole in ("emotions", "attributes"):
            for name, value in getattr(prediction, whole).items():
                each = [getattr(window, whole)[name] for window in prediction.windows]
                assert value == pytest.approx(np.average(each, weights=weights))

    def test_each_window_is_answered_as_if_it_came_alone(
        self, recognizer: Recognizer, data_dir: Path
    ) -> None:
        paths = clips(data_dir, 3)
        alone = [recognizer.predict(path) for path in paths]
        together = recognizer.predict(joined(paths, pause_s=4.0))
        assert len(together.windows) == 3
        for window, prediction in zip(together.windows, alone, strict=True):
            assert window.speech_s == pytest.approx(prediction.speech_s, abs=0.2)
            assert window.emotions == pytest.approx(prediction.emotions, abs=0.05)

    def test_words_are_placed_in_the_recording(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        teller = ToldTranscriber(SENTENCE)
        prediction = with_words(recognizer, teller).predict(long)
        assert prediction.transcript.text == " ".join([SENTENCE] * len(teller.windows))
        starts = [word.start_s for word in prediction.transcript.words]
        assert starts == sorted(starts)
        for heard, window in zip(teller.windows, prediction.windows, strict=True):
            first = prediction.transcript.words[len(starts) // len(teller.windows)]
            assert heard.duration_s == pytest.approx(window.end_s - window.start_s, abs=1e-3)
        assert first.start_s == pytest.approx(prediction.windows[1].start_s)


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
        hum = Waveform(np.full(SAMPLE_RATE_HZ, 0.1, np.float32))
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


class TestRefusals:
    @pytest.mark.parametrize("sound", ["noise", "hum", "nothing"])
    def test_no_speech(self, recognizer: Recognizer, sound: str) -> None:
        time_s = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        samples = {
            "noise": np.random.default_rng(1).normal(0, 0.05, len(time_s)),
            "hum": 0.2 * np.sin(2 * np.pi * 100 * time_s),
            "nothing": np.zeros(0),
        }[sound]
        with pytest.raises(NoSpeechError, match="speech"):
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
