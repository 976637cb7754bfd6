"""Facts of the analysis, and the analysis as a file."""

import json
from typing import Any

import gradio as gr

from assets.page.listen.visit import Shown
from assets.page.looks import asset
from assets.page.models import Models
from assets.page.queue import PRIVATE
from assets.page.telling import FORGOTTEN
from ser import fragments


class Export:
    """What was analysed by what, and the download."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.facts = gr.HTML(elem_id="facts")
        self.download = gr.Button("Download as JSON", elem_id="download")
        self.json = gr.Textbox(visible=False)

    def connect(self, shown: gr.State) -> None:
        """Make the file when it is asked for."""
        self.download.click(
            self.as_json, shown, self.json, show_progress="hidden", **PRIVATE
        ).success(None, self.json, None, js=asset("listen/save_json.js"))

    def emptied(self) -> dict[Any, Any]:
        """No facts."""
        return {self.facts: ""}

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """File, seconds, model, recogniser."""
        writer = self._writer(shown.model)
        return {self.facts: fragments.facts(shown.analysis.prediction, shown.file, writer)}

    def as_json(self, shown: Shown | None) -> str:
        """What `python -m ser predict --format json` prints for the same recording."""
        if shown is None:
            raise gr.Error(FORGOTTEN, print_exception=False)
        answer = {"file": shown.file, **shown.analysis.prediction.to_dict()}
        return json.dumps(answer, ensure_ascii=False)

    def _writer(self, model: str) -> str:
        """Which recogniser writes the text, and why."""
        transcriber = self.models.get(model).transcriber
        if transcriber is None:
            return "No recogniser is in use. Write the words yourself."
        return getattr(transcriber, "status", f"{transcriber.name} writes the text.")
