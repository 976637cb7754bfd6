"""A long recording through the running page: memory of the server, seconds, bytes for the browser.

    python -m tests.benchmarks.long_page --minutes 10 30 --words none
    python -m tests.benchmarks.long_page --minutes 5 --words pocketsphinx

Clips of RAVDESS and nEMO are joined with pauses, the embedded bundle answers, Chromium visits.
"""

import argparse
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
import wave
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ser.audio import SAMPLE_RATE_HZ, load_audio

REPOSITORY = Path(__file__).resolve().parents[2]
SHORT = REPOSITORY / "assets" / "examples" / "harsh.flac"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


def write_recording(path: Path, minutes: float, data: Path) -> None:
    """Clips in an order that is always the same, with pauses of 0.3 to 3 s."""
    clips = sorted((data / "ravdess").rglob("*.opus")) + sorted((data / "nemo").rglob("*.opus"))
    random = np.random.default_rng(0)
    room = round(minutes * 60 * SAMPLE_RATE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        for index in random.permutation(len(clips)):
            pause = np.zeros(round(random.uniform(0.3, 3.0) * SAMPLE_RATE_HZ), np.float32)
            piece = np.concatenate([load_audio(clips[index]).samples, pause])[:room]
            file.writeframes((piece * 32767).astype(np.int16).tobytes())
            room -= len(piece)
            if room <= 0:
                return


def serve(words: str, uploads: Path, pipe: Connection) -> None:
    """The page in a process of its own, whose memory is nobody else's."""
    from app import warm_up
    from ser.recognizer import Recognizer
    from tests.page_server import serve as serve_page

    recognizer = Recognizer.from_pretrained(transcriber=None if words == "none" else words)
    warm_up(recognizer)
    with serve_page(recognizer, uploads) as server:
        pipe.send(server.url)
        pipe.recv()


class Memory:
    """Memory of a process, sampled ten times a second: its own, and with what lies in files."""

    def __init__(self, process: int) -> None:
        self._status = Path(f"/proc/{process}/status")
        self.peak_mb = self.now_mb()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def now_mb(self) -> np.ndarray:
        """All that is resident, and what of it is no copy of a file, in MB."""
        told = dict(line.split(":") for line in self._status.read_text().splitlines())
        return np.array([int(told[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")])

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            self.peak_mb = np.maximum(self.peak_mb, self.now_mb())


def visit(url: str, recording: Path, memory: Memory, patience_s: float) -> None:
    """Upload the recording as a visitor does, and print what it cost."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import turn_to_files

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        page.goto(url)
        answer_bytes = _count_answers(page)
        page.wait_for_selector("#recording button.record")
        turn_to_files(page)
        before_mb, began = memory.now_mb(), time.monotonic()
        page.set_input_files("#recording input[type=file]", recording)
        page.wait_for_selector("#summary .headline", timeout=1000 * patience_s)
        answered = time.monotonic()
        page.click("#over-time > .label-wrap")
        page.wait_for_selector("#timeline .main-svg")
        drawn = time.monotonic()
        page.click("#saving > .label-wrap")
        page.wait_for_selector("#facts dd")
        windows = page.inner_text("#score .window h3") if page.is_visible("#score .window") else ""
        print(f"{recording.name}: {page.inner_text('#facts dd')}; {windows}")
        print(f"  answered after {answered - began:.0f} s, drawn {drawn - answered:.1f} s later")
        for name, before, peak in zip(("all", "own"), before_mb, memory.peak_mb, strict=True):
            print(f"  {name} memory of the server {before:.0f} MB before, at most {peak:.0f} MB")
        print(f"  answer for the browser {sum(answer_bytes) / 1e6:.2f} MB", flush=True)
        browser.close()


def _count_answers(page: Any) -> list[int]:
    """Bytes of each piece of the stream in which gradio answers."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    streams: set[str] = set()
    pieces: list[int] = []

    def asked(event: dict[str, Any]) -> None:
        if "/queue/data" in event["request"]["url"]:
            streams.add(event["requestId"])

    def received(event: dict[str, Any]) -> None:
        if event["requestId"] in streams:
            pieces.append(event["dataLength"])

    network.on("Network.requestWillBeSent", asked)
    network.on("Network.dataReceived", received)
    return pieces


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 30.0])
    parser.add_argument("--words", choices=["none", "pocketsphinx"], default="none")
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--patience", type=float, default=7200.0, help="seconds")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as folder:
        recordings = [SHORT]  # it loads what is loaded at first use
        for minutes in options.minutes:
            recordings.append(Path(folder) / f"{minutes:g} minutes.wav")
            write_recording(recordings[-1], minutes, options.data)
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(options.words, Path(folder) / "uploads", theirs)
        )
        server.start()
        assert server.pid is not None
        url = ours.recv()
        for recording in recordings:
            memory = Memory(server.pid)
            visit(url, recording, memory, options.patience)
            memory.stop()
        ours.send("end")
        server.join()


if __name__ == "__main__":
    main()
