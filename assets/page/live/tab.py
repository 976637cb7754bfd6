"""The tab "Live": the microphone heard as long as somebody speaks, answers twice a second."""

import secrets
from typing import Any, Final

import gradio as gr
from anyio import to_thread
from gradio.context import Context

from assets.page.live.streams import GONE, Message, Stream, Streams
from assets.page.looks import asset, figure
from assets.page.models import Models
from assets.page.queue import PRIVATE
from assets.page.telling import sentence
from ser import fragments
from ser.labels import EMOTION_COLOURS
from ser.live import MAX_LIVE_S
from ser.plots import trail_figure

LAST_ANSWER_S: Final = 5.0  # how long the end waits for it


class LiveTab:
    """Microphone, distribution, and the path through the cube.

    Sound does not go through gradio's line: a component's server functions are answered at once,
    however many recordings wait there. Only the beginning is an event, because events know the
    visit and its bundle.
    """

    def __init__(self, models: Models, chosen: gr.State) -> None:
        self.models = models
        self.streams = Streams()

        async def hear(message: Message) -> dict[str, Any]:
            return self._told(message, end=False)

        async def end(message: Message) -> dict[str, Any]:
            stream = self.streams.get(message.get("id"))
            if stream is not None:
                stream.close()
                await to_thread.run_sync(stream.wait, LAST_ANSWER_S)
            told = self._told(message, end=True)
            self.streams.forget(message.get("id"))
            return told

        with gr.Row(elem_id="live"):
            with gr.Column(elem_classes="card live-control-card", min_width=280):
                self.stage = gr.HTML(
                    html_template=asset("live/control.html"),
                    js_on_load=asset("live/microphone.js") + asset("live/live.js"),
                    server_functions=[hear, end],
                    worklet=asset("live/worklet.js"),
                    colours=EMOTION_COLOURS,
                    limit_s=MAX_LIVE_S,
                    empty=trail_figure([]).to_plotly_json(),
                )
            with gr.Column(elem_classes="card live-answer-card", min_width=280):
                gr.HTML(
                    asset("live/answer.html").replace("SCALES", fragments.attribute_scales(None))
                )
            with gr.Column(elem_classes="card live-path-card", min_width=280):
                gr.HTML(asset("live/path.html"))
                figure("trail", "The path in the cube")
        self.stage.begin(
            self.begin, chosen, self.stage, queue=False, show_progress="hidden", **PRIVATE
        )
        assert Context.root_block is not None, "a tab is made within gr.Blocks"
        Context.root_block.unload(self.leave)

    def begin(self, model: str, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """Listen to this visit from now on: the id that its messages carry, or why not."""
        # gradio tells a page of new values only, so that the same refusal twice would be one
        ticket: dict[str, Any] = {"ticket": secrets.token_hex(4)}
        try:
            recognizer = self.models.get(model)
            window_s = float(event.window_s)
            stream = self.streams.begin(recognizer, request.session_hash or "", window_s)
        except Exception as error:
            return {**ticket, "problem": sentence(error)}
        return {**ticket, "id": stream.id}

    def leave(self, request: gr.Request) -> None:
        """The page was closed."""
        self.streams.leave(request.session_hash)

    def _told(self, message: Message, end: bool) -> dict[str, Any]:
        stream: Stream | None = None
        try:
            stream = self.streams.get(message["id"])
            if stream is None:
                return {"ended": GONE}
            if not end:
                stream.hear(message)
            return stream.told_since(int(message["after"]))
        except Exception as error:
            if stream is not None:
                stream.close()
            return {"ended": sentence(error)}
