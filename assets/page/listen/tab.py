"""The tab "One recording": everything about one piece of speech."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context

from assets.page import line, uploads
from assets.page.listen.attention import Attention
from assets.page.listen.attributes import Attributes
from assets.page.listen.export import Export
from assets.page.listen.memory import Takes as Kept
from assets.page.listen.player import Player
from assets.page.listen.recording import Recording
from assets.page.listen.result import Result
from assets.page.listen.section import Section
from assets.page.listen.takes import Takes
from assets.page.listen.timeline import Timeline, part_in_words, sliding
from assets.page.listen.visit import Shown
from assets.page.listen.words import Words
from assets.page.looks import asset, fold
from assets.page.models import Models
from assets.page.queue import FORGET_AFTER_S, MODEL, PRIVATE
from assets.page.running import Running
from assets.page.telling import FORGOTTEN, check_length, log_writer, sentence
from ser import fragments
from ser.errors import Cancelled, SerError
from ser.progress import Progress
from ser.recognizer import Analysis, Cancel, Recognizer
from ser.recording import Stretch

Updates = dict[Any, Any]
Work = Callable[[Recognizer, Cancel], Analysis]
STOPPED = "Stopped, as you wished."
NO_WHOLE = "The answer for the whole recording is no longer among the takes."


class Listen:
    """The tab's sections, and what happens when they are used."""

    def __init__(self, models: Models, chosen: gr.State) -> None:
        self.models, self.chosen = models, chosen
        self.app = Context.root_block
        self.works: set[int] = set()  # functions that run the encoders
        self.running = Running()
        self.shown = gr.State(time_to_live=FORGET_AFTER_S)
        with gr.Row(equal_height=True):
            with gr.Column(elem_classes="card", min_width=300):
                self.recording = Recording()
                self.player = Player()
            with gr.Column(elem_classes="card", elem_id="result", min_width=300):
                self.result = Result()
                self.told = gr.HTML(elem_id="told")
                self.cancel = gr.Button("Cancel", elem_id="cancel", scale=0)
        with gr.Column(visible=False, elem_classes="details") as self.details:
            with gr.Column(elem_classes="card"):
                self.words = Words()
                before = gr.Button("Compare with before", visible=False, elem_id="before")
            with fold("Over time", "over-time"):
                self.timeline = Timeline()
            with fold("Where the model listened", "listened"):
                self.attention = Attention(models)
            with fold("Arousal, valence, dominance", "attributes"):
                self.attributes = Attributes()
            with fold("Save this analysis", "saving"):
                self.export = Export()
        with fold("Takes of this visit", "takes", visible=False) as takes:
            self.takes = Takes(takes, before, self._filled, self._forgotten, self._end)
        self.sections: list[Section] = [
            self.result, self.player, self.words, self.timeline, self.attention, self.attributes,
            self.export,
        ]  # fmt: skip
        self._events()
        self.attention.connect(self.shown)
        self.export.connect(self.shown)
        again = self.takes.connect(self.shown)
        heard, seen = [self.player.player, self.told], [self.recording.audio, self.told]
        again.then(None, heard, seen, js=asset("listen/own_sound.js")).then(
            None, js=asset("listen/reveal.js")
        )

    def _events(self) -> None:
        everything = [*self._emptied()]
        encoders: dict[str, Any] = {**MODEL, **PRIVATE}
        above = {**encoders, "show_progress_on": self.result.summary}
        beside = {**encoders, "show_progress_on": self.timeline.told}
        inputs = [self.recording.audio, self.shown, self.chosen, *self.timeline.cut]
        works = []
        for start in self.recording.starts():
            # "multiple": nothing recorded meanwhile is dropped or left behind on the disk
            works += [
                start.then(self.analyse, inputs, everything, trigger_mode="multiple", **above)
            ]
            works[-1].then(None, js=asset("listen/reveal.js"))
        at_once = {"queue": False, "show_progress_on": self.result.summary, **PRIVATE}
        self.recording.audio.clear(self.clear, None, everything, **at_once)
        revised = [self.words.revise.click, self.words.transcript.submit]
        works += [
            gr.on(revised, self.correct, [self.shown, self.words.transcript], everything, **above)
        ]
        cut = [self.shown, *self.timeline.cut]
        works += [
            self.timeline.score.stretch(self.stretch, cut, everything, **beside),
            self.timeline.again.click(self.cut_anew, cut, everything, **beside),
        ]
        self.works = {work["id"] for work in works}
        self.timeline.again.click(None, js=asset("listen/reveal_timeline.js"))
        seen = [self.shown, self.takes.kept]
        self.timeline.score.back(self.back, seen, everything, **PRIVATE)
        for button, told in (
            (self.cancel, self.told),
            (self.timeline.cancel, self.timeline.told),
        ):
            given = [self.recording.audio, self.shown]
            button.click(None, js=asset("listen/stopping.js"))
            button.click(self.stop, given, told, queue=False, show_progress="hidden", **PRIVATE)

    def analyse(
        self,
        audio: str,
        shown: Shown | None,
        model: str,
        kind: str,
        length_s: float,
        hop_s: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Updates:
        """A new recording."""

        def work(recognizer: Recognizer, cancelled: Cancel) -> Analysis:
            windows = sliding(kind, length_s, hop_s)
            return recognizer.analyse(
                audio, progress=progress, sliding=windows, cancelled=cancelled
            )

        try:
            return self._answer(model, Path(audio).name, audio, request, work)
        except Cancelled:
            return {self.told: _stopped(shown)}
        except Exception as error:
            return self._emptied(fragments.problem(sentence(error)))
        finally:
            uploads.discard(audio)

    async def clear(self, request: gr.Request) -> Updates:
        """The recorder is empty, and so is the page; what the visit waited for ends."""
        await self._end(request)
        return self._emptied()

    def correct(
        self,
        shown: Shown | None,
        transcript: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Updates:
        """The same recording with other words; on failure the last result stays."""

        def work(recognizer: Recognizer, cancelled: Cancel) -> Analysis:
            check_length(transcript)
            return recognizer.revise(there(shown), transcript, progress, cancelled=cancelled)

        return self._another(shown, request, work, self.told, self.words.written_by)

    def stretch(
        self,
        shown: Shown | None,
        kind: str,
        length_s: float,
        hop_s: float,
        event: gr.EventData,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Updates:
        """A part of the recording on its own; on failure the last result stays."""
        part = Stretch(float(event.start), float(event.end))
        return self._cut(shown, part, (kind, length_s, hop_s), request, progress)

    def cut_anew(
        self,
        shown: Shown | None,
        kind: str,
        length_s: float,
        hop_s: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Updates:
        """The same with other windows; on failure the last result stays."""
        start_s, end_s = (0.0, 0.0)
        if shown is not None:
            start_s, end_s = shown.prediction.span
        return self._cut(shown, Stretch(start_s, end_s), (kind, length_s, hop_s), request, progress)

    def back(self, shown: Shown | None, kept: Kept) -> Updates:
        """From a stretch to the take that it is a part of."""
        whole = None if shown is None else kept.whole_of(shown)
        if whole is None:
            return {self.timeline.told: fragments.problem(NO_WHOLE)}
        return self._filled(whole.shown)

    async def stop(self, audio: str | None, shown: Shown | None, request: gr.Request) -> Any:
        """End the work that the visit waits for; what has begun tells by itself how it ended."""
        waited = await self._end(request)
        uploads.discard(audio)
        return _stopped(shown) if waited else gr.skip()

    def leave(self, request: gr.Request) -> None:
        """Nobody waits any more, as when the page is closed."""
        self.running.stop(request.session_hash)

    async def _end(self, request: gr.Request) -> bool:
        """End what the visit waits for; whether any of it was still in line."""
        return await line.leave(self.app, request.session_hash, self.works, self.running)

    def _cut(
        self,
        shown: Shown | None,
        part: Stretch,
        cut: tuple[str, float, float],
        request: gr.Request,
        progress: Progress,
    ) -> Updates:
        def work(recognizer: Recognizer, cancelled: Cancel) -> Analysis:
            return recognizer.excerpt(
                there(shown), part, progress, sliding=sliding(*cut), cancelled=cancelled
            )

        return self._another(shown, request, work, self.timeline.told, self.timeline.told)

    def _another(
        self,
        shown: Shown | None,
        request: gr.Request,
        work: Work,
        stopped: gr.HTML,
        problems: gr.HTML,
    ) -> Updates:
        """Another answer for what is on the page; where it ends without one, that is told."""
        try:
            if shown is None:
                raise SerError(FORGOTTEN)
            return self._answer(shown.model, shown.file, shown.copy, request, work)
        except Cancelled:
            return {stopped: _stopped(shown)}
        except Exception as error:
            return {problems: fragments.problem(sentence(error))}

    def _answer(self, model: str, file: str, copy: str, request: gr.Request, work: Work) -> Updates:
        """Everything for a new answer. Cancelled until the last moment, and not after it."""
        with self.running.work(request.session_hash) as stop:
            recognizer = self.models.get(model)
            analysis = work(recognizer, stop.is_set)
            log_writer(analysis.prediction)
            updates = self._filled(Shown.by(recognizer, analysis, model, file, copy))
        if stop.is_set():
            raise Cancelled(STOPPED)
        return updates

    def _emptied(self, problem: str | None = None) -> Updates:
        """Updates of everything that shows a result, when there is none."""
        updates: Updates = {self.shown: None, self.told: ""}
        updates[self.details] = gr.Column(visible=False)
        for section in self.sections:
            updates |= section.emptied()
        return updates | self.result.emptied(problem)

    def _forgotten(self) -> Updates:
        """The same without the recording."""
        return {**self._emptied(), self.recording.audio: None}

    def _filled(self, shown: Shown) -> Updates:
        part = f"{part_in_words(shown.prediction)}." if shown.prediction.stretch else ""
        updates: Updates = {self.shown: shown, self.details: gr.Column(visible=True)}
        updates[self.told] = fragments.quiet(part) if part else ""
        for section in self.sections:
            updates |= section.filled(shown)
        return updates


def _stopped(shown: Shown | None) -> str:
    still = "" if shown is None else f" What you see is still the answer for {shown.file}."
    return fragments.quiet(STOPPED + still)


def there(shown: Shown | None) -> Analysis:
    """The analysis with its recording. SerError where it is no longer in memory."""
    if shown is None:
        raise SerError(FORGOTTEN)
    return shown.whole()
