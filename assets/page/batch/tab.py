"""The tab "Many files": a table of answers, and the same as CSV and JSON lines."""

from collections.abc import Iterator
from typing import Any, Final

import gradio as gr
from gradio.context import Context

from assets.page import line, uploads
from assets.page.looks import asset
from assets.page.models import Models
from assets.page.queue import MODEL, PRIVATE
from assets.page.running import Running
from assets.page.telling import log_writer, sentence
from ser import export
from ser.errors import Cancelled, SerError
from ser.labels import EMOTION_COLOURS, EMOTIONS
from ser.prediction import Prediction

MAX_FILES: Final = 200  # in one table; a browser draws that many rows at once
AT_ONCE: Final = (
    8  # files that are sent together; between two lots others in the line get their turn
)
MAX_NAME: Final = 400  # characters of a file's name that are kept

Upload = dict[str, str]  # path, where gradio put it, and name, as the visitor knows it


class BatchTab:
    """Files come a few at a time: the browser sends the next ones when these are answered."""

    def __init__(self, models: Models, chosen: gr.State) -> None:
        self.models = models
        self.app = Context.root_block
        self.running = Running()
        with gr.Column(elem_classes="card"):
            room = gr.HTML(
                html_template=asset("batch/batch.html"),
                js_on_load=asset("batch/files.js")
                + asset("batch/table.js")
                + asset("batch/run.js"),
                colours=EMOTION_COLOURS,
                limit=MAX_FILES,
                at_once=AT_ONCE,
                elem_id="batch",
            )
        quietly: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
        analysed = room.analyse(
            self.analyse, chosen, room, trigger_mode="multiple", **quietly, **MODEL
        )
        analysed.failure(None, js=asset("batch/failed.js"))
        analysed.success(None, js=asset("batch/ended.js"))
        self.works = {analysed["id"]}
        room.give_up(self.give_up, None, None, queue=False, **quietly)
        room.save(self.save, None, room, queue=False, **quietly)
        assert self.app is not None, "a tab is made within gr.Blocks"
        self.app.unload(self.leave)

    def analyse(
        self, model: str, event: gr.EventData, request: gr.Request
    ) -> Iterator[dict[str, Any]]:
        """Answers for a lot of files, each time all of them so far; every file is deleted.

        The first is given before any work, so that the page can still say that it gave up.
        """
        lot: dict[str, Any] = {"lot": event.lot, "answers": []}
        files = _files(event.files)
        try:
            with self.running.work(request.session_hash) as stop:
                yield {**lot}
                paths = [file["path"] for file in files]
                answers = self.models.get(model).predict_many(paths, cancelled=stop.is_set)
                for file, answer in zip(files, answers, strict=True):
                    uploads.discard(file["path"])
                    lot["answers"] = [*lot["answers"], _entry(file["name"], answer)]
                    yield {**lot}
        except Cancelled:
            pass  # what is done stays
        except Exception as error:
            lot["problem"] = sentence(error)
        finally:
            for file in files:
                uploads.discard(file["path"])
        yield {**lot, "done": True}

    async def give_up(self, event: gr.EventData, request: gr.Request) -> None:
        """End what this visit waits for, begun or not; delete what was sent for it."""
        await line.leave(self.app, request.session_hash, self.works, self.running)
        for file in _files(event.files):
            uploads.discard(file["path"])

    def leave(self, request: gr.Request) -> None:
        """Nobody waits any more, as when the page is closed."""
        self.running.stop(request.session_hash)

    def save(self, event: gr.EventData) -> dict[str, Any]:
        """The rows of the table as CSV; the browser has them and makes the file."""
        rows = [row for row in event.rows[:MAX_FILES] if isinstance(row, dict)]
        told = {name for row in rows for name in row}
        names = export.columns([name for name in EMOTIONS if name in told])
        known = [{name: row[name] for name in names if name in row} for row in rows]
        return {"csv": export.to_csv(known, names)}


def _files(sent: Any) -> list[Upload]:
    """What the browser says it sent; a path that is no upload is not touched."""
    files = [file for file in sent or () if isinstance(file, dict)][:AT_ONCE]
    return [
        {"path": str(file["path"]), "name": str(file.get("name") or "?")[:MAX_NAME]}
        for file in files
        if uploads.is_upload(str(file.get("path")))
    ]


def _entry(name: str, answer: Prediction | SerError) -> dict[str, Any]:
    """A row of the table, with its full figures, and a line of JSON."""
    if isinstance(answer, Prediction):
        log_writer(answer)
    (row,) = export.rows_of(name, answer)
    return {"row": row, "json": export.json_line(name, answer)}
