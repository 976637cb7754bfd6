"""The tab "One recording": everything about one piece of speech."""

from pathlib import Path
from typing import Any

import gradio as gr

from assets.page import uploads
from assets.page.listen.attention import Attention
from assets.page.listen.attributes import Attributes
from assets.page.listen.export import Export
from assets.page.listen.recording import Recording
from assets.page.listen.result import Result
from assets.page.listen.section import Section
from assets.page.listen.takes import Takes
from assets.page.listen.visit import Shown
from assets.page.listen.words import Words
from assets.page.looks import asset
from assets.page.models import Models
from assets.page.queue import FORGET_AFTER_S, MODEL, PRIVATE
from assets.page.telling import FORGOTTEN, check_length, log_writer, sentence
from ser import fragments
from ser.errors import SerError


class Listen:
    """The tab's sections, and what happens when they are used."""

    def __init__(self, models: Models, chosen: gr.State) -> None:
        self.models, self.chosen = models, chosen
        self.shown = gr.State(time_to_live=FORGET_AFTER_S)
        with gr.Row(equal_height=True):
            with gr.Column(elem_classes="card", min_width=300):
                self.recording = Recording()
            with gr.Column(elem_classes="card", elem_id="result", min_width=300):
                self.result = Result()
        with gr.Column(visible=False, elem_classes="details") as self.details:
            with gr.Column(elem_classes="card"):
                self.words = Words()
                before = gr.Button("Compare with before", visible=False, elem_id="before")
            with gr.Column(elem_classes="card"):
                self.attention = Attention(models)
            with gr.Row(equal_height=True):
                with gr.Column(elem_classes="card", scale=3, min_width=300):
                    self.attributes = Attributes(models)
                with gr.Column(elem_classes="card", scale=2, min_width=280):
                    self.attributes.scales.render()
                    self.export = Export(models)
        self.takes = Takes(models, before)
        self.sections: list[Section] = [
            self.result, self.words, self.attention, self.attributes, self.export,
        ]  # fmt: skip
        self._events()
        self.attention.connect(self.shown)
        self.export.connect(self.shown)
        self.takes.connect(self.shown, self.recording.audio, [*self._emptied()], self._filled)

    def _events(self) -> None:
        everything = [*self._emptied()]
        model: dict[str, Any] = {**MODEL, **PRIVATE, "show_progress_on": self.result.summary}
        inputs = [self.recording.audio, self.chosen]
        for start in self.recording.starts():
            # "multiple": nothing recorded meanwhile is dropped or left behind on the disk
            start.then(self.analyse, inputs, everything, trigger_mode="multiple", **model).then(
                None, js=asset("listen/reveal.js")
            )
        gr.on(
            [self.words.revise.click, self.words.transcript.submit],
            self.correct,
            [self.shown, self.words.transcript],
            everything,
            **model,
        )

    def analyse(
        self,
        audio: str | None,
        model: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[Any, Any]:
        """A new recording, or none when it was taken away."""
        if audio is None:
            return self._emptied()
        try:
            analysis = self.models.get(model).analyse(audio, progress=progress)
            log_writer(analysis.prediction)
            return self._filled(Shown(Path(audio).name, analysis, model))
        except Exception as error:
            return self._emptied(fragments.problem(sentence(error)))
        finally:
            uploads.discard(audio)

    def correct(self, shown: Shown | None, transcript: str) -> dict[Any, Any]:
        """The same recording with other words; on failure the last result stays."""
        try:
            if shown is None:
                raise SerError(FORGOTTEN)
            check_length(transcript)
            revised = self.models.get(shown.model).revise(shown.whole(), transcript)
            log_writer(revised.prediction)
            return self._filled(Shown(shown.file, revised, shown.model))
        except Exception as error:
            return {self.words.written_by: fragments.problem(sentence(error))}

    def _emptied(self, problem: str | None = None) -> dict[Any, Any]:
        """Updates of everything that shows a result, when there is none."""
        updates: dict[Any, Any] = {self.shown: None, self.details: gr.Column(visible=False)}
        for section in self.sections:
            updates |= section.emptied()
        return updates | self.result.emptied(problem)

    def _filled(self, shown: Shown) -> dict[Any, Any]:
        updates: dict[Any, Any] = {self.shown: shown, self.details: gr.Column(visible=True)}
        for section in self.sections:
            updates |= section.filled(shown)
        return updates
