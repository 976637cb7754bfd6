"""`extract`: the frozen encoders run once over every clip, their frames are kept on disk."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any, Final

import lightning
import pandas as pd
import torch
from lightning.fabric.strategies.ddp import DDPStrategy
from lightning.fabric.utilities.exceptions import MisconfigurationException
from tqdm import tqdm

from ser.encoders import EncoderBank, choose_dtype
from ser.errors import SerError
from ser.labels import ENCODERS
from training import manifest
from training.cache.inputs import Inputs, check_inputs, load_ahead
from training.cache.keys import SETTINGS, Folders, folders_of, sources, write_settings
from training.cache.plan import Job, job_bytes, plan
from training.cache.shards import ShardWriter, remove_shard, shard_fault
from training.config import Config
from training.files import told_faults

# Processes wait for one another at the start and at the end only, but there as long as it takes.
PATIENCE: Final = timedelta(days=30)
_logger = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Write the frames that no shard holds yet. Started again after a kill, it goes on.

    The last bits depend on the hardware and the number of threads of a process: with the same of
    both, interrupted or not, in one process or in several, the files have the same bytes.
    """
    frame = manifest.load(config)
    if frame.empty:
        raise SerError(f"The manifest {config.manifest} has no recordings: correct the corpora.")
    check_inputs(config, frame)
    sources(frame, "roberta")  # refuses recordings without a transcript
    fabric = launch(config)
    with fabric.rank_zero_first(local=True):  # who comes first fetches checkpoints from the Hub
        folders = [folders_of(config, name) for name in ENCODERS]
    if fabric.is_global_zero:
        for name in ENCODERS:
            write_settings(config, name)
    fabric.barrier()
    if not all((folder.clean.parent / SETTINGS).is_file() for folder in folders):
        raise SerError(
            f"{config.feature_folder} is not the same folder on every machine: set `work` to a "
            "folder that all of them share."
        )
    _remove_damaged(fabric, folders, config)
    if jobs := plan(config, frame):
        bank = load_bank(config, fabric.device)
        sizes = [job_bytes(job, config, frame, bank) for job in jobs]
        _together(fabric, _disk_fault(fabric, config, jobs, sum(sizes)))
        own = slice(fabric.global_rank, None, fabric.world_size)
        fault = _extract(fabric, config, frame, bank, jobs[own], sum(sizes[own]))
        _together(fabric, fault)
    _say(fabric, f"All frames are in {config.feature_folder}.")


def launch(config: Config) -> lightning.Fabric:
    """Start one process per device, or join those that torchrun or SLURM started.

    SerError where accelerator, devices and nodes are not what there is.
    """
    several = config.devices * config.nodes > 1
    try:
        fabric = lightning.Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            # Only lists of shards and faults are exchanged: gloo does that for every device.
            strategy=DDPStrategy(process_group_backend="gloo", timeout=PATIENCE)
            if several
            else "auto",
        )
        fabric.launch()
    except (MisconfigurationException, ValueError) as error:
        raise SerError(
            "The settings accelerator, devices and nodes do not fit this machine or its "
            f"launcher: {error}"
        ) from error
    return fabric


def load_bank(config: Config, device: torch.device) -> EncoderBank:
    """The encoders as the configuration wants them for the cache."""
    return EncoderBank.load(
        config.encoders,
        config.whisper_context,
        device,
        choose_dtype(device, config.features.precision),
        config.encoder_root,
        config.features.layers,
    )


def _remove_damaged(fabric: lightning.Fabric, folders: Sequence[Folders], config: Config) -> None:
    """Leave whole shards only; each process reads its part of them."""
    indexes = [index for folder in folders for index in folder.indexes()]
    own = indexes[fabric.global_rank :: fabric.world_size]
    bar = tqdm(own, desc="look for shards", disable=not fabric.is_global_zero, leave=False)
    found = {index: shard_fault(index, verify=config.features.verify) for index in bar}
    faults = {index: fault for part in gather(fabric, found) for index, fault in part.items()}
    for index in indexes:
        if fault := faults[index]:
            _say(fabric, f"{fault}: what it held is computed again.", logging.WARNING)
            if fabric.is_global_zero:
                remove_shard(index)
    fabric.barrier()


def _disk_fault(
    fabric: lightning.Fabric, config: Config, jobs: Sequence[Job], size: int
) -> str | None:
    """Say what is about to be written; a sentence if there is no room for it."""
    free = shutil.disk_usage(config.feature_folder).free
    _say(
        fabric,
        f"{sum(len(job.stems) for job in jobs)} shards are to be written to "
        f"{config.feature_folder}: {readable(size)}; {readable(free)} are free.",
    )
    if size <= free:
        return None
    return (
        f"{readable(size)} do not fit on the disk of {config.feature_folder}, which has "
        f"{readable(free)} free: free some space, or set `work` to a folder on another disk."
    )


def _extract(
    fabric: lightning.Fabric,
    config: Config,
    frame: pd.DataFrame,
    bank: EncoderBank,
    jobs: Sequence[Job],
    size: int,
) -> str | None:
    """Compute this process' jobs; a sentence if that fails, for the others to hear too."""
    of_all = f" (process 1 of {fabric.world_size})" if fabric.world_size > 1 else ""
    bar = tqdm(
        total=size,
        desc=f"extract{of_all}",
        unit="B",
        unit_scale=True,
        smoothing=0.05,
        disable=not fabric.is_global_zero,
    )
    try:
        with bar, told_faults(config.feature_folder):
            _write(config, frame, bank, jobs, bar)
    except SerError as error:
        return str(error)
    except torch.OutOfMemoryError:
        return (
            f"The device has too little memory for {config.features.batch_size} clips at a time: "
            "lower features.batch_size and run the same command again; it goes on from there."
        )
    return None


def _write(
    config: Config, frame: pd.DataFrame, bank: EncoderBank, jobs: Sequence[Job], bar: tqdm
) -> None:
    """Run the encoders over the jobs' clips in batches; every finished job leaves whole shards."""
    inputs = Inputs(config, frame)
    keys = {name: sources(frame, name) for name in ENCODERS}
    threads = max(1, config.workers)
    with closing(load_ahead(inputs, jobs, config.features.batch_size, threads)) as batches:
        for job in jobs:
            with _writers(job, config.features.dtype) as writers:
                done = 0
                while done < len(job.rows):
                    _, rows, loaded = next(batches)
                    for name, writer in writers.items():
                        output = getattr(bank, name).encode(loaded)
                        for row, hidden, mask in zip(rows, output.hidden, output.mask, strict=True):
                            key, frames = keys[name][row], hidden[: int(mask.sum())]
                            bar.update(writer.add(inputs.ids[row], key, frames))
                    done += len(rows)
                for name, writer in writers.items():
                    writer.finish(getattr(bank, name).step_s)


@contextmanager
def _writers(job: Job, dtype: str) -> Iterator[dict[str, ShardWriter]]:
    """A writer for each encoder of a job, closed in any case."""
    writers = {name: ShardWriter(stem, job.copy, dtype) for name, stem in job.stems.items()}
    try:
        yield writers
    finally:
        for writer in writers.values():
            writer.close()


def readable(size: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _say(fabric: lightning.Fabric, text: str, level: int = logging.INFO) -> None:
    """Once, not by every process."""
    if fabric.is_global_zero:
        _logger.log(level, text)


def gather(fabric: lightning.Fabric, item: Any) -> list[Any]:
    """What each process has, in the order of their ranks; waits for all of them."""
    if fabric.world_size == 1:
        return [item]
    items: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(items, item)
    return items


def _together(fabric: lightning.Fabric, fault: str | None) -> None:
    """Wait for all processes; SerError in each of them when one has a fault."""
    if faults := [told for told in gather(fabric, fault) if told is not None]:
        raise SerError(faults[0])
