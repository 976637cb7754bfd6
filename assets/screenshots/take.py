"""Takes the README's screenshots beside this file, of the page with a real bundle.

    python assets/screenshots/take.py [BUNDLE]      (needs playwright and Chromium)

The words are corrected by hand, so that the pictures show what the page is for.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from ser.recognizer import Recognizer  # noqa: E402
from tests.page_server import Server, serve  # noqa: E402

TEXT = "What a lovely surprise! I am so happy that you came!"
SHOTS = {"light": (1200, 900), "dark": (1200, 900), "phone": (360, 760)}
OPENED = {  # cards, by their id, and the figure that each of them draws
    "light": {"over-time": "timeline", "attributes": "cube"},
    "dark": {"listened": "attention"},
    "phone": {},
}


def take(browser: Browser, server: Server, name: str) -> None:
    """One picture."""
    width, height = SHOTS[name]
    page = browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=2 if name == "phone" else 1,
    )
    page.set_default_timeout(240_000)
    page.goto(f"{server.url}?__theme={'dark' if name == 'dark' else 'light'}")
    page.click(".examples button >> nth=0")
    page.wait_for_selector("#summary .headline")
    page.fill("#transcript textarea", TEXT)
    page.get_by_role("button", name="Analyse with this text").click()
    page.wait_for_selector("#written-by >> text=Written by you.")
    for card, figure in OPENED[name].items():
        page.click(f"#{card} > .label-wrap")
        page.wait_for_selector(f"#{figure} .main-svg")
        if figure == "cube":
            page.get_by_label("Show where the emotions lie").check()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    if name == "phone":
        page.evaluate("document.getElementById('result').scrollIntoView()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(3000)  # the figures are drawn
    path = HERE / f"{name}.png"
    if name == "phone":
        page.screenshot(path=path)
    else:  # down to the last of the opened cards
        last = page.locator(f"#{list(OPENED[name])[-1]}").bounding_box()
        assert last is not None
        below = last["y"] + last["height"] + 16
        page.screenshot(
            path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": below}
        )
    few_colours(Image.open(path).convert("RGB")).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def few_colours(picture: Image.Image) -> Image.Image:
    """Its 256 most frequent colours unchanged, so that marks keep theirs in a small file."""
    pixels = np.asarray(picture).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours[np.argsort(-counts)[:256]].flatten().tolist())
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def main() -> None:
    """Serve the page, visit it three times."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    recognizer = Recognizer.from_pretrained(*sys.argv[1:2], transcriber="pocketsphinx")
    with (
        tempfile.TemporaryDirectory() as uploads,
        serve(recognizer, Path(uploads)) as server,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in SHOTS:
            take(browser, server, name)
        browser.close()


if __name__ == "__main__":
    main()
