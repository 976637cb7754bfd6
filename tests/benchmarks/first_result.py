"""Seconds from opening the page to the first answer, for an example and the embedded bundle.

    python -m tests.benchmarks.first_result --visits 5 --words none

The server is a process of its own that has answered nobody yet when the first visitor comes. A
visitor presses an example as soon as it is seen.
"""

import argparse
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.long_page import FLAGS, serve


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--words", choices=["none", "pocketsphinx"], default="pocketsphinx")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(options.words, Path(folder), theirs)
        )
        server.start()
        url = ours.recv()
        waited = [visit(url) for _ in range(options.visits)]
        ours.send("end")
        server.join()
    cores = len(os.sched_getaffinity(0))
    for number, (seen, answered) in enumerate(waited, 1):
        print(f"visit {number}: page after {seen:.1f} s, answer after {answered:.1f} s")
    middle = statistics.median(answered for _, answered in waited)
    load = os.getloadavg()[0]
    print(f"median {middle:.1f} s on {cores} cores; load of the machine {load:.1f}")


def visit(url: str) -> tuple[float, float]:
    """Seconds until the page is seen, and until it shows an answer; nothing is in the cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(300_000)
        began = time.monotonic()
        page.goto(url, wait_until="commit")
        page.locator(".examples button").first.wait_for(state="visible")
        seen = time.monotonic() - began
        page.locator(".examples button").first.click()
        page.wait_for_selector("#summary .headline")
        answered = time.monotonic() - began
        browser.close()
        return seen, answered


if __name__ == "__main__":
    main()
