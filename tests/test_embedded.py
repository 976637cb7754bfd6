"""The bundle in the repository: its size, its figures, its behaviour on real and made speech."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.bundle import EMBEDDED
from ser.errors import AudioError, NoSpeechError
from ser.recognizer import Recognizer
from ser.regions import from_metrics
from tests.conftest import REPOSITORY
from training.corpora import read_iesc, read_nemo, read_ravdess
from training.corpora.base import audio_files
from training.embedded.answers import ask
from training.embedded.config import EmbeddedConfig
from training.embedded.cross_validation import cross_validation
from training.embedded.evaluate import BAD_WORDS, HAPPY_WORDS, by_corpus, regions_of_emotions
from training.embedded.figures import arousal_by_intensity
from training.embedded.plans import SHIPPED, folds
from training.embedded.recipe import Recipe
from training.embedded.store import speech_of

EXAMPLES = sorted((REPOSITORY / "assets" / "examples").glob("*.flac"))


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.from_pretrained(device="cpu", transcriber=None)


@pytest.fixture(scope="module")
def held_out() -> dict[str, dict[str, float]]:
    return json.loads((EMBEDDED / "metrics.json").read_text())["held_out"]


def test_it_is_small_and_holds_no_pickle() -> None:
    files = [path for path in EMBEDDED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 25e6
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".txt"}


def test_the_card_tells_the_measured_figures(held_out: dict[str, dict[str, float]]) -> None:
    card = (EMBEDDED / "README.md").read_text(encoding="utf-8")
    for corpus in ("ravdess", "nemo", "iesc"):
        assert f"{held_out[corpus]['uar']:.3f}" in card
    for word in ("CC BY-NC-SA 4.0", "RAVDESS", "nEMO", "IESC", "GoEmotions", "EmoBank", "Acted"):
        assert word in card


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_gets_a_whole_answer(recognizer: Recognizer, path: Path) -> None:
    prediction = recognizer.predict(path, transcript="What a lovely surprise")
    assert sum(prediction.emotions.values()) == pytest.approx(1)
    assert all(1 <= value <= 7 for value in prediction.attributes.values())
    assert all(sum(view.weights) == pytest.approx(1) for view in prediction.attention.values())
    assert sum(prediction.contributions.values()) == pytest.approx(1)


def test_the_stored_figures_are_what_the_weights_give(
    recognizer: Recognizer, held_out: dict[str, dict[str, float]], data_dir: Path
) -> None:
    """All speakers kept from training asked again: the same figures, and better than chance."""
    clips = [
        *read_ravdess(data_dir / "ravdess").clips,
        *read_nemo(data_dir / "nemo").clips,
        *read_iesc(data_dir / "iesc").clips,
    ]
    answers = ask(recognizer, clips, folds(clips)[SHIPPED].tests)
    measured = by_corpus(answers, clips, recognizer.bundle.config.fusion.emotions)
    assert set(measured) == {"ravdess", "nemo", "iesc"}
    for corpus, figures in measured.items():
        for name in ("uar", "uar_end_to_end", "macro_f1", "expected_calibration_error"):
            assert figures[name] == pytest.approx(held_out[corpus][name], abs=0.01)
        assert figures["uar_interval_95"][0] > 1.5 / len(figures["recall"])
    arousal = arousal_by_intensity(answers, clips)["strong_above_normal"]
    assert arousal == pytest.approx(held_out["arousal"]["strong_above_normal"], abs=0.03)
    found = from_metrics({"regions": regions_of_emotions(answers, clips)})
    stored = from_metrics(recognizer.bundle.metrics)
    assert [region.emotion for region in stored] == [region.emotion for region in found]
    for own, kept in zip(found, stored, strict=True):
        assert own.mean == pytest.approx(kept.mean, abs=0.05)


def test_the_kept_answers_of_the_folds_give_the_stored_figures(
    recognizer: Recognizer, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were given under the settings of the recipe, and nothing is trained to read them."""
    monkeypatch.setattr(Recipe, "bundle", None)
    work = shutil.copytree(REPOSITORY / "training" / "embedded" / "folds", tmp_path / "work")
    file = REPOSITORY / "training" / "configs" / "embedded.yaml"
    recipe = Recipe.begun(EmbeddedConfig.read(file, [f"data={data_dir}", f"work={work}"]))
    measured = cross_validation(recipe, folds(recipe.clips))
    stored = recognizer.bundle.metrics["cv"]
    assert set(measured) == set(stored)
    assert recognizer.bundle.config.temperature == pytest.approx(measured["temperatures"][SHIPPED])
    for name in ("ravdess", "nemo", "iesc", "ravdess_to_nemo", "nemo_to_ravdess"):
        for figure in ("uar", "uar_interval_95", "expected_calibration_error"):
            assert measured[name][figure] == pytest.approx(stored[name][figure], abs=1e-3)
    for name, figures in stored["conditions"].items():
        lost = figures["ravdess"]["lost"]
        assert measured["conditions"][name]["ravdess"]["lost"] == pytest.approx(lost, abs=1e-3)
    arousal = stored["arousal"]["strong_above_normal"]
    assert measured["arousal"]["strong_above_normal"] == pytest.approx(arousal, abs=1e-3)


def test_words_move_the_answer_of_a_neutral_voice(recognizer: Recognizer, data_dir: Path) -> None:
    clips = read_ravdess(data_dir / "ravdess").clips
    neutral = [row for row in folds(clips)[SHIPPED].tests if clips[row].label == "neutral"]
    happy, bad = (
        ask(recognizer, clips, neutral[:8], words).attributes[:, 1]
        for words in (HAPPY_WORDS, BAD_WORDS)
    )
    assert (happy > bad)[~np.isnan(happy)].all()


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_short_and_long_speech_get_a_whole_answer(
    recognizer: Recognizer, data_dir: Path, seconds: float
) -> None:
    clips = [c for c in read_ravdess(data_dir / "ravdess").clips if c.speaker == "17"][:20]
    speech = np.concatenate([speech_of(clip.path, 8.0).samples for clip in clips])
    begin = int(0.3 * SAMPLE_RATE_HZ)  # within the first words
    part = Waveform(speech[begin : begin + int(seconds * SAMPLE_RATE_HZ)])
    prediction = recognizer.predict(part, transcript="")
    assert sum(prediction.emotions.values()) == pytest.approx(1)
    assert prediction.speech_s > 0.5 * seconds


def test_sounds_that_are_no_speech_get_no_emotion(recognizer: Recognizer, data_dir: Path) -> None:
    sounds = [path for path in audio_files(data_dir / "esc10") if path.name.startswith("5-")]
    answers = list(recognizer.predict_many(sounds, [""] * len(sounds)))
    refused = [isinstance(answer, NoSpeechError | AudioError) for answer in answers]
    assert np.mean(refused) > 0.9
