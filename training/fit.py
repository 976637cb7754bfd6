"""`fit` and `finetune`: train the fusion model on cached frames, stage by stage."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.callbacks import TQDMProgressBar as ProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from tqdm.contrib.logging import logging_redirect_tqdm

from ser.errors import SerError
from ser.fusion import FusionModel
from training import manifest
from training.answers import Answering
from training.cache import FeatureCache
from training.config import Config, Stage
from training.data import Frames, StageData
from training.files import told_faults
from training.folds import pool, with_fold
from training.identity import write_identity
from training.losses import Losses
from training.module import FusionTraining
from training.outcome import (
    Best,
    bundle_config,
    fresh,
    served_transcriber,
    write_done,
    write_measure,
)
from training.runs import FINETUNE, FIT
from training.stage import LAST, StageRun

logger = logging.getLogger(__name__)


def run(config: Config, fast_dev_run: bool = False) -> None:
    """The multi-task phase. A fast development run tries one batch and writes nothing."""
    run_stages(config, {FIT: config.fit}, fast_dev_run)


def run_finetune(config: Config, fast_dev_run: bool = False) -> None:
    """Every variant of `config.finetune`."""
    if not config.finetune:
        raise SerError("The configuration has no fine-tuning: name variants under finetune.")
    if bare := [name for name, stage in config.finetune.items() if stage.start is None]:
        raise SerError(
            f"finetune.{bare[0]} does not say what it starts from: set finetune.{bare[0]}.start, "
            "for instance to fit/macro_f1."
        )
    stages = {f"{FINETUNE}/{name}": stage for name, stage in config.finetune.items()}
    run_stages(config, stages, fast_dev_run)


def run_stages(config: Config, stages: Mapping[str, Stage], fast_dev_run: bool = False) -> None:
    """Train on the manifest of the configuration and the features that `extract` made of it."""
    frame = manifest.load(config)
    train_stages(config, stages, frame, partial(FeatureCache.open, config), fast_dev_run)


def train_stages(
    config: Config,
    stages: Mapping[str, Stage],
    frame: pd.DataFrame,
    open_cache: Callable[[pd.DataFrame], Frames],
    fast_dev_run: bool = False,
) -> None:
    """Train what is not done yet, in every fold; all is checked before anything is trained.

    `open_cache` gives the features of the rows of a frame, the copies of its training rows too.
    """
    homes = {config.run: frame}
    if config.folds is not None:
        count = config.folds.count
        homes = {config.run / f"fold{fold}": with_fold(frame, count, fold) for fold in range(count)}
    runs = [
        StageRun(config, name, stage, home, split, cache)
        for home, split in homes.items()
        for cache in [open_cache(split)]
        for name, stage in stages.items()
    ]
    for stage_run in runs:
        stage_run.check()
    for stage_run in runs:
        if stage_run.done.is_file():
            logger.info("%s is done", stage_run.title)
        else:
            train(stage_run, fast_dev_run)
    if config.folds is not None and not fast_dev_run:
        _pool_folds([r for r in runs if r.home == runs[0].home], list(homes))


def _pool_folds(runs: list[StageRun], homes: list[Path]) -> None:
    """The out-of-fold answers of each stage, where a stage without folds has its test set's."""
    for stage_run in runs:
        for measure in stage_run.measures:
            inside = Path(stage_run.name) / measure / "predictions" / "test.parquet"
            pool([home / inside for home in homes], stage_run.config.run / inside)


def train(run: StageRun, fast_dev_run: bool = False) -> None:
    """One stage from its last checkpoint, or from its start, to its bundles."""
    config, stage = run.config, run.stage
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    model = run.new_model()
    for measure in run.measures:
        bundle_config(run, measure, model.config)  # fails now rather than after the training
    _tell(run, model)
    losses = Losses.of(stage, run.classes, run.truth.targets[run.training])
    module = FusionTraining(model, losses, stage, run.truth, run.tuning, config.seed)
    data = StageData(
        run.cache, run.truth, stage, run.training, run.tuning, run.answered, config.seed,
        config.workers,
    )  # fmt: skip
    if fast_dev_run:
        trainer = new_trainer(config, precision=stage.precision, fast_dev_run=True)
        trainer.fit(module, data)
        return
    run.check_space(model)
    trainer = _training_trainer(run)
    if trainer.global_rank == 0:
        write_identity(run.folder, run.identity)
        config.save(run.folder)  # says that the stage was begun
    last = run.checkpoints / f"{LAST}.ckpt"
    # Sentences of the log go above the progress bar.
    with told_faults(run.folder), _told_memory(run), logging_redirect_tqdm():
        if last.is_file():
            logger.info("%s goes on after its last whole epoch", run.title)
        trainer.fit(module, data, ckpt_path=last if last.is_file() else None, weights_only=True)
        _finish(run, module, data)


@contextmanager
def _told_memory(run: StageRun) -> Iterator[None]:
    """SerError where a device has too little memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SerError(
            f"The device has too little memory for {run.title}: train it under another name with "
            f"batch_size={max(1, run.stage.batch_size // 2)} and accumulate="
            f"{2 * run.stage.accumulate}, or over more devices."
        ) from error


def _finish(run: StageRun, module: FusionTraining, data: StageData) -> None:
    """Answers of the best checkpoints, computed by all processes, written by the first."""
    results: dict[str, Any] = {}
    for measure in run.measures:
        best = Best.load(run, measure)
        model = fresh(module.model)
        model.load_state_dict(best.state)
        answering = Answering(model, len(run.frame))
        # In float32, as the bundle will be served.
        trainer = new_trainer(run.config, logger=False, enable_checkpointing=False)
        trainer.predict(answering, datamodule=data, return_predictions=False)
        if trainer.global_rank == 0:
            figures = write_measure(run, best, answering.model, answering.answers)
            results[measure] = {"epoch": best.epoch, "dev": figures}
            logger.info("%s/%s: best epoch %d", run.title, measure, best.epoch)
    if trainer.global_rank == 0:
        write_done(run, results, module.seconds, module.model.count_parameters())
    trainer.strategy.barrier("done")


def _tell(run: StageRun, model: FusionModel) -> None:
    left = int((~run.kept).sum())
    logger.info(
        "%s: %d recordings to train, %d to tune, %d left out by class; %.1f M parameters",
        run.title, len(run.training), len(run.tuning), left, model.count_parameters() / 1e6,
    )  # fmt: skip
    if (served := served_transcriber(run.config)) != run.config.transcriber:
        logger.info(
            "%s is a folder of this machine: the bundle names %s to write words.",
            run.config.transcriber, served,
        )  # fmt: skip


def new_trainer(config: Config, **options: Any) -> lightning.Trainer:
    """A trainer on the devices of the configuration; SerError where they are not there."""
    # DDP would broadcast buffers before each forward: validation batches are dealt out unevenly.
    several = config.devices * config.nodes > 1
    strategy = DDPStrategy(broadcast_buffers=False) if several else "auto"
    _quieten()
    try:
        return lightning.Trainer(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            strategy=strategy,
            use_distributed_sampler=False,  # ours know their process
            deterministic="warn",
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **{"callbacks": [ProgressBar()], **options},
        )
    except (MisconfigurationException, ValueError) as error:
        raise SerError(
            "The settings accelerator, devices, nodes and precision do not fit this machine or "
            f"its launcher: {error}"
        ) from error


def _training_trainer(run: StageRun) -> lightning.Trainer:
    stage, log = run.stage, run.folder / "log"
    return new_trainer(
        run.config,
        precision=stage.precision,
        max_epochs=stage.epochs,
        accumulate_grad_batches=stage.accumulate,
        gradient_clip_val=stage.clip_norm,
        default_root_dir=run.folder,
        logger=[
            # Each start of a stage has a CSV file of its own; TensorBoard joins its events itself.
            CSVLogger(log, name="csv", flush_logs_every_n_steps=1),
            TensorBoardLogger(log, name="tensorboard", version=""),
        ],
        callbacks=[ProgressBar(), LearningRateMonitor("step"), *_checkpoints(run)],
        log_every_n_steps=10,
    )


class _Checkpoint(ModelCheckpoint):
    """Goes on in a folder that was moved, where Lightning would forget which weights are best."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The files are those of the same names in the folder as it is called now."""

        def here(path: str) -> str:
            return os.path.join(str(self.dirpath), os.path.basename(path)) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {name: here(state_dict[name]) for name in paths}
        scores = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(
            {**state_dict, **moved, "best_k_models": scores, "dirpath": self.dirpath}
        )


def _checkpoints(run: StageRun) -> list[Callback]:
    """The best weights by each measure, then the full state to go on from.

    A process killed between the two repeats the epoch and finds the same weights again.
    """
    best = [
        _Checkpoint(
            run.checkpoints, filename=measure, monitor=measure, mode="max",
            save_weights_only=True, enable_version_counter=False, save_on_train_epoch_end=False,
        )
        for measure in run.measures
    ]  # fmt: skip
    last = _Checkpoint(
        run.checkpoints, filename=LAST, enable_version_counter=False, save_on_train_epoch_end=True
    )
    return [*best, last]


def _quieten() -> None:
    """Lightning's advice that does not hold here."""
    for message in (
        ".*does not have many workers.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*is smaller than the logging interval.*",
        ".*treespec, LeafSpec.*",
        ".*predict returned None.*",
    ):
        warnings.filterwarnings("ignore", message=message)
