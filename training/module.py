"""The fusion model in training: losses over the whole batch, figures over the whole dev set."""

import logging
import time
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from ser.fusion import FusionModel
from training.answers import Answers, collapse, measured
from training.config import Stage
from training.data import Batch
from training.losses import Losses
from training.schedule import Schedule
from training.truth import Truth

logger = logging.getLogger(__name__)


class FusionTraining(lightning.LightningModule):
    """Several processes train as one does: every loss sees the batches of all."""

    def __init__(
        self,
        model: FusionModel,
        losses: Losses,
        stage: Stage,
        truth: Truth,
        tuning: np.ndarray,
        seed: int,
    ) -> None:
        """`tuning` are the rows of `truth` that validation goes over."""
        super().__init__()
        self.model, self.losses, self.stage = model, losses, stage
        self.truth, self.tuning, self.seed = truth, tuning, seed
        self.schedule = Schedule.of(stage)
        self.answers = self._no_answers()
        self.seconds_before, self.started = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Spent so far, over all starts."""
        return self.seconds_before + time.monotonic() - self.started

    def on_fit_start(self) -> None:
        """Count from here on."""
        self.started = time.monotonic()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """alpha * attribute loss + beta * class loss over the examples of all processes."""
        embeddings, _ = self.model.embed(batch.encoded)
        classes, attributes = self._whole(batch.classes), self._whole(batch.attributes)
        if self.stage.manifold_mixup:
            embeddings, classes, attributes = self._mixed(
                embeddings, classes, attributes, batch_idx
            )
        logits, predicted = self.model.decide(embeddings)
        class_loss = self.losses.classes(self._whole(logits.float()), classes)
        attribute_loss = self.losses.attributes(self._whole(predicted.float()), attributes)
        total = self.losses.total(class_loss, attribute_loss)
        self.log_dict(
            {"loss": total, "loss_classes": class_loss, "loss_attributes": attribute_loss},
            prog_bar=True, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(classes),
        )  # fmt: skip
        return total

    def _mixed(
        self, embeddings: Tensor, classes: Tensor, attributes: Tensor, batch_idx: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Each example mixed with another: embeddings [b, E, P] of this process, all targets.

        One share per batch from Beta(alpha, alpha) (Verma et al. 2019, "Manifold Mixup"). Where
        either of two is not rated, or has no class, neither has the mixture.
        """
        random = np.random.default_rng((self.seed, self.current_epoch, batch_idx))
        share = float(random.beta(self.stage.manifold_mixup, self.stage.manifold_mixup))
        partner = torch.from_numpy(random.permutation(len(classes))).to(classes.device)

        def mix(whole: Tensor) -> Tensor:
            return share * whole + (1.0 - share) * whole[partner]

        own = slice(self.global_rank, None, self.trainer.world_size)
        classed = classes.any(dim=-1)
        targets = mix(classes) * (classed & classed[partner]).unsqueeze(-1)
        return mix(self._whole(embeddings))[own], targets, mix(attributes)

    def _whole(self, part: Tensor) -> Tensor:
        """The examples [B, …] of all processes in the order of the global batch, with gradients.

        The gradients of all processes add up in the gathering, and DDP takes their mean: together
        they are the gradient of one process with the whole batch.
        """
        if self.trainer.world_size == 1:
            return part
        gathered = self.trainer.strategy.all_gather(part, sync_grads=part.requires_grad)
        return gathered.transpose(0, 1).flatten(0, 1)

    def on_validation_epoch_start(self) -> None:
        """Forget the answers of the epoch before."""
        self.answers = self._no_answers()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the answers."""
        output = self.model(batch.encoded)
        self.answers.put(batch.rows, output.emotion_logits, output.attributes)

    def on_validation_epoch_end(self) -> None:
        """Losses and figures over the whole development set."""
        self.answers.gather(self.trainer.strategy)
        rows = self.answers.known(self.tuning)
        logits, attributes = self.answers.of(rows)
        figures = measured(self.truth, rows, logits, attributes)
        targets = torch.from_numpy(self.truth.targets[rows])
        aims = torch.from_numpy(self.truth.attributes[rows])
        figures["dev_loss_classes"] = float(self.losses.classes(torch.from_numpy(logits), targets))
        figures["dev_loss_attributes"] = float(
            self.losses.attributes(torch.from_numpy(attributes), aims)
        )
        # All processes hold the same figures; Lightning would warn of unsynchronised ones.
        self.log_dict(
            {name: torch.tensor(value, dtype=torch.float32) for name, value in figures.items()},
            sync_dist=True,
        )
        if self.global_rank == 0 and not self.trainer.sanity_checking:
            self._tell(figures)

    def _tell(self, figures: dict[str, float]) -> None:
        told = ", ".join(
            f"{title} {figures[name]:.4f}"
            for name, title in (("macro_f1", "macro-F1"), ("uar", "UAR"), ("ccc", "mean CCC"))
            if name in figures
        )
        done = self.current_epoch + 1
        left = self.seconds / done * (self.stage.epochs - done)
        logger.info("epoch %d of %d: %s; %s left", done, self.stage.epochs, told, in_words(left))
        if self.stage.alpha > 0 and (sentence := collapse(figures)):
            logger.warning("%s", sentence)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; the schedule moves with every optimiser step."""
        peak = self.schedule.peak
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=peak, weight_decay=self.stage.weight_decay
        )
        rates = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: self.schedule.at(step) / peak
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rates, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The time spent goes on counting after a restart."""
        checkpoint["seconds"] = self.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See `on_save_checkpoint`."""
        self.seconds_before = float(checkpoint["seconds"])

    def _no_answers(self) -> Answers:
        return Answers(len(self.truth.index), len(self.truth.classes))


def in_words(seconds: float) -> str:
    """A duration a person reads: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
