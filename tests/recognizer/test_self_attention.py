"""An encoder's own attention, held against what transformers tells of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.audio import Waveform, load_audio
from ser.errors import BundleError, SerError
from ser.recognizer import Analysis, Recognizer
from ser.regions import from_metrics, measure_regions, to_metrics
from ser.self_attention import SelfAttention, layer_counts, self_attention
from ser.speech import Window
from tests.recognizer.helpers import SENTENCE, as_json


@pytest.fixture(scope="module")
def analysis(recognizer: Recognizer, clip: Path) -> Analysis:
    return recognizer.analyse(clip)


def seen(recognizer: Recognizer, analysis: Analysis, *arguments: Any) -> SelfAttention:
    return self_attention(recognizer.encoders, analysis.recording, analysis.prediction, *arguments)


def sound(analysis: Analysis) -> Waveform:
    (window,) = analysis.windows
    return analysis.waveform.slice(window.start_s, window.end_s)


@pytest.mark.parametrize("layer", [1, 2])
class TestAgainstTransformers:
    def test_wavlm(self, recognizer: Recognizer, analysis: Analysis, layer: int) -> None:
        branch = recognizer.encoders.wavlm
        values = branch.extractor(
            sound(analysis).samples, sampling_rate=16_000, return_tensors="pt"
        ).input_values
        expected = branch.model(values, output_attentions=True).attentions[layer - 1]
        found = seen(recognizer, analysis, "wavlm", layer)
        np.testing.assert_allclose(found.weights, expected[0].mean(0), atol=1e-5)
        assert found.times_s == analysis.prediction.attention["wavlm"].times_s

    def test_roberta(self, recognizer: Recognizer, analysis: Analysis, layer: int) -> None:
        branch = recognizer.encoders.roberta
        ids = branch.tokenizer(SENTENCE, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[branch.tokenizer.bos_token_id, *ids, branch.tokenizer.eos_token_id]])
        branch.model.set_attn_implementation("eager")
        expected = branch.model(ids, output_attentions=True).attentions[layer - 1]
        branch.model.set_attn_implementation("sdpa")
        found = seen(recognizer, analysis, "roberta", layer)
        np.testing.assert_allclose(found.weights, expected[0].mean(0), atol=1e-5)
        assert found.tokens == analysis.prediction.attention["roberta"].tokens

    def test_whisper(self, recognizer: Recognizer, analysis: Analysis, layer: int) -> None:
        """transformers reads 30 s only, so the clip is repeated to that length for both."""
        branch = recognizer.encoders.whisper
        whole = np.resize(sound(analysis).samples, 30 * 16_000)
        mels = branch.extractor(whole, sampling_rate=16_000, return_tensors="pt").input_features
        branch.encoder.set_attn_implementation("eager")
        expected = branch.encoder(mels, output_attentions=True).attentions[layer - 1]
        branch.encoder.set_attn_implementation("sdpa")
        long = recognizer.analyse(Waveform(np.ascontiguousarray(whole)), "")
        (first, *_) = long.prediction.windows
        times = tuple(0.02 * i for i in range(1500))
        view = replace(first.attention["whisper"], times_s=times, weights=(1 / 1500,) * 1500)
        one = replace(first, attention={**first.attention, "whisper": view})
        found = self_attention(
            recognizer.encoders,
            replace(long.recording, windows=(Window(0.0, 30.0, 20.0),)),
            replace(long.prediction, windows=(one,)),
            "whisper",
            layer,
        )
        np.testing.assert_allclose(found.weights, expected[0].mean(0), atol=1e-5)


class TestChoice:
    def test_the_last_layer_unless_one_is_chosen(
        self, recognizer: Recognizer, analysis: Analysis
    ) -> None:
        assert layer_counts(recognizer.encoders) == {"whisper": 2, "wavlm": 2, "roberta": 2}
        for encoder in ("whisper", "wavlm", "roberta"):
            last = seen(recognizer, analysis, encoder)
            assert (last.layer, last.layers) == (2, 2)
            np.testing.assert_array_equal(
                last.weights, seen(recognizer, analysis, encoder, 2).weights
            )
            assert not np.allclose(last.weights, seen(recognizer, analysis, encoder, 1).weights)
            assert last.weights.sum(axis=1) == pytest.approx(1, abs=1e-4)
            assert len(last.times_s) == len(last.weights)

    def test_looking_changes_no_answer(
        self, recognizer: Recognizer, analysis: Analysis, clip: Path
    ) -> None:
        for encoder in ("whisper", "wavlm", "roberta"):
            seen(recognizer, analysis, encoder)
        assert as_json(recognizer.predict(clip)) == as_json(analysis.prediction)

    def test_a_text_in_pieces_sees_itself_piece_by_piece(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        text = " ".join(f"kids{number}" for number in range(60))  # 66 positions fit the encoder
        long = recognizer.analyse(clip, text)
        found = seen(recognizer, long, "roberta")
        assert found.tokens is not None
        ends = [i for i, token in enumerate(found.tokens) if token == "</s>"]
        assert len(ends) > 1
        assert found.weights.sum(axis=1) == pytest.approx(1, abs=1e-4)
        assert not found.weights[: ends[0] + 1, ends[0] + 1 :].any()

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("hubert",), "no encoder 'hubert'"),
            (("wavlm", 3), "layers 1 to 2, not 3"),
            (("wavlm", 0), "layers 1 to 2, not 0"),
            (("wavlm", 1, 7), "no window 8"),
        ],
    )
    def test_what_is_not_there(
        self, recognizer: Recognizer, analysis: Analysis, arguments: tuple[Any], sentence: str
    ) -> None:
        with pytest.raises(SerError, match=sentence):
            seen(recognizer, analysis, *arguments)

    def test_an_encoder_that_read_nothing(self, recognizer: Recognizer, clip: Path) -> None:
        with pytest.raises(SerError, match="nothing to read"):
            seen(recognizer, recognizer.analyse(clip, ""), "roberta")

    def test_the_sound_is_the_window_s(self, recognizer: Recognizer, clip: Path) -> None:
        assert load_audio(clip).duration_s > sound(recognizer.analyse(clip)).duration_s


class TestRegionsOfABundle:
    def test_are_read_as_they_were_written(self) -> None:
        names = ("arousal", "valence", "dominance")
        values = np.random.default_rng(0).normal(4, 1, (20, 3)).tolist()
        regions = measure_regions([("sad", dict(zip(names, row, strict=True))) for row in values])
        assert from_metrics({"regions": to_metrics(regions)}) == regions
        assert from_metrics({"summary": "nothing of the kind"}) == ()

    @pytest.mark.parametrize(
        "entry",
        [
            {"sad": {"mean": [1, 2], "covariance": [[1] * 3] * 3, "count": 3}},
            {"glee": {"mean": [1, 2, 3], "covariance": [[1] * 3] * 3, "count": 3}},
            {"sad": {"mean": [1, 2, float("nan")], "covariance": [[1] * 3] * 3, "count": 3}},
            {"sad": {"mean": [1, 2, 3]}},
            [1, 2],
        ],
    )
    def test_of_another_form_are_refused(self, entry: Any) -> None:
        with pytest.raises(BundleError, match=r"metrics\.json must give"):
            from_metrics({"regions": entry})
