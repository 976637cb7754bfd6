"""Whisper against transformers' own speech-recognition pipeline, on a tiny Whisper made here."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration, pipeline

from ser.audio import Waveform
from ser.errors import HubError, TranscriptionError
from ser.transcript import Transcript, Word
from ser.transcription import WhisperTranscriber
from ser.transcription.tokens import without_loops
from ser.words import in_order
from tests.tiny_whisper import TEXTS, Lesson, sound, teach, tiny_whisper

NOISE = Waveform(np.random.default_rng(0).normal(0, 1e-3, 48_000).astype(np.float32))
ENGLISH = Lesson(sound(150), "en", TEXTS[0])
LESSONS = (
    ENGLISH,
    Lesson(sound(400), "pl", TEXTS[1]),
    Lesson(sound(1000), "en", TEXTS[2]),
    Lesson(sound(3000), "zh", TEXTS[3]),
    Lesson(NOISE, "en", "", noise=True),
)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return teach(tiny_whisper(tmp_path_factory.mktemp("whisper") / "taught"), LESSONS)


@pytest.fixture(scope="module")
def whisper(taught: Path) -> WhisperTranscriber:
    return WhisperTranscriber.from_pretrained(str(taught))


@pytest.fixture
def encoder_runs(whisper: WhisperTranscriber) -> Iterator[list[int]]:
    runs: list[int] = []
    hook = whisper.model.model.encoder.register_forward_hook(lambda *_: runs.append(1))
    yield runs
    hook.remove()


def from_pipeline(whisper: WhisperTranscriber, waveform: Waveform, **options: str) -> Transcript:
    """What transformers' pipeline says, its words put in order as ours are."""
    recognise = pipeline(
        "automatic-speech-recognition",
        model=whisper.model,
        tokenizer=whisper.processor.tokenizer,
        feature_extractor=whisper.processor.feature_extractor,
    )
    answer: Any = recognise(
        waveform.samples.copy(),
        return_timestamps="word",
        generate_kwargs={"num_beams": 1, **options},
    )
    words = [Word(chunk["text"].strip(), *chunk["timestamp"]) for chunk in answer["chunks"]]
    return Transcript(
        answer["text"].strip(), in_order(words, 0.0, waveform.duration_s), whisper.name
    )


@pytest.mark.parametrize("lesson", LESSONS[:2], ids=lambda lesson: lesson.language)
def test_text_and_times_are_those_of_transformers_pipeline(
    whisper: WhisperTranscriber, lesson: Lesson
) -> None:
    transcript = whisper.transcribe(lesson.waveform)
    expected = from_pipeline(whisper, lesson.waveform, task="transcribe")
    assert transcript.text == expected.text == lesson.text.strip()
    assert transcript.words == expected.words


@pytest.mark.parametrize("lesson", LESSONS[:4], ids=lambda lesson: lesson.text)
def test_text_and_language_are_those_that_were_taught(
    whisper: WhisperTranscriber, lesson: Lesson
) -> None:
    transcript = whisper.transcribe(lesson.waveform)
    assert transcript.text == lesson.text.strip()
    assert transcript.language == lesson.language
    assert transcript.source == whisper.name


def test_words_are_said_when_they_were_taught_to_be(whisper: WhisperTranscriber) -> None:
    words = whisper.transcribe(LESSONS[1].waveform).words  # taught: tokens evenly until 2.5 s
    assert all(first.end_s <= second.start_s for first, second in pairwise(words))
    assert words[0].start_s == 0.0
    assert words[1].start_s == pytest.approx(0.6, abs=0.3)
    assert words[-1].start_s == pytest.approx(1.7, abs=0.7)


def test_punctuation_apart_joins_its_word_and_unspaced_scripts_give_characters(
    whisper: WhisperTranscriber,
) -> None:
    words = [word.text for word in whisper.transcribe(LESSONS[2].waveform).words]
    assert words == ["Don't", "stop:", "twenty", "dogs -", "sit", "here?"]
    words = [word.text for word in whisper.transcribe(LESSONS[3].waveform).words]
    assert words == ["孩", "子", "们", "在", "门", "口", "说", "话。"]


def test_the_encoder_runs_once_alone_and_not_at_all_with_its_frames_given(
    whisper: WhisperTranscriber, encoder_runs: list[int]
) -> None:
    alone = whisper.transcribe(ENGLISH.waveform)
    assert len(encoder_runs) == 1
    features = whisper.processor.feature_extractor(
        ENGLISH.waveform.samples, sampling_rate=16_000, return_tensors="pt"
    ).input_features
    with torch.inference_mode():
        hidden = whisper.model.model.encoder(features).last_hidden_state
    encoder_runs.clear()
    assert whisper.transcribe(ENGLISH.waveform, hidden) == alone
    assert whisper.transcribe(NOISE, hidden).text == alone.text  # it is the frames that are read
    assert encoder_runs == []


def test_the_same_window_gives_the_same_transcript_in_any_order_and_thread(
    whisper: WhisperTranscriber,
) -> None:
    waveforms = [lesson.waveform for lesson in LESSONS]
    first = [whisper.transcribe(waveform) for waveform in waveforms]
    assert [whisper.transcribe(waveform) for waveform in waveforms[::-1]] == first[::-1]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(whisper.transcribe, waveforms)) == first


def test_the_encoder_stays_what_transformers_loads(taught: Path) -> None:
    untouched = WhisperForConditionalGeneration.from_pretrained(taught).eval()
    whisper = WhisperTranscriber.from_pretrained(str(taught))
    whisper.transcribe(ENGLISH.waveform)
    mel = torch.randn(1, 16, 3000)
    with torch.no_grad():
        expected = untouched.model.encoder(mel).last_hidden_state
        assert torch.equal(whisper.model.model.encoder(mel).last_hidden_state, expected)


def test_near_silence_gives_no_words(whisper: WhisperTranscriber) -> None:
    assert from_pipeline(whisper, NOISE, task="transcribe").text  # the decoder makes up some
    transcript = whisper.transcribe(NOISE)
    assert (transcript.text, transcript.words) == ("", ())


def test_no_marks_reach_the_text(whisper: WhisperTranscriber) -> None:
    for lesson in LESSONS:
        assert "<|" not in whisper.transcribe(lesson.waveform).text


@pytest.mark.parametrize("seconds", [0.3, 1.0, 7.3, 30.0])
def test_an_endless_decoder_is_stopped_and_its_words_stay_in_the_window(
    tmp_path: Path, seconds: float
) -> None:
    random = WhisperTranscriber.from_pretrained(str(tiny_whisper(tmp_path / "random", seed=3)))
    transcript = random.transcribe(sound(300, seconds))
    assert all(word.end_s > word.start_s for word in transcript.words)
    assert all(word.start_s >= 0 and word.end_s <= seconds for word in transcript.words)
    assert all(a.end_s <= b.start_s for a, b in pairwise(transcript.words))


def test_more_than_whisper_reads_at_once_is_refused_not_cut(whisper: WhisperTranscriber) -> None:
    with pytest.raises(ValueError, match="30 s at once"):
        whisper.transcribe(sound(300, 30.1))


def test_frames_of_another_encoder_are_refused(whisper: WhisperTranscriber) -> None:
    with pytest.raises(ValueError, match="encoder_hidden"):
        whisper.transcribe(ENGLISH.waveform, torch.zeros(1, 1500, 17))


def test_bfloat16_says_the_same(taught: Path) -> None:
    half = WhisperTranscriber.from_pretrained(str(taught), dtype=torch.bfloat16)
    transcript = half.transcribe(ENGLISH.waveform)
    assert (transcript.text, transcript.language) == (ENGLISH.text.strip(), "en")


def test_an_english_only_checkpoint_needs_no_language(tmp_path: Path) -> None:
    lesson = Lesson(sound(150), None, TEXTS[0])
    folder = teach(tiny_whisper(tmp_path / "tiny.en", multilingual=False), [lesson], steps=60)
    whisper = WhisperTranscriber.from_pretrained(str(folder))
    transcript = whisper.transcribe(lesson.waveform)
    expected = from_pipeline(whisper, lesson.waveform)
    assert transcript.text == expected.text == lesson.text.strip()
    assert transcript.words == expected.words
    assert transcript.language == "en"


def test_a_checkpoint_that_names_no_alignment_heads_still_gives_times(
    taught: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(taught, folder)
    config = folder / "generation_config.json"
    config.write_text(config.read_text().replace("alignment_heads", "something_else"))
    transcript = WhisperTranscriber.from_pretrained(str(folder)).transcribe(ENGLISH.waveform)
    assert len(transcript.words) == 6


def test_a_missing_weight_is_an_error_and_never_random(taught: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(taught, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["model.decoder.layers.0.fc1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TranscriptionError, match=r"fc1\.weight"):
        WhisperTranscriber.from_pretrained(str(folder))


@pytest.mark.parametrize(
    "missing", ["model.safetensors", "config.json", "tokenizer.json", "generation_config.json"]
)
def test_an_incomplete_checkpoint_is_an_error(taught: Path, tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(taught, folder)
    (folder / missing).unlink()
    with pytest.raises((TranscriptionError, HubError)) as caught:
        WhisperTranscriber.from_pretrained(str(folder))
    assert str(folder) in str(caught.value)


def test_a_loop_is_cut_to_three_rounds() -> None:
    words = [Word(" Well", 0.0, 0.5)]
    words += [
        Word(text, 0.5 + step, 1.0 + step) for step in range(20) for text in (" thank", " you.")
    ]
    words += [Word(" Bye.", 25.0, 26.0)]
    text = "".join(word.text for word in without_loops(words))
    assert text == " Well thank you. thank you. thank you. Bye."


def test_ordinary_repeats_are_kept() -> None:
    words = [Word(text, 0.0, 1.0) for text in (" no", " no", " no", " I", " said", " no", " no")]
    assert without_loops(words) == words
