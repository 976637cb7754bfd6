"""Command line of the training package: `python -m training COMMAND CONFIG.yaml [key=value …]`."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ser.errors import SerError
from training.messages import set_up_messages


class Command(NamedTuple):
    """Where a command lives; modules are imported only when they are used."""

    module: str
    function: str
    help: str


COMMANDS: Final = {
    "prepare": Command("training.prepare", "run", "read the corpora, write the manifest"),
    "transcribe": Command("training.transcribe", "run", "write down speech without a transcript"),
    "extract": Command("training.extract", "run", "run the frozen encoders once, keep the frames"),
    "fit": Command("training.fit", "run", "train the fusion model on both tasks"),
    "finetune": Command("training.fit", "run_finetune", "fine-tune each variant of the config"),
    "ensemble": Command("training.ensemble", "run", "average the predictions of several models"),
    "evaluate": Command("training.evaluate", "run", "figures, plots and report.md of a run"),
    "submit": Command("training.submit", "run", "write the challenge's CSV files"),
    "table1": Command("training.tables", "table1", "the grid over the weights of the two losses"),
    "table2": Command("training.tables", "table2", "fine-tuning for task 1"),
    "table3": Command("training.tables", "table3", "fine-tuning and ensemble for task 2"),
    "embedded": Command("training.embedded.making", "make_bundle", "make the embedded bundle"),
    "evaluate-embedded": Command(
        "training.embedded.making", "evaluate_bundle", "measure the embedded bundle again"
    ),
}
FAST_DEV_RUN: Final = ("fit", "finetune")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_intermixed_args(arguments)
    set_up_messages()
    try:
        run, config = _prepared(options)
        run(config, **({"fast_dev_run": True} if options.fast_dev_run else {}))
    except (SerError, OSError) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, SystemExit) as end:
        if not _is_interrupt(end):
            raise
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _is_interrupt(end: BaseException) -> bool:
    """Ctrl-C, also where Lightning has made an exit of it."""
    return isinstance(end, KeyboardInterrupt) or isinstance(end.__context__, KeyboardInterrupt)


def _sentence(error: SerError | OSError) -> str:
    """Our own words; those of the operating system with the file that they are about."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return f"{error.filename or 'A file'} cannot be read or written: {error.strerror}."


def _prepared(options: argparse.Namespace) -> tuple[Callable[..., None], Any]:
    """The function to call and its settings."""
    from training.config import Config
    from training.embedded.config import EmbeddedConfig

    if options.fast_dev_run and options.command not in FAST_DEV_RUN:
        raise SerError(f"--fast-dev-run is for {' and '.join(FAST_DEV_RUN)}.")
    command = COMMANDS[options.command]
    kind = EmbeddedConfig if "embedded" in options.command else Config
    config = kind.read(options.config, options.overrides)
    return getattr(importlib.import_module(command.module), command.function), config


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train and measure speech emotion models; see training/README.md.",
        epilog="commands:\n"
        + "\n".join(f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below")
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml", help="see training/configs")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="settings to change"
    )
    parser.add_argument(
        "--fast-dev-run", action="store_true", help="a few batches only, to see that all fits"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
