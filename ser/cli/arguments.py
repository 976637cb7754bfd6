"""What may stand on the command line, and which files it names."""

import argparse
import glob
import os
from collections.abc import Sequence
from pathlib import Path

FORMATS = ("table", "json", "csv")
DOCUMENTS = ("textgrid", "html")  # formats of one document for each recording
RECORD_SECONDS = 5.0
LIVE_SECONDS, LIVE_WINDOW_S = 600.0, 4.0


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
    predict.add_argument(
        "--output", type=Path, metavar="PATH",
        help="write to this new file; with textgrid and html also a folder, one document per file",
    )  # fmt: skip
    _add_answer_options(predict, (*FORMATS, *DOCUMENTS))
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
    _add_answer_options(record, FORMATS)
    live = commands.add_parser("live", help="answer again and again while you speak")
    _add_live_options(live)
    info = commands.add_parser("info", help="what a bundle is and how good it was measured to be")
    _add_bundle(info)
    options = parser.parse_args(arguments)
    if options.command in ("predict", "record"):
        _check_answer(options, predict if options.command == "predict" else record)
    if options.command == "predict":
        _check_predict(options, predict)
    elif options.command == "record":
        _check_record(options, record)
    return options


def _add_live_options(parser: argparse.ArgumentParser) -> None:
    _add_bundle(parser)
    parser.add_argument(
        "--device", metavar="D", help="microphone: its number or a part of its name"
    )
    parser.add_argument("--compute-device", metavar="D", help="where to compute: cpu, cuda or mps")
    parser.add_argument(
        "--seconds", type=float, default=LIVE_SECONDS, metavar="N",
        help="when to stop, if not by Ctrl-C (default and limit: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--window", type=float, default=LIVE_WINDOW_S, metavar="S",
        help="how many of the last seconds each answer is for (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=FORMATS[:2], default="table", help="default: table; json is one a line"
    )
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16"], help="precision of the encoders"
    )


def _add_answer_options(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
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
        "--window", type=float, metavar="S",
        help="windows of this length with --timeline, instead of windows along the pauses",
    )  # fmt: skip
    parser.add_argument(
        "--hop", type=float, metavar="S",
        help="from the start of a window to that of the next (default: half a window)",
    )  # fmt: skip
    parser.add_argument("--start", type=float, metavar="S", help="analyse from this second on")
    parser.add_argument("--end", type=float, metavar="S", help="analyse up to this second")
    parser.add_argument(
        "--format", choices=formats, default="table", help="default: table; json has everything"
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


def _check_answer(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Windows belong to a timeline; lengths that cannot be meant are the analysis' to refuse."""
    if options.window is not None and not options.timeline and options.format not in DOCUMENTS:
        parser.error("--window goes with --timeline")
    if options.hop is not None and options.window is None:
        parser.error("--hop goes with --window")
    if options.window is not None and options.hop is None:
        options.hop = options.window / 2


def _check_predict(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Patterns become the files they match; results need a place."""
    options.files = expand(options.files)
    several = len(options.files) > 1
    if options.transcript is not None and several:
        parser.error("--transcript goes with a single file")
    if options.format in DOCUMENTS and several and options.output is None:
        parser.error(f"--format {options.format} of several files needs --output FOLDER")
    if options.output is not None:
        is_folder = options.output.is_dir()
        if options.output.exists() and not (is_folder and options.format in DOCUMENTS):
            parser.error(f"{options.output} exists already; choose another name")
        if not options.output.absolute().parent.is_dir():
            parser.error(f"there is no folder {options.output.parent}")


def _check_record(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    if options.output is None:
        return
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
