"""From sound to bundle with the real feature cache: extract, fit, fine-tune, folds, serve."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from ser import Recognizer
from ser.audio import Waveform
from ser.bundle import Bundle
from ser.errors import SerError
from tests.training.cache_world import save_encoders
from training import extract, fit
from training.cache import FeatureCache
from training.config import Config
from training.manifest import SCHEMA, load, write_manifest
from training.predictions import Predictions

PITCH_HZ = {"angry": 1200.0, "sad": 150.0}
TEXT = "kids are talking by the door"


def save_tones(data: Path) -> pd.DataFrame:
    """Six speakers say two classes three times each: high loud tones, low faint ones."""
    random = np.random.default_rng(0)
    data.mkdir(parents=True)
    rows = []
    for number in range(36):
        speaker, emotion = number // 6, tuple(PITCH_HZ)[number % 2]
        time_s = np.arange(int(16_000 * random.uniform(0.3, 0.5))) / 16_000
        tone = np.sin(2 * np.pi * PITCH_HZ[emotion] * time_s)
        noisy = (0.4 if emotion == "angry" else 0.1) * tone + 0.02 * random.normal(size=len(tone))
        path = data / f"{number}.wav"
        soundfile.write(path, noisy, 16_000)
        arousal = 5.5 if emotion == "angry" else 2.0
        rows.append(
            {
                "id": f"tones/{number}", "path": path.name, "corpus": "tones",
                "split": ("train", "train", "train", "train", "dev", "test")[speaker],
                "speaker": f"tones/{speaker}", "language": "en",
                "transcript": TEXT if number % 3 else "", "emotion": emotion,
                "strong": False, "derived": False, "arousal": arousal + random.uniform(-0.5, 0.5),
                "valence": random.uniform(2, 6), "dominance": arousal,
                "duration_s": len(tone) / 16_000,
                "audio_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=SCHEMA.names)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with manifest, tiny encoders, features of two WavLM layers, and a YAML file."""
    folder = tmp_path_factory.mktemp("tones")
    frame = save_tones(folder / "data")
    stage = {"epochs": 6, "samples_per_epoch": 96, "batch_size": 8, "rate": 1e-2,
             "warmup_epochs": 1}  # fmt: skip
    values = {
        "data": str(folder / "data"), "work": str(folder / "runs"), "name": "tones",
        "encoders": {name: {"checkpoint": name} for name in ("whisper", "wavlm", "roberta")},
        "encoder_root": str(save_encoders(folder / "encoders")),
        "whisper_context": "real_frames", "transcriber": "pocketsphinx", "accelerator": "cpu",
        "workers": 0, "classes": ["angry", "sad"],
        "features": {"copies": 1, "layers": {"wavlm": [-1, -2]}},
        "fusion": {"attention_width": 4, "projection_width": 12, "lstm_width": 16},
        "fit": stage,
        "finetune": {"low": {**stage, "start": "fit/macro_f1", "epochs": 1, "rate": 1e-5,
                             "warmup_epochs": 0}},
    }  # fmt: skip
    path = folder / "tones.yaml"
    path.write_text(yaml.safe_dump(values))
    config = Config.read(path)
    write_manifest(frame, config.manifest)
    extract.run(config)
    fit.run(config)
    return path


def test_the_model_learns_from_extracted_features(tones: Path) -> None:
    config = Config.read(tones)
    done = json.loads((config.run / "fit/done.json").read_text())
    assert done["best"]["macro_f1"]["dev"]["macro_f1"] > 0.9
    assert done["best"]["ccc"]["dev"]["ccc_dominance"] > 0.5
    model = Bundle.load(config.run / "fit/macro_f1").model
    assert model.config.layers == {"whisper": 1, "wavlm": 2, "roberta": 1}


def test_the_recogniser_answers_as_the_predictions_say(tones: Path) -> None:
    config = Config.read(tones)
    bundle = Bundle.load(config.run / "fit/ccc")
    told = Predictions.read(config.run / "fit/ccc/predictions/test.parquet")
    recognizer = Recognizer.from_pretrained(config.run / "fit/ccc", transcriber=None)
    frame = load(config).set_index("id")
    for row, name in enumerate(told.frame["id"].head(4)):
        samples, _ = soundfile.read(config.data / frame.loc[name, "path"], dtype="float32")
        waveform = Waveform(samples)
        encoded = {
            "whisper": recognizer.encoders.whisper.encode([waveform]),
            "wavlm": recognizer.encoders.wavlm.encode([waveform]),
            "roberta": recognizer.encoders.roberta.encode([frame.loc[name, "transcript"]]),
        }
        output = bundle.model(encoded)
        scores = (output.emotion_logits[0] / bundle.config.temperature).softmax(dim=0)
        np.testing.assert_allclose(told.probabilities[row], scores, atol=5e-3)  # float16 frames
        np.testing.assert_allclose(told.attributes[row], output.attributes[0], atol=2e-2)


def test_fine_tuning_and_a_start_that_reads_other_layers(tones: Path) -> None:
    fit.run_finetune(Config.read(tones))
    assert (tones.parent / "runs/tones/finetune/low/macro_f1/config.json").is_file()
    start = str(tones.parent / "runs/tones/fit/ccc")
    other = Config.read(tones, ["features.layers={}", "name=other", f"fit.start={start}"])
    extract.run(other)
    with pytest.raises(SerError, match="reads the layers"):
        fit.run(other)


def test_folds_train_on_augmented_copies_of_every_speaker(tones: Path) -> None:
    quick = ["fit.epochs=1", "fit.warmup_epochs=0", "fit.samples_per_epoch=8", "name=folds"]
    config = Config.read(tones, [*quick, "folds={count: 3}"])
    extract.run(config)
    cache = FeatureCache.open(config, load(config))
    assert {cache.copies(row) for row in range(36)} == {2}
    fit.run(config)
    pooled = Predictions.read(config.run / "fit/macro_f1/predictions/test.parquet")
    assert sorted(pooled.frame["id"]) == sorted(f"tones/{number}" for number in range(36))
