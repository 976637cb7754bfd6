"""Facts of the analysis, and the analysis as a file."""

from pathlib import Path
from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset
from assets.page.queue import PRIVATE
from assets.page.telling import FORGOTTEN, sentence
from ser import export, fragments
from ser.errors import SerError

# What can be asked for: end of the file's name, and type.
KINDS = {
    "report": (".report.html", "text/html"),
    "csv": (".emotion.csv", "text/csv"),
    "textgrid": (".TextGrid", "text/plain"),
    "json": (".emotion.json", "application/json"),
}


class Export:
    """What was analysed by what, and one menu for all files."""

    def __init__(self) -> None:
        self.facts = gr.HTML(elem_id="facts")
        self.menu = gr.HTML(
            html_template=asset("listen/export.html"),
            js_on_load=asset("listen/export.js"),
            elem_id="save",
        )

    def connect(self, shown: gr.State) -> None:
        """Make a file when it is asked for."""
        self.menu.make(self.make, shown, self.menu, queue=False, show_progress="hidden", **PRIVATE)

    def emptied(self) -> dict[Any, Any]:
        """No facts."""
        return {self.facts: ""}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """File, seconds, model, recogniser."""
        return {self.facts: fragments.facts(shown.prediction, shown.file, shown.writer)}

    def make(self, shown: Shown | None, event: gr.EventData) -> dict[str, str]:
        """A file for the browser to save: its name, type and text; or what went wrong."""
        try:
            if shown is None:
                raise SerError(FORGOTTEN)
            ending, kind = KINDS[event.kind]
            text = _text(shown, event.kind)
            return {"name": _stem(shown) + ending, "type": kind, "text": text}
        except Exception as error:
            return {"problem": sentence(error)}


def _text(shown: Shown, kind: str) -> str:
    """What the command line writes with `--timeline` in the same format."""
    file, prediction = shown.file, shown.prediction
    match kind:
        case "report":
            return export.report(file, prediction, shown.sound, shown.regions, shown.writer)
        case "csv":
            names = export.columns(list(prediction.emotions), timeline=True)
            return export.to_csv(export.rows_of(file, prediction, timeline=True), names)
        case "textgrid":
            return export.textgrid(prediction)
    return export.json_line(file, prediction, timeline=True)


def _stem(shown: Shown) -> str:
    """The recording's name, with the stretch where only a part of it was analysed."""
    part = shown.prediction.stretch
    return Path(shown.file).stem + ("" if part is None else f" {part[0]:.1f} to {part[1]:.1f} s")
