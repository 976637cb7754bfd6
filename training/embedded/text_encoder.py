"""Pre-training of the small RoBERTa: masked words, GoEmotions' groups, EmoBank's ratings."""

import re
from collections.abc import Iterator, Sequence

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from ser.encoders.base import length_mask
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES
from ser.pooling import AttentiveStatisticsPooling
from training.corpora import Line
from training.embedded.optimiser import one_cycle
from training.metrics import macro_f1

VOCABULARY = 8_000
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
NAMES = ("anna", "ben", "chris", "dana", "emma", "frank", "jack", "kate", "mary", "tom")
MASK_SHARE = 0.15
MASKED_WEIGHT, RATING_WEIGHT = 0.2, 4.0  # ratings differ little from line to line
Batch = dict[str, Tensor]


def spoken(text: str, random: np.random.Generator | None = None) -> str:
    """A written line as it might be said: names put in, half of the time no punctuation."""
    pick = random.choice(NAMES) if random is not None else NAMES[0]
    text = text.replace("[NAME]", pick).replace("[RELIGION]", "religion")
    if random is not None and random.random() < 0.5:
        text = re.sub(r"[^\w\s']", " ", text)
    return " ".join(text.split())


def new_tokenizer(lines: Sequence[Line]) -> PreTrainedTokenizerFast:
    """Byte-level BPE over lower-cased training lines, so that recognisers' casing is no matter."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((spoken(line.text) for line in lines), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>", mask_token="<mask>", cls_token="<s>", sep_token="</s>",
    )  # fmt: skip


def new_roberta(vocabulary: int) -> RobertaModel:
    """An untrained RoBERTa of the embedded size."""
    config = RobertaConfig(
        vocab_size=vocabulary, hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=512, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, hidden_dropout_prob=0.2,
    )  # fmt: skip
    return RobertaModel(config, add_pooling_layer=False)


class TextPretraining(lightning.LightningModule):
    """RoBERTa with three heads: the masked token, the emotion group, the ratings."""

    class_weights: Tensor  # [C]

    def __init__(
        self,
        encoder: RobertaModel,
        tokenizer: PreTrainedTokenizerFast,
        lines: Sequence[Line],
        emotions: Sequence[str],
        steps: int,
    ) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder, self.tokenizer, self.lines = encoder, tokenizer, lines
        self.emotions, self.steps = tuple(emotions), steps
        self.pooling = AttentiveStatisticsPooling(width, attention_width=64)
        self.dropout = nn.Dropout(0.4)
        self.output = nn.Linear(2 * width, len(emotions) + len(ATTRIBUTES))
        self.masked_bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))
        seen = [line.emotions for line in lines if line.split == "train"]
        counts = torch.tensor([sum(name in own for own in seen) for name in emotions])
        weights = counts.clamp_min(1).float().rsqrt()
        self.register_buffer("class_weights", weights / weights.mean())
        self.guesses: list[tuple[Tensor, Tensor]] = []

    def collate(self, rows: Sequence[tuple[int, int | None]]) -> Batch:
        """Rows are (line, seed of its changes, None for validation)."""
        randoms = [None if seed is None else np.random.default_rng(seed) for _, seed in rows]
        lines = [self.lines[row] for row, _ in rows]
        texts = [spoken(line.text, random) for line, random in zip(lines, randoms, strict=True)]
        ids = [
            torch.tensor([0, *item[:128], 2])
            for item in self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        ]
        classes = torch.tensor(
            [[float(name in line.emotions) for name in self.emotions] for line in lines]
        )
        middle = (ATTRIBUTE_MIN + ATTRIBUTE_MAX) / 2
        return {
            "ids": nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=1),
            "lengths": torch.tensor([len(item) for item in ids]),
            "classes": classes / classes.sum(dim=1, keepdim=True).clamp_min(1),
            "attributes": torch.tensor([line.attributes or (middle,) * 3 for line in lines]),
            "rated": torch.tensor([line.attributes is not None for line in lines]),
        }

    def forward(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, C], attributes [B, 3], hidden states [B, T, D]."""
        mask = length_mask(lengths, ids.shape[1])
        hidden = self.encoder(ids, attention_mask=mask.long()).last_hidden_state
        pooled, _ = self.pooling(hidden, mask)
        raw = self.output(self.dropout(pooled))
        span = ATTRIBUTE_MAX - ATTRIBUTE_MIN
        attributes = ATTRIBUTE_MIN + span * torch.sigmoid(raw[:, len(self.emotions) :])
        return raw[:, : len(self.emotions)], attributes, hidden

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """One pass over partly masked text serves all three losses."""
        ids, labelled, rated = batch["ids"], batch["classes"].sum(dim=1) > 0, batch["rated"]
        hide = (torch.rand(ids.shape, device=ids.device) < MASK_SHARE) & (ids > 2)
        logits, attributes, hidden = self(ids.masked_fill(hide, 4), batch["lengths"])
        losses = {
            "classes": functional.cross_entropy(
                logits[labelled], batch["classes"][labelled], self.class_weights,
                label_smoothing=0.05,
            ),
            "ratings": RATING_WEIGHT
            * functional.mse_loss(attributes[rated], batch["attributes"][rated]),
            "masked": MASKED_WEIGHT
            * functional.cross_entropy(
                functional.linear(
                    hidden[hide], self.encoder.embeddings.word_embeddings.weight, self.masked_bias
                ),
                ids[hide],
            ),
        }  # fmt: skip
        self.log_dict(losses, prog_bar=True, on_epoch=True, on_step=False, batch_size=len(ids))
        return torch.stack(list(losses.values())).sum()

    def validation_step(self, batch: Batch, index: int) -> None:
        """Keep the guesses for lines of one label."""
        logits, _, _ = self(batch["ids"], batch["lengths"])
        single = batch["classes"].amax(dim=1) == 1
        self.guesses.append((logits[single].argmax(dim=1), batch["classes"][single].argmax(dim=1)))

    def on_validation_epoch_end(self) -> None:
        """Macro-F1 over the development lines."""
        guess, truth = (torch.cat(column).numpy() for column in zip(*self.guesses, strict=True))
        self.guesses.clear()
        self.log("dev_macro_f1", macro_f1(truth, guess, len(self.emotions)), prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under one cycle."""
        return one_cycle(self, self.steps)


class LineBatches(Sampler[list[tuple[int, int | None]]]):
    """Lines of one split in batches; with a seed shuffled and changed, without as they are."""

    def __init__(
        self, lines: Sequence[Line], split: str, batch_size: int, seed: int | None = None
    ) -> None:
        rows = [row for row, line in enumerate(lines) if line.split == split]
        self.rows = sorted(rows, key=lambda row: len(lines[row].text))
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def __len__(self) -> int:
        whole, rest = divmod(len(self.rows), self.batch_size)
        return whole + (self.seed is None and rest > 0)

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[tuple[int, int | None]]]:
        if self.seed is None:
            for start in range(0, len(self.rows), self.batch_size):
                yield [(row, None) for row in self.rows[start : start + self.batch_size]]
            return
        random = np.random.default_rng((self.seed, self.epoch))
        # Neighbours in length share a batch, but not always the same neighbours.
        near = np.argsort(np.arange(len(self.rows)) + random.normal(0, 2000, len(self.rows)))
        batches = [near[k * self.batch_size :][: self.batch_size] for k in range(len(self))]
        random.shuffle(batches)
        for batch in batches:
            yield [(self.rows[i], int(random.integers(2**31))) for i in batch]
