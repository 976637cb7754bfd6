"""Commands of the training package in processes of their own, alone or as ranks of one job.

They are forked from one server process that has imported everything already: starting Python anew
for each would take longer than the commands do.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from training.__main__ import main

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.training.processes", "training.extract"])


def start(arguments: Sequence[str], log: Path, ranks: int = 1) -> list[BaseProcess]:
    """Run a command in `ranks` processes as torchrun would; all that they print goes to `log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes: list[BaseProcess] = []
    for rank in range(ranks):
        environment = {
            "TORCHELASTIC_RUN_ID": "tests",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "WORLD_SIZE": str(ranks),
            "LOCAL_WORLD_SIZE": str(ranks),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "GROUP_RANK": "0",
        }
        of_rank = environment if ranks > 1 else {}
        process = SERVER.Process(target=_command, args=(list(arguments), log, of_rank))
        process.start()
        processes.append(process)
    return processes


def finish(processes: Sequence[BaseProcess], timeout_s: float = 120) -> list[int | None]:
    """The exit statuses; processes that take longer are killed and have None."""
    for process in processes:
        process.join(timeout_s)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


def _command(arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(main(arguments))
