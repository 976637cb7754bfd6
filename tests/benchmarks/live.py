"""Live listening on the page, measured: `python -m tests.benchmarks.live [--seconds 60]`.

The app runs as users start it, with the embedded bundle; a headless Chromium listens to a file of
speech instead of a microphone. Prints for each visit how often the answer was renewed on the page,
the longest wait for the next one, and how many seconds of sound the browser took and the server
received; for the processes the seconds of computing per second. Linux only: it reads /proc.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from playwright.sync_api import sync_playwright

from ser.audio import SAMPLE_RATE_HZ, load_audio
from tests.browser.conftest import FLAGS
from tests.page_server import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "assets" / "examples"
START_S = 120  # the app may take so long on a busy machine

NOTE_UPDATES = """() => {
  window.updates = [];
  window.paths = 0;
  const room = document.querySelector("#live");
  new MutationObserver(() => {
    const number = Number(room.dataset.updates);
    if (number !== window.updates.at(-1)?.[0]) window.updates.push([number, performance.now()]);
  }).observe(room, { attributes: true, attributeFilter: ["data-updates"] });
  room.addEventListener("ser:drawn", () => { window.paths += 1; });
}"""
COUNTS = """() => {
  const { sent, received } = document.querySelector("#live").dataset;
  return { sent: Number(sent), received: Number(received), updates: window.updates,
    paths: window.paths };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--visits", type=int, default=1, help="pages that listen at once")
    parser.add_argument("--window", type=float, default=4.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _app() as (url, app):
        heard = _speech(Path(folder) / "voice.wav")
        with sync_playwright() as started:
            browser = started.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=[*FLAGS, f"--use-file-for-fake-audio-capture={heard}"],
            )
            pages = [_opened(browser.new_context().new_page(), url, options.window)
                     for _ in range(options.visits)]  # fmt: skip
            before, began = _computed(app.pid), time.monotonic()
            browsers_before = _computed(_browser_pid(os.getpid()))
            for page in pages:
                page.click(".live-toggle")
            time.sleep(options.seconds)
            for page in pages:
                page.click(".live-toggle")
            wall_s = time.monotonic() - began
            computed = _computed(app.pid) - before
            drawn = _computed(_browser_pid(os.getpid())) - browsers_before
            for page in pages:
                page.wait_for_selector("text=Listening has ended.", timeout=60_000)
                _report(page.evaluate(COUNTS), wall_s)
            browser.close()
    print(f"computing: server {computed / wall_s:.2f}, browser {drawn / wall_s:.2f} "
          f"of {os.cpu_count()} cores")  # fmt: skip


def _report(counts: dict[str, Any], wall_s: float) -> None:
    updates = counts["updates"]
    times = [at for _, at in updates]
    longest_s = max(after - before for before, after in pairwise(times)) / 1000
    print(
        f"{wall_s:.1f} s: {updates[-1][0] / wall_s:.2f} answers and {len(times) / wall_s:.2f} "
        f"renewals of the bars a second, longest wait {longest_s:.2f} s; "
        f"path drawn {counts['paths'] / wall_s:.2f} times a second; "
        f"sound taken {counts['sent']:.2f} s, received {counts['received']:.2f} s"
    )


def _opened(page: "Page", url: str, window_s: float) -> "Page":
    page.context.grant_permissions(["microphone"])
    page.goto(url)
    page.get_by_role("tab", name="Live").click()
    page.locator(".live-window input").fill(str(window_s))
    page.evaluate(NOTE_UPDATES)
    return page


@contextmanager
def _app() -> Iterator[tuple[str, subprocess.Popen]]:
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port)]
    with subprocess.Popen(command, cwd=REPOSITORY) as process:
        url = f"http://127.0.0.1:{port}/"
        try:
            end = time.monotonic() + START_S
            while not _answers(url):
                assert time.monotonic() < end, "the app does not start"
                time.sleep(0.5)
            yield url, process
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url).status == 200
    except OSError:
        return False


def _speech(path: Path) -> Path:
    """All examples one after the other; the browser plays them again and again."""
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    parts = [part for file in sorted(EXAMPLES.glob("*.flac"))
             for part in (load_audio(file).samples, pause)]  # fmt: skip
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((np.concatenate(parts) * 32767).astype(np.int16).tobytes())
    return path


def _computed(root: int) -> float:
    """Seconds of computing by a process and all that it started."""
    parents, seconds = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def belongs(pid: int) -> bool:
        while pid in parents:
            if pid == root:
                return True
            pid = parents[pid]
        return False

    return sum(spent for pid, spent in seconds.items() if belongs(pid))


def _browser_pid(above: int) -> int:
    """The process that playwright started, of which the browser is a part."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        name, rest = stat.read_text().rsplit(")", 1)
        if int(rest.split()[1]) == above and "node" in name:
            return int(stat.parent.name)
    raise RuntimeError("playwright's driver is not running")


if __name__ == "__main__":
    main()
