"""Work that does not depend on each other, in processes of its own."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
from tqdm import tqdm

from training.messages import set_up_messages


def run(jobs: Sequence[Callable[[], object]], what: str, processes: int, logs: Path) -> None:
    """Do all `jobs`, `processes` at a time, under one bar; what they print goes below `logs`.

    The processes share the processor's cores evenly. The first error, or Ctrl-C, ends all of them
    at once, so jobs must leave nothing half made. Jobs are pickled: functions of modules, or
    partials.
    """
    logs.mkdir(parents=True, exist_ok=True)
    threads = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (logs, threads)) as pool:
        try:
            done = as_completed([pool.submit(job) for job in jobs])
            for future in tqdm(done, what, len(jobs)):
                future.result()
        except BaseException:
            # Told to end, a process would only end its job and take the next one.
            for process in multiprocessing.active_children():
                process.kill()
            raise


def _begin(logs: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_up_messages()
    log = (logs / f"{os.getpid()}.txt").open("a", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log.fileno(), stream.fileno())


def _end_with_parent() -> None:
    """A process whose parent was killed would train on, beside whoever goes on with the work."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
