"""`python -m ser live`: the distribution of the last seconds, again and again."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.padding import Padding
from rich.text import Text

from ser.cli.table import PipeConsole, bars
from ser.live import Live, Update
from ser.microphone import listening
from ser.recognizer import Recognizer

POLL_S = 0.2  # in steps, or Windows would not see Ctrl-C


def live(options: Namespace) -> int:
    """Listen until the time is over or the user ends it; 0, for ending it is no fault."""
    recognizer = Recognizer.from_pretrained(
        options.bundle or None,
        device=options.compute_device,
        dtype=options.dtype,
        transcriber=None,  # words take longer than speaking them
    )
    overflows: list[float] = []
    began = time.monotonic()
    with _shown(options.format) as show:
        session = Live(recognizer, show, window_s=options.window, max_s=options.seconds)
        try:
            with (
                session,
                listening(
                    session.receive, options.device, lambda: overflows.append(time.monotonic())
                ) as name,
            ):
                _tell(f"Listening to {name}. Speak; Ctrl-C ends it.")
                began = time.monotonic()
                while not session.finished.wait(POLL_S):
                    pass
        except KeyboardInterrupt:
            session.stop()
    sound, seconds = session.sound, time.monotonic() - began
    lost = f"{sound.dropped_s:.1f} s dropped" + (
        f", and the computer lost sound {len(overflows)} times" if overflows else ""
    )
    _tell(f"Heard {sound.heard_s:.1f} of {sound.received_s:.1f} s in {seconds:.1f} s; {lost}.")
    return 0


@contextmanager
def _shown(form: str) -> Iterator[Callable[[Update], None]]:
    """What is done with an update: a line of JSON, a screen that changes, or a line in a pipe."""
    console = PipeConsole(highlight=False)
    if form == "json":
        yield lambda update: print(json.dumps(update.to_dict()), flush=True)
    elif console.is_terminal:
        with Screen(console=console, auto_refresh=False, transient=False) as screen:
            yield lambda update: screen.update(picture(update), refresh=True)
    else:
        yield _line(console)


def _line(console: Console) -> Callable[[Update], None]:
    def show(update: Update) -> None:
        told = f"{update.end_s:6.1f} s  "
        if update.emotions is None or update.attributes is None:
            console.print(f"{told}nobody speaks")
            return
        values = "  ".join(f"{name} {value:.1f}" for name, value in update.attributes.items())
        share = update.emotions[update.emotion or ""]
        console.print(f"{told}{update.emotion:8} {share:4.0%}  {values}")

    return show


def picture(update: Update) -> RenderableType:
    """The distribution as bars, the attributes and how well the computer keeps up."""
    sound = update.sound
    kept = f"{update.took_s:.2f} s of computing, {sound.dropped_s:.1f} s of sound dropped"
    head = Text.assemble((f"{update.start_s:.1f} to {update.end_s:.1f} s", "bold"), f"  {kept}")
    if update.emotions is None or update.attributes is None:
        return Group(head, Padding(Text("Nobody speaks."), (1, 0, 1, 2)))
    values = "   ".join(f"{name} {value:.2f}" for name, value in update.attributes.items())
    return Group(
        head, Padding(bars(update.emotions), (1, 0, 1, 2)), Padding(Text(values), (0, 0, 0, 2))
    )


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
