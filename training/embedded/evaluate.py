"""How good the written bundle is on speakers it never met: the figures of its metrics.json."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tqdm import tqdm

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import NoSpeechError, SerError
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.regions import measure_regions, to_metrics
from training.corpora import Clip
from training.embedded.store import speech_of
from training.metrics import (
    expected_calibration_error,
    interval_by_speaker,
    macro_f1,
    recalls,
    unweighted_average_recall,
)

HAPPY_WORDS: Final = "I am so happy, this is wonderful"
BAD_WORDS: Final = "I hate this, everything is terrible"
POSITIVE_AROUSAL: Final = ("happy", "angry", "fear", "disgust", "surprise")
NO_WORDS: Final = ""
TIMED_S: Final = 5.0


@dataclass(frozen=True)
class Answers:
    """What the bundle says of the clips of one corpus, the voice alone."""

    clips: list[Clip]
    predictions: list[Prediction | None]  # None: speech detection found nobody speaking

    def measures(self, classes: Sequence[str]) -> dict[str, Any]:
        """Figures with intervals by speaker. A refused clip counts as an error end to end."""
        truth = np.array([classes.index(clip.label) for clip in self.clips])
        probabilities = np.array(
            [
                [p.emotions[name] for name in classes] if p else [0.0] * len(classes)
                for p in self.predictions
            ]
        )
        heard = np.array([p is not None for p in self.predictions])
        guess = np.where(heard, probabilities.argmax(axis=1), -1)
        speakers = [clip.speaker for clip in self.clips]
        own = np.flatnonzero(heard)
        count = len(classes)

        def uar(rows: np.ndarray) -> float:
            return unweighted_average_recall(truth[rows], guess[rows], count)

        per_class = recalls(truth[own], guess[own], count)
        return {
            "clips": len(truth),
            "speakers": len(set(speakers)),
            "clips_without_detected_speech": int((~heard).sum()),
            "uar": uar(own),
            "uar_interval_95": interval_by_speaker(
                [speakers[i] for i in own], lambda r: uar(own[r])
            ),
            "uar_end_to_end": uar(np.arange(len(truth))),
            "accuracy": float((truth == guess)[own].mean()),
            "macro_f1": macro_f1(truth[own], guess[own], count),
            "expected_calibration_error": expected_calibration_error(
                probabilities[own], truth[own]
            ),
            "recall": {
                name: float(value)
                for name, value in zip(classes, per_class, strict=True)
                if not np.isnan(value)
            },
        }


def evaluate_held_out(bundle: Path, clips: Sequence[Clip]) -> dict[str, Any]:
    """All figures for the held-out clips of every corpus; deterministic but for the time."""
    recognizer = Recognizer.from_pretrained(bundle, device="cpu", transcriber=None)
    classes = recognizer.bundle.config.fusion.emotions
    figures: dict[str, Any] = {}
    for corpus in dict.fromkeys(clip.corpus for clip in clips):
        answers = ask(recognizer, [clip for clip in clips if clip.corpus == corpus])
        figures[corpus] = answers.measures(classes)
        if corpus == "ravdess":
            figures["arousal"] = arousal_by_intensity(answers)
    neutral = [c for c in clips if c.corpus == "ravdess" and c.label == "neutral"]
    figures["text"] = valence_by_words(recognizer, neutral)
    figures["seconds_for_5_s_of_speech"] = time_of(recognizer, clips)
    figures["machine"] = f"{platform.machine()}, one thread"
    figures["torch"] = torch.__version__
    return figures


def regions_of_emotions(bundle: Path, clips: Sequence[Clip]) -> dict[str, Any]:
    """Where the held-out clips of RAVDESS, the corpus with all classes, lie by their labels."""
    recognizer = Recognizer.from_pretrained(bundle, device="cpu", transcriber=None)
    answers = ask(recognizer, [clip for clip in clips if clip.corpus == "ravdess"])
    pairs = zip(answers.clips, answers.predictions, strict=True)
    return to_metrics(measure_regions((clip.label, p.attributes) for clip, p in pairs if p))


def regions_source(held_out: Mapping[str, Any]) -> str:
    """What the page says of the recordings behind the regions."""
    return f"recordings of {held_out['ravdess']['speakers']} actors of RAVDESS it had never heard"


def ask(recognizer: Recognizer, clips: Sequence[Clip], words: str | None = NO_WORDS) -> Answers:
    """Answers with the same words put under every clip; none by default."""
    asked = recognizer.predict_many([clip.path for clip in clips], [words] * len(clips))
    predictions: list[Prediction | None] = []
    for answer in tqdm(asked, total=len(clips), desc="held-out speakers", mininterval=10):
        if isinstance(answer, SerError) and not isinstance(answer, NoSpeechError):
            raise answer
        predictions.append(None if isinstance(answer, SerError) else answer)
    return Answers(list(clips), predictions)


def arousal_by_intensity(answers: Answers) -> dict[str, Any]:
    """Share of pairs in which the strongly acted clip has the higher arousal.

    A pair is one actor, emotion, sentence and take of RAVDESS in both intensities.
    """
    values: dict[tuple[str, ...], dict[bool, float]] = {}
    for clip, prediction in zip(answers.clips, answers.predictions, strict=True):
        if prediction is not None and clip.label != "neutral":
            parts = clip.path.stem.split("-")
            key = (clip.label, *parts[4:])
            values.setdefault(key, {})[clip.strong] = prediction.attributes["arousal"]
    pairs = [(key[0], pair) for key, pair in values.items() if len(pair) == 2]

    def share(names: Sequence[str]) -> float:
        return float(np.mean([pair[True] > pair[False] for name, pair in pairs if name in names]))

    return {
        "pairs": sum(name in POSITIVE_AROUSAL for name, _ in pairs),
        "strong_above_normal": share(POSITIVE_AROUSAL),
        "strong_above_normal_sad": share(["sad"]),
        "strong_above_normal_calm": share(["calm"]),
    }


def valence_by_words(recognizer: Recognizer, clips: Sequence[Clip]) -> dict[str, Any]:
    """How far the same neutral recordings move when the words under them change."""
    happy, bad = (
        [p for p in ask(recognizer, clips, words).predictions if p is not None]
        for words in (HAPPY_WORDS, BAD_WORDS)
    )
    moved = np.array(
        [h.attributes["valence"] - b.attributes["valence"] for h, b in zip(happy, bad, strict=True)]
    )
    return {
        "recordings": len(moved),
        "words": [HAPPY_WORDS, BAD_WORDS],
        "mean_valence_difference": float(moved.mean()),
        "share_apart_by_1": float((moved >= 1.0).mean()),
    }


def time_of(recognizer: Recognizer, clips: Sequence[Clip]) -> float:
    """Median seconds for an answer to 5 s of speech without the recogniser, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parts = [speech_of(clip.path, TIMED_S).samples for clip in clips[:8]]
        waveform = Waveform(np.concatenate(parts)[: int(TIMED_S * SAMPLE_RATE_HZ)])
        seconds = []
        for _ in range(9):
            start = time.perf_counter()
            recognizer.predict(waveform, NO_WORDS)
            seconds.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return float(np.median(seconds))
