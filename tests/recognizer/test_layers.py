"""A bundle that reads several layers of its encoders serves what the fusion model learnt from."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ser.bundle import Bundle
from ser.encoders.base import pad_frames
from ser.fusion import FusionConfig, FusionModel
from ser.recognizer import Recognizer
from tests.recognizer.helpers import SENTENCE, counted
from tests.tiny import save_bundle

LAYERS = {"whisper": (-1,), "wavlm": (0, -1, 1), "roberta": (1, -1)}


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    folder = save_bundle(tmp_path_factory.mktemp("layered"))
    plain = Bundle.load(folder)
    counts = {name: len(indexes) for name, indexes in LAYERS.items()}
    fusion: FusionConfig = replace(plain.config.fusion, layers=counts)
    torch.manual_seed(6)
    model = FusionModel(fusion)
    with torch.no_grad():
        for name in ("wavlm", "roberta"):
            model.get_parameter(f"heads.{name}.mix.scores").normal_()
    Bundle(replace(plain.config, fusion=fusion, layers=LAYERS), model).save(folder)
    return Recognizer.from_pretrained(folder, device="cpu", transcriber=None)


def test_it_answers_as_the_fusion_model_on_features_of_these_layers(
    layered: Recognizer, clip: Path
) -> None:
    analysis = layered.analyse(clip, transcript=SENTENCE)
    (window,) = analysis.windows
    cut = analysis.waveform.slice(window.start_s, window.end_s)
    bank = layered.encoders
    whisper, wavlm, roberta = (
        bank.whisper.encode([cut]),
        bank.wavlm.encode([cut]),
        bank.roberta.encode([SENTENCE]),
    )
    assert wavlm.hidden.shape[2:] == (3, 24)
    cached = pad_frames([wavlm.hidden[0].half()], wavlm.step_s)  # as the feature cache keeps them
    with torch.inference_mode():
        truth = layered.model({"whisper": whisper, "wavlm": cached, "roberta": roberta})
    told = analysis.prediction
    torch.testing.assert_close(
        torch.tensor(list(told.emotions.values())),
        torch.softmax(truth.emotion_logits[0], dim=-1),
        atol=1e-3,
        rtol=0,
    )
    torch.testing.assert_close(
        torch.tensor(list(told.attributes.values())), truth.attributes[0], atol=1e-2, rtol=0
    )


def test_its_layers_come_out_of_one_run_of_each_encoder(layered: Recognizer, clip: Path) -> None:
    bank = layered.encoders
    with counted(bank.whisper.encoder.layers[0], bank.wavlm.model, bank.roberta.model) as runs:
        layered.predict(clip, SENTENCE)
    assert runs[:2] == [1, 1]
    assert runs[2] > 0
