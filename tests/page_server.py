"""The page on a free port of this machine, for tests."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from app import build_app, launch_options
from assets.page.models import Models


@dataclass(frozen=True)
class Server:
    """A running page."""

    url: str
    app: gr.Blocks
    recognizer: Any  # the first of the models
    models: Models
    uploads: Path  # where gradio keeps what is sent to it

    def kept_files(self) -> list[Path]:
        """Everything in the upload folder; the examples are served from their own place."""
        folders = os.walk(self.uploads)  # unlike rglob, it bears that one vanishes meanwhile
        return [Path(folder, name) for folder, _, names in folders for name in names]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_page(url: str, process: subprocess.Popen, patience_s: float = 240) -> None:
    """Return once the page that this process serves is there."""
    end = time.monotonic() + patience_s
    while True:
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "the page did not start"
            time.sleep(0.2)


@contextmanager
def serve(recognizer: Any, uploads: Path, mcp: bool = False) -> Iterator[Server]:
    """The page with this recogniser, or these `Models`, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        models = recognizer if isinstance(recognizer, Models) else Models(recognizer)
        app = build_app(models)
        options: dict[str, Any] = {
            "server_port": free_port(),
            "prevent_thread_lock": True,
            "quiet": True,
        }
        _, url, _ = app.launch(**options, **launch_options(mcp))
        try:
            yield Server(url, app, models.get(models.first), models, uploads)
        finally:
            app.close(verbose=False)
