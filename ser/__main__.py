"""`python -m ser predict|record|live|info`: what a recording says, from the command line."""

import io
import os
import sys
from collections.abc import Sequence

from ser.cli.arguments import parse
from ser.errors import SerError

STOPPED, BROKEN_PIPE = 130, 141  # what shells report for SIGINT and SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 when a file failed, 2 for wrong usage."""
    options = parse(arguments)
    if options.command == "live":
        # torch reads it when imported: its threads must not spin while the microphone is read
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from ser.cli import commands  # takes seconds, which --help and wrong usage need not

        with commands.quiet_libraries():
            return int(getattr(commands, options.command)(options))
    except SerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _forget_output()
        return BROKEN_PIPE


def _forget_output() -> None:
    """Let the rest of the output go nowhere, or Python complains when it closes."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    # The same text everywhere: pipes on Windows would refuse most letters, C locales the rest.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(main())
