"""A Whisper of a few thousand weights with a multilingual tokenizer, made and saved by the tests.

Random weights say nothing, so `teach` overfits the decoder: it then says given sentences, with
language, timestamps and an end, for given sounds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AddedToken,
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ser.audio import SAMPLE_RATE_HZ, Waveform

TEXTS = (
    " Kids are talking by the door.",
    ' Dzieci rozmawiają, że drzwi są "otwarte"!',
    " Don't stop: twenty dogs - sit here?",
    " 孩子们在门口说话。",
)
LANGUAGES = ("en", "zh", "pl", "jw")
UNTAUGHT = -100
ALIGNMENT_HEADS = ([0, 1], [1, 0])
TIMESTAMPS = 201  # up to 4 s; a real Whisper has 1501
MARKS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)


def _make_frames_telling(encoder: WhisperEncoder) -> None:
    """Half of a frame's channels tell the sound and half its time, so that both can be taught."""
    half = encoder.config.d_model // 2
    encoder.conv1.weight.data *= 20
    encoder.conv2.weight.data *= 20
    encoder.conv2.weight.data[half:] = 0
    time_s = torch.arange(encoder.config.max_source_positions).unsqueeze(1) * 0.02
    places = torch.sin(time_s * torch.linspace(0.5, 6, half) + torch.arange(half))
    encoder.embed_positions.weight.data = torch.cat([torch.zeros_like(places), places], dim=1)


@dataclass(frozen=True)
class Lesson:
    """What the tiny Whisper shall say for a sound."""

    waveform: Waveform
    language: str | None  # None for an English-only model
    text: str
    end_s: float = 2.5
    noise: bool = False  # no speech: any text is as likely as any other


def sound(pitch_hz: float, seconds: float = 3.0) -> Waveform:
    """A hum whose pitch and pauses the tiny encoder can tell from another's."""
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hum = np.sin(2 * np.pi * pitch_hz * time_s) * (np.sin(2 * np.pi * 1.3 * time_s) > -0.5)
    return Waveform((0.3 * hum).astype(np.float32))


def tiny_whisper(folder: Path, multilingual: bool = True, seed: int = 0) -> Path:
    """Save a random Whisper with tokenizer, features and generation config."""
    processor = WhisperProcessor(WhisperFeatureExtractor(feature_size=16), _tokenizer(multilingual))
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(_config(processor.tokenizer)).eval()
    _make_frames_telling(model.model.encoder)
    model.generation_config = _generation_config(processor.tokenizer, multilingual)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def teach(folder: Path, lessons: Sequence[Lesson], steps: int = 250) -> Path:
    """Overfit the decoder of a saved tiny Whisper to `lessons` (4 s for five)."""
    processor = WhisperProcessor.from_pretrained(folder)
    model = WhisperForConditionalGeneration.from_pretrained(folder, attn_implementation="eager")
    torch.manual_seed(0)
    features = processor.feature_extractor(
        [lesson.waveform.samples for lesson in lessons], sampling_rate=16_000, return_tensors="pt"
    ).input_features
    with torch.no_grad():
        hidden = model.model.encoder(features).last_hidden_state
    optimizer = torch.optim.Adam(model.model.decoder.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        rows = [
            row
            for number, lesson in enumerate(lessons)
            for row in _rows(number, lesson, processor.tokenizer)
        ]
        said = pad_sequence([tokens for _, tokens, _ in rows], batch_first=True)
        wanted = pad_sequence([labels for _, _, labels in rows], True, padding_value=UNTAUGHT)
        output = model(
            # A tenth of the frames, others at every step: teaching takes seconds, not a minute.
            encoder_outputs=(hidden[[number for number, _, _ in rows], step % 10 :: 10],),
            decoder_input_ids=said[:, :-1],
            output_attentions=True,
        )
        loss = cross_entropy(
            output.logits.transpose(1, 2), wanted[:, 1:], ignore_index=UNTAUGHT
        ) + 0.3 * _misplacement(output.cross_attentions, rows, lessons)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.save_pretrained(folder)
    return folder


def _misplacement(
    attentions: Sequence[Tensor],
    rows: Sequence[tuple[int, Tensor, Tensor]],
    lessons: Sequence[Lesson],
) -> Tensor:
    """How far the alignment heads are from tokens said one after the other until `end_s`."""
    losses = []
    for row, (number, tokens, _) in enumerate(rows):
        steps = torch.arange(len(tokens) - 1)
        frames = steps * (lessons[number].end_s / 0.2 / len(tokens))
        for layer, head in ALIGNMENT_HEADS:
            losses.append(
                -attentions[layer][row, head, steps, frames.long()].add(1e-6).log().mean()
            )
    return torch.stack(losses).mean()


def _rows(
    number: int, lesson: Lesson, tokenizer: WhisperTokenizer
) -> list[tuple[int, Tensor, Tensor]]:
    """Token rows for a lesson: its number, what the decoder reads, what it shall say."""
    opening = ["<|startoftranscript|>"]
    if lesson.language:
        opening += [f"<|{lesson.language}|>", "<|transcribe|>"]
    text = tokenizer(lesson.text, add_special_tokens=False).input_ids
    if lesson.noise:  # other text at every step: the decoder learns to be unsure
        letters = _ids(tokenizer, *"abcdefghijklmnopqrstuvwxyz")
        text = [letters[index] for index in torch.randint(0, 26, (12,)).tolist()]
    end = [f"<|{lesson.end_s:.2f}|>", "<|endoftext|>"]
    tokens = torch.tensor(
        [*_ids(tokenizer, *opening, "<|0.00|>"), *text, *_ids(tokenizer, *end)][:128]
    )
    labels = tokens.clone()
    if not lesson.noise:
        return [(number, tokens, labels)]
    labels[1 : len(opening)] = UNTAUGHT
    silence = torch.tensor(_ids(tokenizer, "<|startoftranscript|>", "<|nospeech|>"))
    return [(number, tokens, labels), (number, silence, silence)]


def _ids(tokenizer: WhisperTokenizer, *marks: str) -> list[int]:
    return [tokenizer.get_vocab()[mark] for mark in marks]


def _tokenizer(multilingual: bool) -> WhisperTokenizer:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TEXTS, trainer)
    bpe = json.loads(raw.to_str())["model"]
    tokenizer = WhisperTokenizer(
        vocab=bpe["vocab"], merges=[tuple(merge) for merge in bpe["merges"]]
    )
    marks = [mark for mark in MARKS if multilingual or mark.strip("<|>") not in LANGUAGES]
    tokenizer.add_special_tokens({"additional_special_tokens": marks[1:]})
    tokenizer.add_tokens(
        [AddedToken(f"<|{step * 0.02:.2f}|>", special=False) for step in range(TIMESTAMPS)]
    )
    return tokenizer


def _config(tokenizer: WhisperTokenizer) -> WhisperConfig:
    end, start = _ids(tokenizer, "<|endoftext|>", "<|startoftranscript|>")
    return WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=16,
        d_model=64,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=2,
        decoder_attention_heads=2,
        decoder_ffn_dim=64,
        max_target_positions=128,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )


def _generation_config(tokenizer: WhisperTokenizer, multilingual: bool) -> GenerationConfig:
    marks: dict[str, object] = {
        "is_multilingual": multilingual,
        "no_timestamps_token_id": _ids(tokenizer, "<|notimestamps|>")[0],
        "prev_sot_token_id": _ids(tokenizer, "<|startofprev|>")[0],
        "alignment_heads": list(ALIGNMENT_HEADS),
        "max_initial_timestamp_index": 50,
    }
    if multilingual:
        names = [f"<|{name}|>" for name in LANGUAGES]
        tasks = ["transcribe", "translate"]
        marks["lang_to_id"] = dict(zip(names, _ids(tokenizer, *names), strict=True))
        marks["task_to_id"] = {task: _ids(tokenizer, f"<|{task}|>")[0] for task in tasks}
    end, start = _ids(tokenizer, "<|endoftext|>", "<|startoftranscript|>")
    return GenerationConfig(
        decoder_start_token_id=start,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        max_length=128,
        return_timestamps=False,
        **marks,
    )
