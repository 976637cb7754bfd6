"""A synthetic MSP-Podcast: every file of a release, with cues that no modality carries alone.

The pitch of a clip tells which pair of classes it belongs to, a word of its transcript which class
of the pair. The share of noise in the sound tells arousal, another word valence; dominance is the
mean of both. Pitch, noise and words are drawn independently, so what is left without the voice or
without the words can be computed: see `CEILINGS`.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ser.audio import SAMPLE_RATE_HZ

PAIRS: Final = (("A", "S"), ("H", "U"), ("F", "D"), ("C", "N"))  # by pitch; in a pair by word
PITCHES_HZ: Final = (110.0, 240.0, 530.0, 1170.0)
CLASS_WORDS: Final = ("mountain", "river")
LEVELS: Final = (1.5, 4.0, 6.5)  # of arousal and valence
VALENCE_WORDS: Final = ("bad", "so-so", "excellent")
FILLERS: Final = ("the", "that", "one more", "such a")
NAMES: Final = {"A": "Angry", "S": "Sad", "H": "Happy", "U": "Surprise", "F": "Fear",
                "D": "Disgust", "C": "Contempt", "N": "Neutral"}  # fmt: skip
EMOTIONS: Final = {letter: name.lower() for letter, name in NAMES.items()}
ANNOTATORS: Final = 5
CLIPS: Final = {"Train": 448, "Development": 64, "Test1": 128, "Test2": 32, "Test3": 64}
SPEAKERS: Final = {"Train": 16, "Development": 4, "Test1": 4, "Test2": 2, "Test3": 4}
WITHOUT_AGREEMENT: Final = 6  # rows of class X in Train
OTHER_RATES_HZ: Final = (24_000, 48_000)  # of every fortieth file


@dataclass(frozen=True)
class Ceiling:
    """The most that anybody can reach who lacks one modality, in expectation."""

    accuracy: float
    macro_f1: float
    ccc: tuple[float, float, float]  # arousal, valence, dominance


# Without words one of two classes of a known pair is guessed: right half of the time. F1 of two
# equally frequent classes guessed with chances p and 1 - p is p / (p + 1/2) and its mirror image,
# whose mean is largest at p = 1/2. Without the voice it is one class out of four.
# Dominance is (a + v) / 2 of independent a and v of equal variance: a prediction c * a has
# CCC = c / (c^2 + 1/2), at most 1 / sqrt(2).
CEILINGS: Final = {
    "text": Ceiling(0.5, 0.5, (1.0, 0.0, 0.5**0.5)),  # what is left without the words
    "voice": Ceiling(0.25, 0.25, (0.0, 1.0, 0.5**0.5)),
}


@dataclass(frozen=True)
class Planted:
    """One recording and the truth of it."""

    file: str
    split: str
    speaker: str
    letter: str  # X: no agreement
    pair: int
    arousal: float
    valence: float
    words: str

    @property
    def dominance(self) -> float:
        return (self.arousal + self.valence) / 2

    @property
    def emotion(self) -> str:
        """As the project calls the class."""
        return EMOTIONS[self.letter]


def write_tree(root: Path, seed: int = 0) -> list[Planted]:
    """Write the corpus below `root`; returns everything planted, test3 too.

    One labelled recording has no file, and one file has no label.
    """
    random = np.random.default_rng(seed)
    planted = list(_plant(random))
    audios, texts, labels = (root / name for name in ("Audios", "Transcripts", "Labels"))
    for folder in (audios, texts, labels):
        folder.mkdir(parents=True)
    for index, clip in enumerate(planted):
        rate = OTHER_RATES_HZ[index // 40 % 2] if index % 40 == 39 else SAMPLE_RATE_HZ
        _write_sound(audios / clip.file, clip, rate, random)
        if clip.split != "Test3":
            (texts / clip.file).with_suffix(".txt").write_text(f"{clip.words}\n", encoding="utf-8")
    labelled = [clip for clip in planted if clip.split != "Test3"]
    missing = Planted("MSP-PODCAST_9999_0001.wav", "Train", "1", "N", 3, 4.0, 4.0, "")
    silence = np.zeros(SAMPLE_RATE_HZ // 2)
    soundfile.write(audios / "MSP-PODCAST_9999_0002.wav", silence, SAMPLE_RATE_HZ)
    _write_labels(labels, [*labelled, missing], random)
    (root / "Partitions.txt").write_text(
        "".join(f"{clip.split}; {clip.file}\n" for clip in planted), encoding="utf-8"
    )
    (root / "Speaker_ids.txt").write_text(
        "".join(f"{clip.file}; {clip.speaker}\n" for clip in labelled), encoding="utf-8"
    )
    return planted


def _plant(random: np.random.Generator) -> Iterator[Planted]:
    first_speaker = 1
    for number, (split, count) in enumerate(CLIPS.items()):
        speakers = range(first_speaker, first_speaker + SPEAKERS[split])
        first_speaker += len(speakers)
        for index in range(count):
            pair, member = index % 4, index // 4 % 2
            level, word = random.integers(len(LEVELS)), random.integers(len(LEVELS))
            before = random.choice(FILLERS)
            agreed = split != "Train" or index >= WITHOUT_AGREEMENT
            unknown = split == "Train" and index % 10 == 9
            yield Planted(
                file=f"MSP-PODCAST_test3_{index + 1:04}.wav"
                if split == "Test3"
                else f"MSP-PODCAST_{number:04}_{index:04}.wav",
                split=split,
                speaker="Unknown" if unknown else str(speakers[index % len(speakers)]),
                letter=PAIRS[pair][member] if agreed else "X",
                pair=pair,
                arousal=LEVELS[level],
                valence=LEVELS[word],
                words=f"{before} {CLASS_WORDS[member]}" + f", {VALENCE_WORDS[word]}" * 2,
            )


def _write_sound(path: Path, clip: Planted, rate: int, random: np.random.Generator) -> None:
    """0.5 to 0.8 s of a tone with overtones, a little different for each clip, and noise."""
    times = np.arange(int(random.uniform(0.5, 0.8) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = PITCHES_HZ[clip.pair] * random.uniform(0.94, 1.06)
    phases = random.uniform(0, 2 * np.pi, 4)
    tone = sum(
        np.sin(2 * np.pi * pitch * (k + 1) * times + phase) / (k + 1)
        for k, phase in enumerate(phases)
    )
    noise_db = 6.0 * (clip.arousal - 4.0) - 12.0 + random.normal(0, 0.5)
    noise = random.standard_normal(len(times)) * 10 ** (noise_db / 20)
    samples = (tone / np.std(tone) + noise) * 0.05
    if rate != SAMPLE_RATE_HZ:
        samples = resample_poly(samples, rate, SAMPLE_RATE_HZ)
    soundfile.write(path, samples, rate)


def _write_labels(folder: Path, clips: Sequence[Planted], random: np.random.Generator) -> None:
    """Consensus and annotators' answers, the latter as CSV and as JSON."""
    with (folder / "labels_consensus.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("FileName", "EmoClass", "EmoVal", "EmoAct", "EmoDom", "Gender", "SpkrID", "Split_Set")
        )
        for clip in clips:
            rated = (f"{v:.4f}" for v in (clip.valence, clip.arousal, clip.dominance))
            writer.writerow((clip.file, clip.letter, *rated, "Female", clip.speaker, clip.split))
    answers = {clip.file: _answers(clip, random) for clip in clips}
    (folder / "labels_detailed.json").write_text(json.dumps(answers), encoding="utf-8")
    with (folder / "labels_detailed.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("FileName", "EmoDetail"))
        for name, workers in answers.items():
            for worker, said in workers.items():
                ratings = "; ".join(
                    f"{letter}:{said[column]:.6f}"
                    for letter, column in (("A", "EmoAct"), ("V", "EmoVal"), ("D", "EmoDom"))
                )
                second = said["EmoClass_Second"]
                writer.writerow((name, f"{worker}; {said['EmoClass_Major']}; {second}; {ratings};"))


def _answers(clip: Planted, random: np.random.Generator) -> dict[str, dict[str, str | float]]:
    """Four of five agree on the class, the fifth says the other of the pair; nobody agrees on X."""
    pair = PAIRS[clip.pair]
    if clip.letter == "X":
        primary = [NAMES[pair[k % 2]] for k in range(ANNOTATORS - 1)] + ["Other-bored"]
    else:
        other = pair[1 - pair.index(clip.letter)]
        primary = [NAMES[clip.letter]] * (ANNOTATORS - 1) + [NAMES[other]]
    return {
        f"WORKER{random.integers(10**7) * 10 + k:08}": {
            "EmoClass_Major": said,
            "EmoClass_Second": "",
            "EmoAct": clip.arousal,
            "EmoVal": clip.valence,
            "EmoDom": clip.dominance,
        }
        for k, said in enumerate(primary)
    }
