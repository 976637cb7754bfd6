"""Whisper of any size through transformers: text, word times and language of one window."""

import copy
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import WhisperForConditionalGeneration, WhisperProcessor
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging as transformers_logging

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.encoders.base import freeze, load_checked
from ser.errors import SerError, TranscriptionError
from ser.hub import local_folder
from ser.transcript import Transcript, Word
from ser.transcription.tokens import group_words, without_loops
from ser.words import in_order

NO_SPEECH_PROBABILITY = 0.6  # above this and below the next: silence, whatever the decoder says
NO_SPEECH_LOG_PROBABILITY = -1.0  # both are Whisper's own thresholds
MAX_TOKENS_PER_SECOND = 25  # four times fast English: scripts that take several tokens a letter
SPARE_TOKENS = 16  # timestamps, punctuation and the end
_ISO_CODES = {"jw": "jv"}  # Whisper's one code of its own


@dataclass(frozen=True)
class _Opening:
    """What one step of the decoder says before any text."""

    language: int | None  # token of the most probable language; None for an English-only model
    no_speech: float  # probability


@dataclass(frozen=True)
class _Decoded:
    tokens: list[int]  # without the prompt, with timestamps and end
    times_s: list[float]  # per token: when the next one starts
    log_probability: float  # mean over the tokens
    finished: bool  # ended by itself, not by the limit


class WhisperTranscriber:
    """One Whisper checkpoint. Greedy and without sampling: the same window gives the same text.

    The model is adapted in place: its decoder computes attention step by step, which word times
    need; its encoder is left as it is. Threads take turns.
    """

    def __init__(
        self, model: WhisperForConditionalGeneration, processor: WhisperProcessor, name: str
    ) -> None:
        self.model = model.eval()
        self.processor = processor
        self._name = name
        self._lock = threading.Lock()
        self._languages = _languages(model, name)
        _require_own_tokenizer(model, processor, name)
        _show_decoder_attention(model)
        _complete_generation_config(model)

    @classmethod
    def from_pretrained(
        cls,
        checkpoint: str,
        revision: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> "WhisperTranscriber":
        """Load a local folder or a Hub name (see `ser.hub`), by default in float32 on the CPU.

        Raises HubError when it cannot be had and TranscriptionError when it is not a whole Whisper.
        """
        folder = local_folder(checkpoint, revision)
        try:
            model = load_checked(WhisperForConditionalGeneration, folder)
        except (SerError, SafetensorError) as error:
            raise TranscriptionError(f"{checkpoint} cannot write transcripts: {error}") from error
        model = freeze(model, torch.device(device or "cpu"), dtype or torch.float32)
        return cls.from_generator(model, checkpoint, folder)

    @classmethod
    def from_generator(
        cls, model: WhisperForConditionalGeneration, name: str, folder: Path
    ) -> "WhisperTranscriber":
        """A model that is loaded already, with the tokenizer and features of its own folder."""
        try:
            processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise TranscriptionError(
                f"{name} has no usable tokenizer and feature extractor: take a complete checkpoint."
            ) from error
        return cls(model, processor, name)

    @property
    def name(self) -> str:
        """The checkpoint's name."""
        return self._name

    def transcribe(self, waveform: Waveform, encoder_hidden: Tensor | None = None) -> Transcript:
        """See Transcriber. With `encoder_hidden` the encoder does not run again.

        ValueError for more than 30 s or for encoder frames of another model.
        """
        extractor = self.processor.feature_extractor
        if len(waveform.samples) > extractor.n_samples:
            raise ValueError(
                f"Whisper reads {extractor.chunk_length} s at once, got {waveform.duration_s:.1f} s"
            )
        with self._lock, torch.inference_mode():
            hidden = self._encode(waveform) if encoder_hidden is None else encoder_hidden
            encoded = BaseModelOutput(last_hidden_state=self._checked(hidden))
            opening = self._open(encoded)
            decoded = self._decode(encoded, waveform, opening.language)
            if not decoded.finished:  # caught in a loop: once more, and no phrase twice
                decoded = self._decode(encoded, waveform, opening.language, no_repeat_ngram_size=3)
        words = [] if _is_silence(opening, decoded) else without_loops(self._words(decoded))
        text = " ".join("".join(word.text for word in words).split())
        spoken = [Word(word.text.strip(), word.start_s, word.end_s) for word in words]
        timed = in_order([word for word in spoken if word.text], 0.0, waveform.duration_s)
        return Transcript(text, timed, self.name, self._language_code(opening.language))

    def _encode(self, waveform: Waveform) -> Tensor:
        features = self.processor.feature_extractor(
            waveform.samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt"
        ).input_features
        features = features.to(self.model.device, self.model.dtype)
        return self.model.model.encoder(features).last_hidden_state

    def _checked(self, hidden: Tensor) -> Tensor:
        config = self.model.config
        if hidden.shape != (expected := (1, config.max_source_positions, config.d_model)):
            raise ValueError(f"encoder_hidden must be {expected}, got {tuple(hidden.shape)}")
        return hidden.to(self.model.device, self.model.dtype)

    def _open(self, encoded: BaseModelOutput) -> _Opening:
        settings = self.model.generation_config
        start = torch.tensor([[settings.decoder_start_token_id]], device=self.model.device)
        logits = self.model(
            encoder_outputs=encoded, decoder_input_ids=start, use_cache=False
        ).logits[0, -1]
        no_speech = logits.float().softmax(-1)[settings.no_timestamps_token_id - 1]
        if not self._languages:
            return _Opening(None, float(no_speech))
        tokens = list(self._languages)
        return _Opening(tokens[int(logits[tokens].argmax())], float(no_speech))

    def _decode(
        self, encoded: BaseModelOutput, waveform: Waveform, language: int | None, **options: Any
    ) -> _Decoded:
        """Greedy text with timestamps in one pass over the window."""
        extractor = self.processor.feature_extractor
        mask = torch.zeros(1, extractor.nb_max_frames, dtype=torch.long, device=self.model.device)
        # Two frames make one of the encoder's; less cannot be aligned.
        mask[:, : max(2, math.ceil(len(waveform.samples) / extractor.hop_length))] = 1
        if language is not None:
            settings: Any = self.model.generation_config
            names = {token: name for name, token in settings.lang_to_id.items()}
            options |= {"language": names[language], "task": "transcribe"}
        with _without_warnings():
            generated = self.model.generate(
                encoder_outputs=encoded,
                attention_mask=mask,
                return_timestamps=True,
                return_token_timestamps=True,
                return_segments=True,
                # A second round would start inside the window, and its audio is not encoded.
                force_unique_generate_call=True,
                max_length=self._token_limit(
                    waveform.duration_s
                ),  # Whisper adds its prompt's length
                do_sample=False,
                num_beams=1,
                **options,
            )
        first = generated["segments"][0][0]
        return self._read(first["result"], first["idxs"][0])

    def _token_limit(self, duration_s: float) -> int:
        room = self.model.config.max_target_positions - 4  # start, language, task, one to spare
        return min(room, SPARE_TOKENS + math.ceil(MAX_TOKENS_PER_SECOND * duration_s))

    def _read(self, result: Any, prompt_length: int) -> _Decoded:
        tokens = result["sequences"][prompt_length:].tolist()
        end = self.model.generation_config.eos_token_id
        scores = torch.stack(result["scores"]).float().log_softmax(-1)
        chosen = scores[torch.arange(len(tokens)), torch.tensor(tokens)]
        return _Decoded(
            tokens=tokens,
            times_s=result["token_timestamps"][prompt_length:].tolist(),
            log_probability=float(chosen.mean()),
            finished=tokens[-1] == end,
        )

    def _words(self, decoded: _Decoded) -> list[Word]:
        """Text tokens alone: no timestamps, no language, task or other marks."""
        first_mark = self.model.generation_config.eos_token_id
        starts = [0.0, *decoded.times_s]
        return group_words(
            self.processor.tokenizer,
            [
                (token, round(start_s, 2), round(end_s, 2))
                for token, start_s, end_s in zip(
                    decoded.tokens, starts, decoded.times_s, strict=False
                )
                if token < first_mark
            ],
        )

    def _language_code(self, token: int | None) -> str:
        if token is None:
            return "en"
        code = self._languages[token]
        return _ISO_CODES.get(code, code)


def _languages(model: WhisperForConditionalGeneration, name: str) -> dict[int, str]:
    """Language tokens of a multilingual checkpoint with their codes; none for an English-only."""
    settings: Any = model.generation_config
    needed = {"no_timestamps_token_id"}
    if getattr(settings, "is_multilingual", True):
        needed |= {"lang_to_id", "task_to_id"}
    if missing := sorted(entry for entry in needed if getattr(settings, entry, None) is None):
        raise TranscriptionError(
            f"{name} has an outdated generation_config.json without {', '.join(missing)}: take the "
            "one of the Whisper it was made from."
        )
    if not getattr(settings, "is_multilingual", True):
        return {}
    return {token: mark.strip("<|>") for mark, token in settings.lang_to_id.items()}


def _require_own_tokenizer(
    model: WhisperForConditionalGeneration, processor: WhisperProcessor, name: str
) -> None:
    """transformers makes up an empty tokenizer where the files are missing."""
    settings: Any = model.generation_config
    mark = processor.tokenizer.convert_tokens_to_ids("<|notimestamps|>")
    if mark != settings.no_timestamps_token_id:
        raise TranscriptionError(
            f"{name} has no tokenizer, or another model's: take a complete checkpoint."
        )


def _show_decoder_attention(model: WhisperForConditionalGeneration) -> None:
    """Eager attention, which word times need, for the decoder alone.

    transformers switches the whole model at the first call: the encoder, too, would get slower and
    give other last digits than before it.
    """
    shared = model.config
    own = copy.deepcopy(shared)
    own._attn_implementation = shared._attn_implementation
    for module in model.model.encoder.modules():
        if getattr(module, "config", None) is shared:
            module.config = own
    shared._attn_implementation = "eager"


def _complete_generation_config(model: WhisperForConditionalGeneration) -> None:
    settings: Any = model.generation_config
    settings.forced_decoder_ids = None  # the old way to say language and task, with a warning
    if getattr(model.config, "forced_decoder_ids", None) is not None:
        model.config.forced_decoder_ids = None
    if getattr(settings, "alignment_heads", None) is None:  # as openai/whisper does without
        layers, heads = model.config.decoder_layers, model.config.decoder_attention_heads
        settings.alignment_heads = [
            [layer, head] for layer in range(layers // 2, layers) for head in range(heads)
        ]


def _is_silence(opening: _Opening, decoded: _Decoded) -> bool:
    return (
        opening.no_speech > NO_SPEECH_PROBABILITY
        and decoded.log_probability < NO_SPEECH_LOG_PROBABILITY
    )


@contextmanager
def _without_warnings() -> Iterator[None]:
    """transformers warns of what its own Whisper passes to its own `generate`."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
