"""RoBERTa: text to one vector per token."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerFast, RobertaModel

from ser.encoders.base import (
    LAST_LAYER,
    checkpoint_name,
    freeze,
    layer_indexes,
    length_mask,
    load_checked,
    load_preprocessor,
    run_layers,
)
from ser.errors import EncoderError
from ser.fusion import EncoderOutput

BATCH_PIECES = 32


@dataclass(frozen=True)
class Token:
    """One token and the characters of the text it stands for (empty for <s> and </s>)."""

    text: str
    start: int
    end: int


class RobertaBranch:
    """Text to tokens. Text beyond the model's positions is cut into pieces, never dropped."""

    step_s = None

    def __init__(
        self,
        model: RobertaModel,
        tokenizer: PreTrainedTokenizerFast,
        layers: tuple[int, ...] = LAST_LAYER,
    ) -> None:
        """`layers` as in `load`."""
        self.model = model
        self.tokenizer = tokenizer
        self.blocks: int = model.config.num_hidden_layers
        self.layers = layer_indexes("roberta", layers, self.blocks)
        self.width: int = model.config.hidden_size
        # RoBERTa's positions start after the padding index; <s> and </s> take two more.
        self.padding: int = model.config.pad_token_id or 0
        self.max_tokens: int = model.config.max_position_embeddings - self.padding - 1 - 2

    @classmethod
    def load(
        cls,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        layers: tuple[int, ...] = LAST_LAYER,
    ) -> "RobertaBranch":
        """Load a RoBERTa checkpoint and its own tokenizer from a local folder.

        `layers` are indexes into its hidden states: 0 are the embeddings, -1 is the model's
        output. Every block of RoBERTa ends in a normalisation; there is no other after the last.
        """
        tokenizer = load_preprocessor(AutoTokenizer, folder, trust_remote_code=False)
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            # transformers makes an empty tokenizer where its files are missing.
            raise EncoderError(
                f"The checkpoint {checkpoint_name(folder)} has no tokenizer.json: "
                "take a complete one."
            )
        model = load_checked(RobertaModel, folder, add_pooling_layer=False)
        return cls(freeze(model, device, dtype), tokenizer, layers)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> EncoderOutput:
        """Tokens of each text: [B, T, D], or [B, T, L, D] of several layers.

        An empty text has no real token: the branch is absent.
        """
        pieces = [(row, ids) for row, text in enumerate(texts) for ids, _ in self._pieces(text)]
        rows: list[list[Tensor]] = [[] for _ in texts]
        for start in range(0, len(pieces), BATCH_PIECES):
            batch = pieces[start : start + BATCH_PIECES]
            outputs = self._run([ids for _, ids in batch])
            for (row, ids), output in zip(batch, outputs, strict=True):
                rows[row].append(output[: len(ids)].float())
        several = (len(self.layers),) if len(self.layers) > 1 else ()
        shape = (*several, self.width)
        empty = torch.zeros(0, *shape, device=self.model.device)
        joined = [torch.cat(parts) if parts else empty for parts in rows]
        lengths = torch.tensor([len(item) for item in joined], device=self.model.device)
        hidden = torch.zeros(
            len(joined), max(1, int(lengths.max())), *shape, device=self.model.device
        )
        for target, item in zip(hidden, joined, strict=True):
            target[: len(item)] = item
        return EncoderOutput(hidden, length_mask(lengths, hidden.shape[1]), None)

    def tokens(self, text: str) -> tuple[Token, ...]:
        """The tokens that `encode` gives a vector each, in the same order."""
        return tuple(
            Token(self._readable(token, text[start:end]), start, end)
            for ids, spans in self._pieces(text)
            for token, (start, end) in zip(ids, spans, strict=True)
        )

    def _readable(self, token: int, characters: str) -> str:
        return characters or str(self.tokenizer.convert_ids_to_tokens(token))

    def _pieces(self, text: str) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids and character spans, in pieces that fit the model, <s> and </s> around each."""
        if not text.strip():
            return []
        encoded = self.tokenizer(
            text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        ids, spans = encoded["input_ids"], encoded["offset_mapping"]
        first, last = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        pieces = []
        for start in range(0, len(ids), self.max_tokens):
            cut = slice(start, start + self.max_tokens)
            pieces.append(([first, *ids[cut], last], [(0, 0), *spans[cut], (0, 0)]))
        return pieces

    def _run(self, sequences: list[list[int]]) -> Tensor:
        lengths = torch.tensor([len(ids) for ids in sequences], device=self.model.device)
        mask = length_mask(lengths, int(lengths.max()))
        batch = torch.full(mask.shape, self.padding, device=self.model.device)
        for row, ids in zip(batch, sequences, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return run_layers(self.model, self.layers, self.blocks, batch, attention_mask=mask.long())
