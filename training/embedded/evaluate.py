"""How good the embedded bundle is on speakers it never met: the two parts of its metrics.json."""

import platform
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.fusion import EncoderOutput, FusionOutput
from ser.labels import ATTRIBUTES
from ser.recognizer import Recognizer
from ser.regions import measure_regions, to_metrics
from training.corpora import Clip, Line
from training.embedded.answers import NO_WORDS, Answers, ask
from training.embedded.conditions import changed, conditions
from training.embedded.figures import (
    arousal_by_intensity,
    lost_without,
    quality,
    uar_lost,
    with_interval,
)
from training.embedded.store import speech_of
from training.embedded.text_encoder import spoken
from training.metrics import macro_f1

HAPPY_WORDS: Final = "I am so happy, this is wonderful"
BAD_WORDS: Final = "I hate this, everything is terrible"
TIMED_S: Final = 5.0
TEXT_BATCH: Final = 64
WORDS_SEED: Final = 7


def held_out_figures(
    recognizer: Recognizer,
    answers: Answers,
    clips: Sequence[Clip],
    lines: Sequence[Line],
    esc10: Path,
) -> dict[str, Any]:
    """All figures of the shipped weights; `answers` are theirs for the clips kept from training."""
    classes = recognizer.bundle.config.fusion.emotions
    figures: dict[str, Any] = by_corpus(answers, clips, classes)
    figures["arousal"] = arousal_by_intensity(answers, clips)
    acted = of_corpus(answers, clips, "ravdess")
    figures["conditions"] = under_conditions(recognizer, answers, clips, esc10)
    figures["without"] = {"voice": lost_without(acted, clips, classes)}
    figures["without"]["voice_and_words"] = lost_without(
        ask(recognizer, clips, acted.rows.tolist(), fitting_words(acted, clips, lines)),
        clips,
        classes,
    )
    neutral = [int(row) for row in acted.rows if clips[row].label == "neutral"]
    figures["text_moves"] = valence_by_words(recognizer, clips, neutral)
    figures["text"] = text_alone(recognizer, lines)
    figures["seconds_for_5_s_of_speech"] = time_of(recognizer, [clips[r] for r in acted.rows])
    return figures


def machine() -> dict[str, str]:
    """Where the figures were measured."""
    return {"machine": f"{platform.machine()}, one thread", "torch": torch.__version__}


def of_corpus(answers: Answers, clips: Sequence[Clip], corpus: str) -> Answers:
    """The answers for one corpus."""
    return answers.among(np.array([clips[row].corpus == corpus for row in answers.rows]))


def by_corpus(answers: Answers, clips: Sequence[Clip], classes: Sequence[str]) -> dict[str, Any]:
    """Quality for each corpus among the answers, the voice alone."""
    corpora = dict.fromkeys(clips[row].corpus for row in answers.rows)
    return {name: quality(of_corpus(answers, clips, name), clips, classes) for name in corpora}


def regions_of_emotions(answers: Answers, clips: Sequence[Clip]) -> dict[str, Any]:
    """Where the clips of RAVDESS, the corpus with all classes, lie by their labels."""
    own = of_corpus(answers.among(answers.heard), clips, "ravdess")
    points = (
        (clips[row].label, dict(zip(ATTRIBUTES, values, strict=True)))
        for row, values in zip(own.rows, own.attributes.tolist(), strict=True)
    )
    return to_metrics(measure_regions(points))


def under_conditions(
    recognizer: Recognizer, answers: Answers, clips: Sequence[Clip], esc10: Path
) -> dict[str, Any]:
    """UAR lost in noise, rooms, at other levels and through narrow channels, by corpus."""
    classes, rows = recognizer.bundle.config.fusion.emotions, answers.rows.tolist()
    figures: dict[str, Any] = {}
    for name, condition in conditions(esc10).items():
        after = ask(recognizer, clips, rows, sound=partial(changed, condition=condition))
        figures[name] = {
            corpus: uar_lost(
                of_corpus(answers, clips, corpus), of_corpus(after, clips, corpus), clips, classes
            )
            for corpus in dict.fromkeys(clips[row].corpus for row in rows)
        }
    return figures


def fitting_words(answers: Answers, clips: Sequence[Clip], lines: Sequence[Line]) -> list[str]:
    """A GoEmotions test line of each clip's own class; neutral ones for calm."""
    random = np.random.default_rng(WORDS_SEED)
    texts: dict[str, list[str]] = {}
    for line in lines:
        if line.split == "test" and len(line.emotions) == 1:
            texts.setdefault(line.emotions[0], []).append(spoken(line.text))
    labels = [clips[row].label for row in answers.rows]
    return [str(random.choice(texts["neutral" if x == "calm" else x])) for x in labels]


def valence_by_words(
    recognizer: Recognizer, clips: Sequence[Clip], rows: Sequence[int]
) -> dict[str, Any]:
    """How far the same neutral recordings move when the words under them change."""
    valence = ATTRIBUTES.index("valence")
    happy, bad = (
        ask(recognizer, clips, rows, words).attributes[:, valence]
        for words in (HAPPY_WORDS, BAD_WORDS)
    )
    moved = (happy - bad)[~np.isnan(happy)]
    speakers = [
        clips[row].speaker for row, value in zip(rows, happy, strict=True) if not np.isnan(value)
    ]
    return {
        "recordings": len(moved),
        "words": [HAPPY_WORDS, BAD_WORDS],
        **with_interval("mean_valence_difference", lambda r: float(moved[r].mean()), speakers),
        **with_interval("share_apart_by_1", lambda r: float((moved[r] >= 1).mean()), speakers),
    }


def text_alone(recognizer: Recognizer, lines: Sequence[Line]) -> dict[str, Any]:
    """The bundle's answers to words without a voice, on the test lines of both text corpora.

    Lines have no speakers: the intervals draw lines.
    """
    classes = recognizer.bundle.config.fusion.emotions
    groups = [name for name in classes if name != "calm"]
    single = [x for x in lines if x.split == "test" and len(x.emotions) == 1]
    rated = [x for x in lines if x.split == "test" and x.attributes is not None]
    places = [classes.index(name) for name in groups]
    guess = _read(recognizer, single).emotion_logits[:, places].argmax(dim=1).numpy()
    truth = np.array([groups.index(x.emotions[0]) for x in single])
    told = _read(recognizer, rated).attributes.numpy()
    true = np.array([x.attributes for x in rated])
    each = [str(number) for number in range(len(lines))]
    pearson = {
        name: with_interval(
            "pearson_r",
            lambda r, k=k: float(np.corrcoef(told[r, k], true[r, k])[0, 1]),  # type: ignore[misc]
            each[: len(rated)],
        )
        for k, name in enumerate(ATTRIBUTES)
    }
    return {
        "goemotions": {
            "lines": len(single),
            **with_interval(
                "macro_f1",
                lambda r: macro_f1(truth[r], guess[r], len(groups)),
                each[: len(single)],
            ),
        },
        "emobank": {"lines": len(rated), **pearson},
    }


@torch.no_grad()
def _read(recognizer: Recognizer, lines: Sequence[Line]) -> FusionOutput:
    """The fusion model's output for words alone, all lines in one."""
    outputs = []
    for start in range(0, len(lines), TEXT_BATCH):
        texts = [spoken(line.text) for line in lines[start : start + TEXT_BATCH]]
        silent = {
            name: EncoderOutput(
                torch.zeros(len(texts), 1, recognizer.encoders.widths[name]),
                torch.zeros(len(texts), 1, dtype=torch.bool),
                None,
            )
            for name in ("whisper", "wavlm")
        }
        read = recognizer.encoders.roberta.encode(texts)
        outputs.append(recognizer.model({**silent, "roberta": read}))
    return FusionOutput(
        torch.cat([output.emotion_logits for output in outputs]),
        torch.cat([output.attributes for output in outputs]),
        {},
    )


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
