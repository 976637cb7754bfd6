"""The prediction: distribution, attention on the recording's time axis, means over windows."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser.audio import Waveform, load_audio
from ser.labels import ATTRIBUTES, ENCODERS
from ser.recognizer import Recognizer
from ser.transcription import SphinxTranscriber
from tests.recognizer.helpers import SENTENCE, as_json, with_words
from tests.speech_clips import ToldTranscriber, clips, joined
from tests.tiny import EMOTIONS


class TestAnswer:
    def test_json_has_the_names_and_types_of_the_contract(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        told = json.loads(as_json(recognizer.predict(clip)))
        numbers = {"duration_s", "speech_s"}
        mappings = {
            "emotions", "attributes", "attention", "contributions", "contribution_changes",
            "without",
        }  # fmt: skip
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
