"""Pre-trains one encoder with Lightning: progress, logs, checkpoints, resuming."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.nn import Parameter
from torch.utils.data import DataLoader, Sampler

from training.embedded.speech_data import AsDrawn

logger = logging.getLogger(__name__)

LAST = "last"  # the newest epoch is kept, to go on from


def pretrain(
    module: lightning.LightningModule,
    collate: Callable[[list[Any]], Any],
    training: Sampler[list[Any]],
    tuning: Sampler[list[Any]],
    folder: Path,
    epochs: int,
) -> None:
    """Train `module` in place; its weights end as the exponential moving average.

    `collate` makes batches of what the samplers draw.
    """
    last = folder / f"{LAST}.ckpt"
    trainer = lightning.Trainer(
        precision="bf16-mixed" if torch.cpu._is_amx_tile_supported() else "32-true",
        default_root_dir=folder,
        max_epochs=epochs,
        accelerator="auto",
        devices=1,
        gradient_clip_val=1.0,
        logger=CSVLogger(folder, name="log", version=0),
        callbacks=[
            EMAWeightAveraging(decay=0.998),
            ModelCheckpoint(folder, filename=LAST, enable_version_counter=False),
            TQDMProgressBar(refresh_rate=20),
        ],
        check_val_every_n_epoch=2,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    trainer.fit(
        module,
        # As `sampler`, not as `batch_sampler`: only there does Lightning call set_epoch, without
        # which every epoch would draw the same batches with the same changes.
        DataLoader(AsDrawn(), batch_size=None, sampler=training, collate_fn=collate),
        DataLoader(AsDrawn(), batch_size=None, sampler=tuning, collate_fn=collate),
        ckpt_path=last if last.exists() else None,
        weights_only=False,
    )
    logger.info(
        "pre-training in %s: UAR on the tuning speakers %s",
        folder.name,
        trainer.callback_metrics.get("tune_uar"),
    )


def one_cycle(parameters: Iterable[Parameter], steps: int, peak: float) -> OptimizerLRScheduler:
    """AdamW whose rate rises to `peak` and falls again within `steps`: what every stage uses."""
    optimizer = torch.optim.AdamW(parameters, lr=peak, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=steps, pct_start=0.15
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
