"""Command line of the training package: `python -m training COMMAND CONFIG.yaml [key=value …]`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from ser.errors import SerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument(
        "command",
        choices=["embedded", "evaluate-embedded"],
        help="make the embedded bundle, or measure it again",
    )
    parser.add_argument("config", type=Path, help="a file of training/configs")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        from training.embedded.config import EmbeddedConfig
        from training.embedded.recipe import evaluate_bundle, make_bundle

        run = make_bundle if options.command == "embedded" else evaluate_bundle
        run(EmbeddedConfig.read(options.config, options.overrides))
    except (SerError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
