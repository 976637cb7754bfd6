"""What may stand on the command line, and which files it names."""

import argparse
import glob
import os
from collections.abc import Sequence
from pathlib import Path

FORMATS = ("table", "json", "csv")
RECORD_SECONDS = 5.0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of one command; wrong usage ends the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m ser",
        description="See and hear emotion in speech: words, emotions, arousal, valence, dominance.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser("predict", help="analyse audio files")
    predict.add_argument(
        "files", nargs="+", metavar="FILE", help="audio files, or quoted patterns: 'calls/**/*.wav'"
    )
    predict.add_argument(
        "--device", "--compute-device", dest="compute_device", metavar="D",
        help="where to compute: cpu, cuda or mps (default: the fastest there is)",
    )  # fmt: skip
    _add_answer_options(predict)
    record = commands.add_parser("record", help="record from the microphone and analyse it")
    record.add_argument(
        "--seconds", type=float, default=RECORD_SECONDS, metavar="N",
        help="how long to record (default: %(default)g)",
    )  # fmt: skip
    record.add_argument(
        "--device", metavar="D", help="microphone: its number or a part of its name"
    )
    record.add_argument("--compute-device", metavar="D", help="where to compute: cpu, cuda or mps")
    record.add_argument(
        "--output", type=Path, metavar="FILE.wav", help="keep the recording (default: it is not)"
    )
    _add_answer_options(record)
    info = commands.add_parser("info", help="what a bundle is and how good it was measured to be")
    _add_bundle(info)
    options = parser.parse_args(arguments)
    _check(options, predict if options.command == "predict" else record)
    return options


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    _add_bundle(parser)
    parser.add_argument(
        "--transcript", metavar="TEXT", help='what is said, for a single file; "" leaves words out'
    )
    parser.add_argument(
        "--timeline",
        action="store_true",
        help="also the answer for each window of a long recording",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="table", help="default: table; json has everything"
    )
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16"], help="precision of the encoders"
    )
    parser.add_argument(
        "--transcriber", default="auto", metavar="auto|pocketsphinx|none|CHECKPOINT",
        help="who writes the words: what the bundle names, or PocketSphinx where that cannot be "
        "had (auto); PocketSphinx; nobody; a Whisper checkpoint (folder or Hub name)",
    )  # fmt: skip


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundle", default=os.environ.get("SER_BUNDLE"), metavar="B",
        help="folder or Hub id of the model (default: SER_BUNDLE, else the embedded bundle)",
    )  # fmt: skip


def _check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what cannot be meant; patterns become the files they match."""
    if options.command == "predict":
        options.files = expand(options.files)
        if options.transcript is not None and len(options.files) > 1:
            parser.error("--transcript goes with a single file")
    if options.command == "record" and options.output is not None:
        if options.output.suffix.lower() != ".wav":
            parser.error("--output must end in .wav")
        if options.output.exists():
            parser.error(f"{options.output} exists already; choose another name")
        if not options.output.absolute().parent.is_dir():
            parser.error(f"there is no folder {options.output.parent}")


def expand(names: Sequence[str]) -> list[str]:
    """The files that patterns match, in order of their names; other names as they are.

    Shells on Windows hand patterns over unexpanded. A pattern that matches nothing is kept: its
    file is then reported as missing.
    """
    files: list[str] = []
    for name in names:
        matches: list[str] = []
        if glob.has_magic(name) and not os.path.lexists(name):
            matches = [match for match in glob.glob(name, recursive=True) if os.path.isfile(match)]
        files += sorted(matches) or [name]
    return files
