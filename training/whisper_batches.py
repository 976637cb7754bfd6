"""Whisper over several clips at once: the text that `WhisperTranscriber` gives, without times."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.transcript import Transcript
from ser.transcription.tokens import group_words, without_loops
from ser.transcription.whisper import (
    MAX_TOKENS_PER_SECOND,
    NO_SPEECH_PROBABILITY,
    SPARE_TOKENS,
    WhisperTranscriber,
)


class WhisperBatches:
    """Encodes and decodes in batches; what is unusual goes to the transcriber itself.

    Unusual is a clip that may be silence, or whose text did not end: about them it decides by
    means that need the clip alone.
    """

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self.transcriber = transcriber
        self.name = transcriber.name

    @torch.inference_mode()
    def write_down(self, waveforms: Sequence[Waveform]) -> list[Transcript]:
        """One transcript without words' times per waveform of at most 30 s."""
        model: Any = self.transcriber.model
        features = self.transcriber.processor.feature_extractor(
            [waveform.samples for waveform in waveforms],
            sampling_rate=SAMPLE_RATE_HZ,
            return_tensors="pt",
        ).input_features.to(model.device, model.dtype)
        hidden = model.model.encoder(features).last_hidden_state
        marks, no_speech = self._open(hidden)
        tokens = self._decode(hidden, waveforms, marks)
        transcripts = []
        for row, waveform in enumerate(waveforms):
            text_tokens, finished = self._text_tokens(tokens[row], waveform)
            if finished and no_speech[row] <= NO_SPEECH_PROBABILITY:
                transcripts.append(self._transcript(text_tokens, marks[row]))
            else:
                alone = self.transcriber.transcribe(waveform, hidden[row : row + 1])
                transcripts.append(alone)
        return transcripts

    def _open(self, hidden: Tensor) -> tuple[list[str | None], list[float]]:
        """Of each clip: Whisper's mark of its language, None for English-only models; silence."""
        model: Any = self.transcriber.model
        settings = model.generation_config
        start = torch.full((len(hidden), 1), settings.decoder_start_token_id, device=hidden.device)
        encoded = BaseModelOutput(last_hidden_state=hidden)
        logits = model(
            encoder_outputs=encoded, decoder_input_ids=start, use_cache=False
        ).logits[:, -1].float()  # fmt: skip
        no_speech = logits.softmax(-1)[:, settings.no_timestamps_token_id - 1].tolist()
        if not getattr(settings, "is_multilingual", True):
            return [None] * len(hidden), no_speech
        names = list(settings.lang_to_id)
        best = logits[:, [settings.lang_to_id[name] for name in names]].argmax(-1).tolist()
        return [names[index] for index in best], no_speech

    def _decode(
        self, hidden: Tensor, waveforms: Sequence[Waveform], marks: Sequence[str | None]
    ) -> list[list[int]]:
        """Greedy tokens of each clip, its prompt and padding included."""
        model: Any = self.transcriber.model
        options: dict[str, Any] = {}
        if marks[0] is not None:
            options = {"language": list(marks), "task": "transcribe"}
        longest = max(waveform.duration_s for waveform in waveforms)
        extractor = self.transcriber.processor.feature_extractor
        mask = torch.ones(
            len(hidden), extractor.nb_max_frames, dtype=torch.long, device=hidden.device
        )
        sequences = model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
            attention_mask=mask,
            return_timestamps=True,
            force_unique_generate_call=True,
            max_length=self._limit(longest),
            do_sample=False,
            num_beams=1,
            **options,
        )
        return sequences.tolist()

    def _text_tokens(self, tokens: Sequence[int], waveform: Waveform) -> tuple[list[int], bool]:
        """Tokens of text alone, and whether the end came within what the clip's length allows."""
        end = self.transcriber.model.generation_config.eos_token_id
        ended = end in tokens
        said = tokens[: tokens.index(end)] if ended else tokens
        text = [token for token in said if token < end]  # the marks come after the end's number
        return text, ended and len(said) < self._limit(waveform.duration_s)

    def _limit(self, duration_s: float) -> int:
        room = self.transcriber.model.config.max_target_positions - 4  # the prompt, one to spare
        return min(room, SPARE_TOKENS + math.ceil(MAX_TOKENS_PER_SECOND * duration_s))

    def _transcript(self, tokens: Sequence[int], mark: str | None) -> Transcript:
        words = group_words(
            self.transcriber.processor.tokenizer, [(token, 0.0, 0.0) for token in tokens]
        )
        text = " ".join("".join(word.text for word in without_loops(words)).split())
        language = "en" if mark is None else mark.strip("<|>")
        return Transcript(text, (), self.name, {"jw": "jv"}.get(language, language))
