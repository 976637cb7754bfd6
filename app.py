"""The web page: record or upload speech, see transcript, emotions, attributes and attention.

python app.py [--bundle FOLDER_OR_HUB_ID] [--host HOST] [--port PORT] [--share]
"""

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when imported

import gradio as gr
from starlette.routing import Route

from assets.page import uploads
from assets.page.looks import ASSETS, asset, figure, plotly_js, theme
from ser import fragments, plots
from ser.errors import SerError

if TYPE_CHECKING:
    from ser.prediction import Prediction
    from ser.recognizer import Analysis, Recognizer

log = logging.getLogger("app")  # also when this file is the program
EXAMPLES = {  # files of assets/examples, made by make.py there
    "lively": "What a lovely surprise!",
    "harsh": "Never touch my things!",
    "slow": "I miss him every day.",
    "plain": "The train to Oxford …",
}
MAX_CHARACTERS = 50_000  # of a transcript; half an hour of quick speech has about 35 000
MAX_WAITING = 20  # requests in line; the next one is asked to come back later
FORGET_AFTER_S = 1800  # an analysis stays in memory this long, or until its page is closed
MAX_VISITS = 50  # visits with an analysis in memory
SWEEP_S = (60, 600)  # every minute: uploads older than ten minutes that nobody analysed
FORGOTTEN = "The recording is no longer in memory. Record or upload it again."
WENT_WRONG = "Something went wrong on our side and nothing was analysed. Please try again."


@dataclass(frozen=True)
class Shown:
    """The analysis on the page, kept for the visit so that its transcript can be corrected."""

    file: str
    analysis: "Analysis"


class Page:
    """The page's components, and what happens when they are used."""

    def __init__(self, recognizer: "Recognizer") -> None:
        self.recognizer = recognizer
        self.shown = gr.State(time_to_live=FORGET_AFTER_S)
        gr.HTML(asset("header.html"), js_on_load=asset("header.js"), elem_id="header")
        with gr.Row(equal_height=True):
            with gr.Column(elem_classes="card", min_width=300):
                self._recording()
            with gr.Column(elem_classes="card", elem_id="result", min_width=300):
                gr.HTML("<h2>Result</h2>")
                self.summary = gr.HTML(asset("invitation.html"), elem_id="summary")
                self.emotions = figure("emotions", "The bars of the distribution")
        with gr.Column(visible=False, elem_classes="details") as self.details:
            self._details()
        about = fragments.about_the_model(recognizer.bundle.metrics)
        gr.HTML(asset("notice.html") + about, elem_id="notice")
        self._events()
        self._endpoint()

    def _recording(self) -> None:
        gr.HTML("<h2>Your voice</h2>", js_on_load=asset("any_file.js"))
        self.audio = gr.Audio(
            type="filepath",
            sources=["microphone", "upload"],
            label="Recording",
            show_label=False,
            editable=False,
            buttons=[],
            elem_id="recording",
        )
        gr.HTML('<p class="quiet">No voice at hand? Let the computer speak:</p>')
        with gr.Row(elem_classes="examples"):
            self.examples = {
                name: gr.Button(f"“{text}”", size="sm") for name, text in EXAMPLES.items()
            }

    def _details(self) -> None:
        with gr.Column(elem_classes="card"):
            self.transcript = gr.Textbox(
                label="What was said",
                info="Correct the words and analyse again: the sound stays, the text counts anew.",
                max_lines=8,
                max_length=MAX_CHARACTERS,
                elem_id="transcript",
            )
            with gr.Row(elem_classes="revise"):
                self.written_by = gr.HTML(elem_id="written-by")
                self.revise = gr.Button("Analyse with this text", variant="primary", scale=0)
        with gr.Column(elem_classes="card"):
            gr.HTML(asset("attention.html"))
            self.shares = gr.HTML(elem_id="shares")
            self.attention = figure("attention", "Attention over time")
        with gr.Row(equal_height=True):
            with gr.Column(elem_classes="card", scale=3, min_width=300):
                gr.HTML("<h2>Arousal, valence, dominance</h2>")
                self.cube = figure("cube", "The point in the cube")
            with gr.Column(elem_classes="card", scale=2, min_width=280):
                self.scales = gr.HTML(elem_id="scales")
                self.facts = gr.HTML(elem_id="facts")
                self.download = gr.Button("Download as JSON", elem_id="download")
                self.json = gr.Textbox(visible=False)

    def _events(self) -> None:
        starts = [self.audio.input(None, self.audio, self.audio, js=asset("keep_copy.js"))]
        for name, button in self.examples.items():
            path = str(ASSETS / "examples" / f"{name}.flac")
            chosen = button.click(
                lambda path=path: path, None, self.audio, api_visibility="private", queue=False
            )
            starts.append(chosen.then(None, self.audio, self.audio, js=asset("keep_copy.js")))
        everything = [*self._emptied("")]
        model: dict[str, Any] = {
            "concurrency_limit": 1,
            "concurrency_id": "model",
            "api_visibility": "private",
            "show_progress_on": self.summary,
        }
        for start in starts:
            # "multiple": nothing recorded meanwhile is dropped or left behind on the disk
            start.then(self.analyse, self.audio, everything, trigger_mode="multiple", **model).then(
                None, js=asset("reveal.js")
            )
        gr.on(
            [self.revise.click, self.transcript.submit],
            self.correct,
            [self.shown, self.transcript],
            everything,
            **model,
        )
        self.download.click(
            self.as_json, self.shown, self.json, api_visibility="private", show_progress="hidden"
        ).success(None, self.json, None, js=asset("save_json.js"))

    def _endpoint(self) -> None:
        """The API `predict`, apart from the page's own components."""
        audio = gr.Audio(type="filepath", label="Audio file", visible=False)
        transcript = gr.Textbox(label="Transcript, if known", visible=False)
        answer = gr.JSON(label="Prediction", visible=False)
        gr.Button(visible=False).click(
            self.predict,
            [audio, transcript],
            answer,
            api_name="predict",
            concurrency_limit=1,
            concurrency_id="model",
        )

    def predict(self, audio: str | None, transcript: str | None = None) -> dict[str, Any]:
        """Transcript, emotions, attributes and attention of one recording.

        A given transcript is used as it is, an empty one leaves the words out, and without one
        a speech recogniser writes it.
        """
        try:
            if audio is None:
                raise SerError("There is no recording. Send an audio file.")
            check_length(transcript)
            prediction = self.recognizer.predict(audio, transcript=transcript)
            log_writer(prediction)
            return {"file": Path(audio).name, **prediction.to_dict()}
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error
        finally:
            uploads.discard(audio)

    def analyse(
        self,
        audio: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> dict[Any, Any]:
        """A new recording, or none when it was taken away."""
        if audio is None:
            return self._emptied(asset("invitation.html"))
        try:
            analysis = self.recognizer.analyse(audio, progress=progress)
            log_writer(analysis.prediction)
            return self._filled(Shown(Path(audio).name, analysis))
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
            revised = self.recognizer.revise(shown.analysis, transcript)
            log_writer(revised.prediction)
            return self._filled(Shown(shown.file, revised))
        except Exception as error:
            return {self.written_by: fragments.problem(sentence(error))}

    def as_json(self, shown: Shown | None) -> str:
        """What `python -m ser predict --format json` prints for the same recording."""
        if shown is None:
            raise gr.Error(FORGOTTEN, print_exception=False)
        answer = {"file": shown.file, **shown.analysis.prediction.to_dict()}
        return json.dumps(answer, ensure_ascii=False)

    def _writer(self) -> str:
        """Which recogniser writes the text, and why."""
        transcriber = self.recognizer.transcriber
        if transcriber is None:
            return "No recogniser is in use. Write the words yourself."
        return getattr(transcriber, "status", f"{transcriber.name} writes the text.")

    def _emptied(self, summary: str) -> dict[Any, Any]:
        """Values of all components that show a result, when there is none."""
        texts = [self.transcript, self.written_by, self.shares, self.scales, self.facts]
        return {
            self.shown: None,
            self.summary: summary,
            self.details: gr.Column(visible=False),
            **dict.fromkeys([self.emotions, self.attention, self.cube]),
            **dict.fromkeys(texts, ""),
        }

    def _filled(self, shown: Shown) -> dict[Any, Any]:
        prediction, waveform = shown.analysis.prediction, shown.analysis.waveform
        return {
            self.shown: shown,
            self.summary: fragments.headline(prediction),
            self.emotions: plots.emotion_figure(prediction).to_plotly_json(),
            self.details: gr.Column(visible=True),
            self.transcript: prediction.transcript.text,
            self.written_by: fragments.quiet(f"Written by {fragments.written_by(prediction)}."),
            self.shares: fragments.encoder_shares(prediction),
            self.attention: plots.attention_figure(prediction, waveform).to_plotly_json(),
            self.cube: plots.attribute_figure(prediction).to_plotly_json(),
            self.scales: fragments.attribute_scales(prediction),
            self.facts: fragments.facts(prediction, shown.file, self._writer()),
        }


def build_app(recognizer: "Recognizer") -> gr.Blocks:
    """The page; start it with `app.launch(**launch_options())`."""
    uploads.keep_apart()
    gr.set_static_paths(ASSETS / "examples")  # served from there, never copied, never deleted
    with gr.Blocks(title="Emotion in speech", delete_cache=SWEEP_S) as app:
        Page(recognizer)

        def forget(request: gr.Request) -> None:
            app.state_holder.delete_state(request.session_hash)

        app.unload(forget)
    return app.queue(max_size=MAX_WAITING)


def launch_options() -> dict[str, Any]:
    """What `launch` needs besides the address: looks, plotly.js from our own server, privacy."""
    return {
        "theme": theme(),
        "css_paths": [ASSETS / "page" / "page.css"],
        "app_kwargs": {"routes": [Route("/vendor/plotly.min.js", plotly_js)]},
        "footer_links": ["api"],
        "run_history": False,  # it would keep recordings in the browser
        "enable_monitoring": False,
        "max_file_size": "1gb",  # half an hour at 96 kHz, stereo, 24 bit
        "ssr_mode": False,
        "state_session_capacity": MAX_VISITS,
    }


def sentence(error: Exception) -> str:
    """What a user is told; the log alone gets the trace of what nobody foresaw."""
    if isinstance(error, SerError):
        return str(error)
    log.error("unforeseen", exc_info=error)
    return WENT_WRONG


def check_length(transcript: str | None) -> None:
    """Refuse more text than can be said in half an hour."""
    if transcript and len(transcript) > MAX_CHARACTERS:
        raise SerError(
            f"The transcript has {len(transcript)} characters, more than the {MAX_CHARACTERS} "
            "that are allowed. Shorten it."
        )


def log_writer(prediction: "Prediction") -> None:
    """Which recogniser wrote the text; neither the text nor the file is for the log."""
    log.info("words from: %s", prediction.transcript.source)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the page until it is stopped."""
    options = read(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)  # of the libraries only warnings are shown
    from ser.recognizer import Recognizer  # takes seconds, which --help need not

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leave the block below in good order
    try:
        recognizer = Recognizer.from_pretrained(options.bundle)
    except (SerError, OSError) as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory(prefix="ser-page-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        app = build_app(recognizer)
        try:
            address = {"server_name": options.host, "server_port": options.port}
            app.launch(share=options.share, **address, **launch_options())
        except OSError:
            taken = f"Port {options.port} of {options.host} cannot be used."
            sys.exit(f"{taken} Choose another with --port, or stop what uses it.")


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; where it is silent, the environment; an empty variable says nothing."""
    setting = os.environ.get
    parser = argparse.ArgumentParser(description="See and hear emotion in speech, in the browser.")
    parser.add_argument("--bundle", default=setting("SER_BUNDLE") or None, help="folder or Hub id")
    parser.add_argument("--host", default=setting("GRADIO_SERVER_NAME") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=setting("GRADIO_SERVER_PORT") or "7860")
    parser.add_argument("--share", action="store_true", help="a public link through gradio.live")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
