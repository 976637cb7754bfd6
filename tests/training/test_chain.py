"""The whole method on a synthetic MSP-Podcast: from its folder to figures and submissions.

Encoders are tiny, random and frozen; what they hear and read is planted (see `msp_tree`), so that
the truth of the held-out speakers is known, and how much is lost without voice or words.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from ser.audio import Waveform, load_audio
from ser.fusion import EncoderOutput
from ser.labels import ATTRIBUTES
from ser.transcript import Transcript
from tests.conftest import REPOSITORY
from tests.training.cache_world import save_encoders
from tests.training.msp_tree import (
    CEILINGS,
    EMOTIONS,
    WITHOUT_AGREEMENT,
    Planted,
    write_tree,
)
from training import manifest, transcribe
from training.__main__ import main
from training.cache import FeatureCache
from training.config import Config
from training.fit import train_stages
from training.predictions import Predictions

TRAINING = {"samples_per_epoch": 448, "batch_size": 32, "clip_norm": 1.0}
TUNING = {**TRAINING, "epochs": 2, "rate": 5e-4, "warmup_epochs": 0}
SETTINGS = {
    "base": str(REPOSITORY / "training" / "configs" / "default.yaml"),
    "classes": list(EMOTIONS.values()),
    "encoders": {name: {"checkpoint": name} for name in ("whisper", "wavlm", "roberta")},
    "whisper_context": "real_frames",
    "accelerator": "cpu",
    "workers": 0,
    "features": {"copies": 0, "clips_per_shard": 128, "batch_size": 16},
    "fusion": {"attention_width": 16, "projection_width": 32, "lstm_width": 48, "lstm_layers": 1},
    "fit": {**TRAINING, "epochs": 14, "rate": 6e-3, "rate_end": 1e-5, "warmup_epochs": 1},
    "finetune": {
        "task1": {**TUNING, "start": "fit/macro_f1", "alpha": 0.0, "beta": 1.0},
        "sigma5": {
            **TUNING, "start": "fit/ccc", "alpha": 1.0, "beta": 0.0, "gaussian": {"sigma": 5.0},
        },
    },
    "ensemble": {
        "arousal": ["tuned:1", "fit/ccc", "baseline/{split}.csv"],
        "valence": ["tuned:1", "fit/ccc"],
        "dominance": ["tuned:1", "fit/ccc", "baseline/{split}.csv"],
        "emotions": ["fit/macro_f1", "finetune/task1/macro_f1"],
    },
}  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """Everything that the commands have written, and what was planted."""

    path: Path  # of the configuration
    config: Config
    planted: Sequence[Planted]

    def of(self, split: str) -> list[Planted]:
        return [clip for clip in self.planted if clip.split == split]

    def run(self, command: str) -> None:
        assert main([command, str(self.path)]) == 0, command


class Typist:
    """Writes down what was planted in a sound, in place of a large recogniser."""

    def __init__(self, words: dict[bytes, str]) -> None:
        self.words = words

    def write_down(self, waveforms: Sequence[Waveform]) -> list[Transcript]:
        return [
            Transcript(self.words[w.samples.tobytes()], (), "openai/whisper-large-v3", "en")
            for w in waveforms
        ]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The corpus and the manifest; the challenge's test set is written down."""
    folder = tmp_path_factory.mktemp("chain")
    planted = write_tree(folder / "data" / "MSP-Podcast")
    write_baseline(folder / "data" / "baseline", planted)
    encoders = save_encoders(folder / "encoders")
    places = {"data": str(folder / "data"), "work": str(folder / "work")}
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **places, "encoder_root": str(encoders)}))
    made = Chain(path, Config.read(path), planted)
    made.run("prepare")
    audios = folder / "data" / "MSP-Podcast" / "Audios"
    words = {load_audio(audios / c.file).samples.tobytes(): c.words for c in made.of("Test3")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcribe, "_writer", lambda *_: Typist(words))
        made.run("transcribe")
        yield made


@pytest.fixture(scope="module")
def features(chain: Chain) -> Chain:
    chain.run("extract")
    return chain


@pytest.fixture(scope="module")
def trained(features: Chain) -> Chain:
    for command in ("fit", "finetune", "ensemble", "evaluate", "submit"):
        features.run(command)
    return features


def write_baseline(folder: Path, planted: Sequence[Planted]) -> None:
    """Somebody else's predictions of the attributes: the truth and noise."""
    folder.mkdir()
    random = np.random.default_rng(3)
    splits = {"Development": "dev", "Test1": "test1", "Test2": "test2", "Test3": "test3"}
    for spelling, split in splits.items():
        clips = [clip for clip in planted if clip.split == spelling]
        noisy = truth(clips) + random.normal(0, 0.5, (len(clips), 3))
        table = pd.DataFrame(noisy.clip(1, 7), columns=["EmoAct", "EmoVal", "EmoDom"])
        table.insert(0, "FileName", [clip.file for clip in clips])
        table.to_csv(folder / f"{split}.csv", index=False)


def truth(clips: Sequence[Planted]) -> np.ndarray:
    """Arousal, valence, dominance [N, 3]."""
    return np.array([(clip.arousal, clip.valence, clip.dominance) for clip in clips])


def ccc(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Concordance of each column."""
    gap = (predicted.mean(axis=0) - true.mean(axis=0)) ** 2
    shared = ((predicted - predicted.mean(axis=0)) * (true - true.mean(axis=0))).mean(axis=0)
    return 2 * shared / (predicted.var(axis=0) + true.var(axis=0) + gap)


def macro_f1(predicted: Sequence[str], true: Sequence[str]) -> float:
    told, known = np.array(predicted), np.array(true)
    scores = []
    for name in sorted(set(true)):
        hits = ((told == name) & (known == name)).sum()
        scores.append(2 * hits / ((told == name).sum() + (known == name).sum()))
    return float(np.mean(scores))


def answers(folder: Path, clips: Sequence[Planted]) -> tuple[list[str], np.ndarray]:
    """Classes and attributes [N, 3] that a model told of these clips."""
    predictions = Predictions.read(folder)
    names = [f"msp/{Path(clip.file).stem}" for clip in clips]
    order = pd.Index(predictions.frame["id"]).get_indexer(names)
    assert sorted(order) == list(range(len(clips)))
    best = np.array(predictions.classes)[predictions.probabilities.argmax(axis=1)]
    return list(best[order]), predictions.attributes[order]


def own_speakers(split: str, frame: pd.DataFrame) -> set[str]:
    """Known speakers of a split."""
    speakers = frame.loc[frame["split"] == split, "speaker"]
    return set(speakers[~speakers.str.endswith("unknown")])


def test_the_manifest_holds_what_was_planted_and_names_the_rest(chain: Chain) -> None:
    frame = manifest.load(chain.config).set_index("id")
    expected = [clip for clip in chain.planted if clip.letter != "X"]
    assert len(frame) == len(expected)
    for clip in expected:
        row = frame.loc[f"msp/{Path(clip.file).stem}"]
        assert row["transcript"] == clip.words
        if clip.split != "Test3":
            assert row["emotion"] == clip.emotion
            assert row[list(ATTRIBUTES)].tolist() == pytest.approx(truth([clip])[0])
            assert row[f"votes_{clip.emotion}"] == 4
    assert frame.loc[frame["split"] == "test3", ["emotion", *ATTRIBUTES]].isna().all(axis=None)
    assert not own_speakers("train", frame) & own_speakers("test1", frame)
    left_out = pd.read_csv(chain.config.work / "left_out.csv")
    assert len(left_out) == WITHOUT_AGREEMENT + 2
    assert {"MSP-PODCAST_9999_0001.wav", "MSP-PODCAST_9999_0002.wav"} <= set(left_out["name"])


@pytest.mark.parametrize("model", ["fit/{}", "finetune/task1/{}", "finetune/sigma5/{}", "ensemble"])
def test_speakers_never_heard_are_understood(trained: Chain, model: str) -> None:
    clips = trained.of("Test1")
    figures = {}
    for measure in ("macro_f1", "ccc"):
        folder = trained.config.run / model.format(measure) / "predictions" / "test1.parquet"
        emotions, attributes = answers(folder, clips)
        figures[measure] = {
            "macro_f1": macro_f1(emotions, [clip.emotion for clip in clips]),
            "ccc": float(ccc(attributes, truth(clips)).mean()),
        }
    if "sigma5" not in model:  # fine-tuned for attributes alone
        assert figures["macro_f1"]["macro_f1"] >= 0.9
    if "task1" not in model:  # fine-tuned for classes alone
        assert figures["ccc"]["ccc"] >= 0.9


def test_the_report_tells_these_figures(trained: Chain) -> None:
    clips = trained.of("Test1")
    inside = trained.config.run / "ensemble" / "predictions" / "test1.parquet"
    emotions, attributes = answers(inside, clips)
    told = json.loads((trained.config.run / "evaluation" / "metrics.json").read_text())
    measures = told["ensemble"]["test1"]["measures"]
    expected = macro_f1(emotions, [clip.emotion for clip in clips])
    assert measures["macro_f1"]["value"] == pytest.approx(expected)
    concordance = ccc(attributes, truth(clips))
    assert measures["ccc"]["value"] == pytest.approx(concordance.mean())
    report = (trained.config.run / "report.md").read_text(encoding="utf-8")
    assert f"{expected:.3f}" in report
    assert f"{concordance.mean():.3f}" in report


def test_the_submission_is_whole_and_right(trained: Chain) -> None:
    clips = {clip.file: clip for clip in trained.of("Test3")}
    folder = trained.config.run / "submission"
    task1, task2 = (pd.read_csv(folder / f"task{n}.csv").set_index("FileName") for n in (1, 2))
    for table in (task1, task2):
        assert sorted(table.index) == sorted(clips)
    known = [clips[name].letter for name in task1.index]
    assert macro_f1(task1["EmoClass"].tolist(), known) >= 0.9
    rated = task2[["EmoAct", "EmoVal", "EmoDom"]].to_numpy()
    assert ccc(rated, truth([clips[name] for name in task2.index])).min() >= 0.9
    assert rated.min() >= 1
    assert rated.max() <= 7


class Without:
    """The feature cache with nothing in it of some encoders."""

    def __init__(self, cache: FeatureCache, absent: Sequence[str]) -> None:
        self.cache, self.absent = cache, absent
        self.widths, self.copies, self.lengths = cache.widths, cache.copies, cache.lengths

    def padded(self, encoder: str, rows: Sequence[int], copies: Sequence[int]) -> EncoderOutput:
        output = self.cache.padded(encoder, rows, copies)
        if encoder not in self.absent:
            return output
        return EncoderOutput(output.hidden, torch.zeros_like(output.mask), output.step_s)


@pytest.mark.parametrize(
    ("lost", "absent"), [("text", ("roberta",)), ("voice", ("whisper", "wavlm"))]
)
def test_as_much_is_lost_without_a_modality_as_was_planted(
    features: Chain, lost: str, absent: tuple[str, ...]
) -> None:
    """A model that never had the words, or the voice, comes near its ceiling and not above it."""
    config = features.config.model_copy(update={"name": f"without-{lost}"})
    train_stages(
        config,
        {"fit": config.fit},
        manifest.load(config),
        lambda frame: Without(FeatureCache.open(config, frame), absent),
    )
    ceiling, clips = CEILINGS[lost], features.of("Test1")
    known = [clip.emotion for clip in clips]
    emotions, _ = answers(config.run / "fit/macro_f1/predictions/test1.parquet", clips)
    accuracy = np.mean([told == true for told, true in zip(emotions, known, strict=True)])
    chance_error = 2.6 * (ceiling.accuracy * (1 - ceiling.accuracy) / len(clips)) ** 0.5
    assert accuracy == pytest.approx(ceiling.accuracy, abs=chance_error)
    assert macro_f1(emotions, known) <= ceiling.macro_f1 + chance_error
    _, attributes = answers(config.run / "fit/ccc/predictions/test1.parquet", clips)
    # Squared errors make a model cautious: dominance reaches 2/3, the ceiling is 0.71.
    np.testing.assert_allclose(ccc(attributes, truth(clips)), ceiling.ccc, atol=0.12)
