"""The last stage: the fusion model learns from what the frozen encoders make of each batch."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional

from ser.encoders import RobertaBranch
from ser.fusion import EncoderOutput, FusionModel
from ser.labels import ENCODERS
from training.embedded.optimiser import one_cycle
from training.embedded.pairing import Pair, Pairing
from training.embedded.speech_data import Draw
from training.embedded.speech_encoders import SpeechPretraining
from training.embedded.text_encoder import spoken

ATTRIBUTE_WEIGHT, CLASS_WEIGHT = 0.25, 0.75  # the paper's alpha and beta of task 1
RATED_WEIGHT = 4.0  # of EmoBank's ratings, which differ little from line to line
LABEL_SMOOTHING = 0.1
BRANCH_DROPOUT = 0.1
VOICE_DROPOUT = 0.3  # of the values in frames of voices: their encoders know these speakers
Batch = dict[str, Any]


class FusionTraining(lightning.LightningModule):
    """Both tasks at once on pairs of voice and words, branches dropped at random.

    The encoders hear every clip anew, with the changes of their own training: frames kept from
    one hearing would be learnt by heart.
    """

    def __init__(
        self,
        model: FusionModel,
        speech: dict[str, SpeechPretraining],
        roberta: RobertaBranch,
        pairing: Pairing,
        steps: int,
    ) -> None:
        super().__init__()
        self.model, self.steps = model, steps
        # In a tuple, so that they are no modules of this one: they stay frozen and unsaved.
        self.hearing = (speech, roberta)
        self.pairing = pairing

    def collate(self, draws: Sequence[Draw]) -> Batch:
        """What the encoders hear and read, and the target of each pair."""
        # Not the seed with which the encoders change what they hear.
        random = np.random.default_rng([*(draw.seed or 0 for draw in draws), len(draws)])
        pairs = [self.pairing.draw(draw.clip, random) for draw in draws]
        emotions = self.model.config.emotions
        classes = [[pair.classes.get(name, 0.0) for name in emotions] for pair in pairs]
        return {
            "encoded": self._encoded(draws, pairs, random),
            "classes": torch.tensor(classes),
            "attributes": torch.tensor([pair.attributes for pair in pairs]),
        }

    def _encoded(
        self, draws: Sequence[Draw], pairs: Sequence[Pair], random: np.random.Generator
    ) -> dict[str, EncoderOutput]:
        speech, roberta = self.hearing
        encoded = {}
        chance = random.random(len(pairs))
        for place, (name, encoder) in enumerate(speech.items()):
            with torch.no_grad():
                hidden, mask, _ = encoder.frames(encoder.inputs(draws))
            # One branch at most, and only where there are no words to answer from instead.
            dropped = (chance / BRANCH_DROPOUT).astype(int) == place
            heard = [
                pair.voice and not (drop and pair.text is None)
                for pair, drop in zip(pairs, dropped, strict=True)
            ]
            encoded[name] = EncoderOutput(hidden, mask & torch.tensor(heard)[:, None], None)
        read = roberta.encode([spoken(pair.text, random) if pair.text else "" for pair in pairs])
        # Tensors made in inference mode cannot take part in training: clone them.
        encoded["roberta"] = EncoderOutput(read.hidden.clone(), read.mask.clone(), None)
        return {name: encoded[name] for name in ENCODERS}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """alpha * squared error + beta * cross-entropy on soft targets."""
        encoded = {**batch["encoded"]}
        for name in self.hearing[0]:
            frames = functional.dropout(encoded[name].hidden, VOICE_DROPOUT)
            encoded[name] = replace(encoded[name], hidden=frames)
        output = self.model(encoded)
        truth, told = batch["classes"], output.emotion_logits
        chosen = truth.sum(dim=1) > 0
        classes = functional.cross_entropy(
            told[chosen], truth[chosen], label_smoothing=LABEL_SMOOTHING
        )
        errors = functional.mse_loss(output.attributes, batch["attributes"], reduction="none")
        attributes = (errors.mean(dim=1) * torch.where(chosen, 1.0, RATED_WEIGHT)).mean()
        self.log_dict(
            {"classes": classes, "attributes": attributes}, prog_bar=True, on_epoch=True,
            on_step=False, batch_size=len(truth),
        )  # fmt: skip
        return ATTRIBUTE_WEIGHT * attributes + CLASS_WEIGHT * classes

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW under one cycle."""
        return one_cycle(self.model, self.steps)

    @torch.no_grad()
    def store_embedding_means(self, batches: Iterable[Sequence[Draw]]) -> None:
        """Each encoder's mean embedding over the training pairs in which it is present."""
        total = torch.zeros_like(self.model.embedding_means)
        count = torch.zeros(len(ENCODERS), 1)
        for draws in batches:
            encoded = self.collate(draws)["encoded"]
            present = torch.stack([encoded[name].mask.any(dim=1) for name in ENCODERS], dim=1)
            embeddings, _ = self.model.embed(encoded)
            total += (embeddings * present.unsqueeze(-1)).sum(dim=0)
            count += present.sum(dim=0).unsqueeze(-1)
        self.model.embedding_means.copy_(total / count.clamp_min(1))
