"""The last stage: the fusion model learns from what the frozen encoders make of each batch."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional

from ser.encoders import RobertaBranch
from ser.fusion import EncoderHead, EncoderOutput, FusionModel
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, ENCODERS
from training.embedded.optimiser import one_cycle
from training.embedded.pairing import Pair, Pairing
from training.embedded.speech_data import Draw, class_indexes
from training.embedded.speech_encoders import SpeechPretraining
from training.embedded.text_encoder import spoken
from training.targets import HALF_RANGE

ATTRIBUTE_WEIGHT, CLASS_WEIGHT = 1.5, 0.75
"""The paper's alpha of task 1 is 0.25, which loses how strongly an emotion is acted."""
INTENSITY_WEIGHT = 1.0
"""Of the differences within a class: most of arousal follows from the class, so that how strongly
it is acted is a small part of the squared error. A larger ATTRIBUTE_WEIGHT costs UAR instead."""
RATED_WEIGHT = 4.0  # of EmoBank's ratings, which differ little from line to line
TAUGHT = 0.5  # share of the encoders' own answers in the voice's part of the classes' target
NO_VOICE = -1  # in place of a class
BRANCH_DROPOUT = 0.1
VOICE_DROPOUT = 0.3
"""Of the values in frames of voices, whose encoders know these speakers. It also makes the pooled
deviations half as large again as in serving; dropping whole channels instead did no better."""
AROUSAL = ATTRIBUTES.index("arousal")
Batch = dict[str, Any]
Frames = dict[str, tuple[Tensor, Tensor]]
"""Hidden states [B, T, D] and their mask [B, T] of each voice's encoder."""


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
        for name, encoder in speech.items():  # what they learnt to attend to
            head = cast(EncoderHead, model.heads[name])
            head.pooling.load_state_dict(encoder.pooling.state_dict())

    def collate(self, draws: Sequence[Draw]) -> Batch:
        """What the encoders hear and read, and the target of each pair."""
        # Not the seed with which the encoders change what they hear.
        random = np.random.default_rng([*(draw.seed or 0 for draw in draws), len(draws)])
        pairs = [self.pairing.draw(draw.clip, random) for draw in draws]
        with torch.no_grad():
            frames = {
                name: encoder.frames(encoder.inputs(draws))
                for name, encoder in self.hearing[0].items()
            }
            targets = self._targets(frames, [draw.clip for draw in draws], pairs)
        clips = [self.pairing.clips[draw.clip] for draw in draws]
        classes = class_indexes(clips, self.model.config.emotions)
        voices = torch.where(torch.tensor([pair.voice for pair in pairs]), classes, NO_VOICE)
        return {"encoded": self._encoded(frames, pairs, random), "voices": voices, **targets}

    def _targets(self, frames: Frames, clips: list[int], pairs: Sequence[Pair]) -> Batch:
        """Classes [B, C] and attributes [B, 3], the voice's part as clips are labelled and heard.

        The encoders' own heads learnt from mixtures how sure one may be. The labels of speakers
        whom these encoders know by heart would teach that one may be sure of strangers, too
        (knowledge distillation: Hinton et al. 2015). Attributes are all theirs.
        """
        emotions = self.model.config.emotions
        classes = torch.tensor([[p.classes.get(name, 0.0) for name in emotions] for p in pairs])
        attributes = torch.tensor([p.attributes for p in pairs])
        by_voice = 1 - torch.tensor([(p.pull.emotion, *p.pull.attributes) for p in pairs])
        share = by_voice / len(frames)
        for name, encoder in self.hearing[0].items():
            logits, heard = encoder.told(*frames[name])
            task = encoder.task
            label = functional.one_hot(task.classes[clips], len(emotions))
            classes += TAUGHT * share[:, :1] * (logits.softmax(dim=1) - label)
            attributes += share[:, 1:] * HALF_RANGE * (heard - task.attributes[clips])
        return {
            "classes": classes,
            "attributes": attributes.clamp(ATTRIBUTE_MIN, ATTRIBUTE_MAX),
        }

    def _encoded(
        self, frames: Frames, pairs: Sequence[Pair], random: np.random.Generator
    ) -> dict[str, EncoderOutput]:
        encoded = {}
        chance = random.random(len(pairs))
        for place, (name, (hidden, mask)) in enumerate(frames.items()):
            # One branch at most, and only where there are no words to answer from instead.
            dropped = (chance / BRANCH_DROPOUT).astype(int) == place
            heard = [
                pair.voice and not (drop and pair.text is None)
                for pair, drop in zip(pairs, dropped, strict=True)
            ]
            encoded[name] = EncoderOutput(hidden, mask & torch.tensor(heard)[:, None], None)
        texts = [spoken(pair.text, random) if pair.text else "" for pair in pairs]
        read = self.hearing[1].encode(texts)
        # Tensors made in inference mode cannot take part in training: clone them.
        encoded["roberta"] = EncoderOutput(read.hidden.clone(), read.mask.clone(), None)
        return {name: encoded[name] for name in ENCODERS}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Squared errors, cross-entropy on soft targets, and differences of arousal in a class."""
        encoded = {**batch["encoded"]}
        for name in self.hearing[0]:
            frames = functional.dropout(encoded[name].hidden, VOICE_DROPOUT)
            encoded[name] = replace(encoded[name], hidden=frames)
        output = self.model(encoded)
        truth, told = batch["classes"], output.emotion_logits
        chosen = truth.sum(dim=1) > 0
        classes = functional.cross_entropy(told[chosen], truth[chosen])
        errors = output.attributes - batch["attributes"]
        weights = torch.where(chosen, 1.0, RATED_WEIGHT)
        attributes = (errors.square().mean(dim=1) * weights).mean()
        intensity = intensity_loss(errors[:, AROUSAL], batch["voices"])
        self.log_dict(
            {"classes": classes, "attributes": attributes, "intensity": intensity}, prog_bar=True,
            on_epoch=True, on_step=False, batch_size=len(truth),
        )  # fmt: skip
        parts = CLASS_WEIGHT * classes, ATTRIBUTE_WEIGHT * attributes, INTENSITY_WEIGHT * intensity
        return torch.stack(parts).sum()

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


def intensity_loss(errors: Tensor, voices: Tensor) -> Tensor:
    """Mean squared difference of `errors` [B] over all pairs of clips of one class.

    `voices` [B] are their classes, NO_VOICE where none is heard. An error that a whole class
    shares costs nothing. 0 where no two clips have the same class.
    """
    same = (voices[:, None] == voices) & (voices != NO_VOICE)
    first, second = same.triu(diagonal=1).nonzero(as_tuple=True)
    return (errors[first] - errors[second]).square().sum() / max(len(first), 1)
