"""Pre-trains one encoder with Lightning: progress, logs, checkpoints, resuming."""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, Sampler

from training.embedded.speech_data import AsDrawn

LAST = "last"  # the newest epoch is kept, to go on from
CHECKPOINT = f"{LAST}.ckpt"
MALLOPT = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1), "M_TOP_PAD": (-2, 2**28)}
"""The numbers of glibc's malloc.h, and what they are set to."""


def pretrain(
    module: lightning.LightningModule,
    collate: Callable[[list[Any]], Any],
    training: Sampler[list[Any]],
    tuning: Sampler[list[Any]] | None,
    folder: Path,
    epochs: int,
) -> None:
    """Train `module` in place, going on from the last epoch in `folder`.

    `collate` makes batches of what the samplers draw; `tuning`, where given, is only watched.
    """
    _keep_freed_memory()
    last = folder / CHECKPOINT
    trainer = lightning.Trainer(
        default_root_dir=folder,
        max_epochs=epochs,
        accelerator="auto",
        devices=1,
        gradient_clip_val=1.0,
        # Each start has a file of its own: Lightning would begin a given one anew.
        logger=CSVLogger(folder, name="log", flush_logs_every_n_steps=1),
        callbacks=[
            ModelCheckpoint(
                folder, filename=LAST, enable_version_counter=False, save_on_train_epoch_end=True
            ),
            TQDMProgressBar(refresh_rate=20),
        ],
        check_val_every_n_epoch=2,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    trainer.fit(
        module,
        _loader(training, collate),
        None if tuning is None else _loader(tuning, collate),
        ckpt_path=last if last.exists() else None,
        weights_only=False,
    )


def _keep_freed_memory() -> None:
    """Ask glibc to keep what a step frees: fetching it anew for the next takes a fifth of the time.

    Other systems are not asked.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, value in MALLOPT.values():
            mallopt(option, value)


def restore(module: lightning.LightningModule, folder: Path) -> None:
    """Give `module` the weights of the last epoch in `folder`."""
    weights = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=False)
    module.load_state_dict(weights["state_dict"])


def _loader(
    sampler: Sampler[list[Any]], collate: Callable[[list[Any]], Any]
) -> DataLoader[list[Any]]:
    # As `sampler`, not as `batch_sampler`: only there does Lightning call set_epoch, without which
    # every epoch would draw the same batches with the same changes.
    return DataLoader(AsDrawn(), batch_size=None, sampler=sampler, collate_fn=collate)
