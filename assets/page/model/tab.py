"""The tab "Model": what answers, how good it is, and the choice of another for this visit."""

from html import escape
from typing import Any, Final

import gradio as gr

from assets.page.looks import asset
from assets.page.model.card import card_html, licence_sentence
from assets.page.model.figures import figures_html
from assets.page.models import Models
from assets.page.queue import PRIVATE
from assets.page.telling import recogniser_in_use, sentence
from ser import fragments
from ser.bundle import BundleConfig
from ser.card import licence
from ser.errors import SerError
from ser.labels import ENCODERS
from ser.plots import ENCODER_NAMES
from ser.recognizer import Recognizer

LOADING: Final[dict[str, Any]] = {"concurrency_limit": 1, "concurrency_id": "loading"}
"""Loading takes minutes where a model is fetched; nobody who has one waits for that."""
ALONE: Final = "This page has one model. Whoever starts it can offer others."


class ModelTab:
    """`notice` is the foot of the page, which speaks of the chosen model."""

    def __init__(self, models: Models, chosen: gr.State, notice: gr.HTML) -> None:
        self.models = models
        with gr.Column(elem_classes="card"):
            gr.HTML("<h2>Which model answers</h2>")
            several = len(models.names) > 1
            self.choice = gr.Dropdown(
                list(models.names),
                value=models.first,
                label="Model",
                info="For this visit alone; what was analysed before stays as it is.",
                visible=several,
                elem_id="model-choice",
            )
            with gr.Row(visible=models.hub, elem_classes="hub", equal_height=True):
                self.hub = gr.Textbox(
                    label="Any model of this kind from the Hugging Face Hub",
                    placeholder="user/model",
                    max_length=100,
                    lines=1,
                    elem_id="model-hub",
                )
                fetch = gr.Button("Load", scale=0, elem_id="model-load")
            self.told = gr.HTML(
                "" if several or models.hub else fragments.quiet(ALONE), elem_id="model-told"
            )
        first = self._shown(models.get(models.first))
        with gr.Column(elem_classes="card"):
            self.facts = gr.HTML(first[0], elem_id="model-facts")
        with gr.Column(elem_classes="card"):
            self.figures = gr.HTML(first[1], elem_id="model-figures")
        with gr.Column(elem_classes="card"):
            self.card = gr.HTML(first[2], elem_id="model-card")
        self.notice = notice
        self.chosen = chosen
        everything = [chosen, self.choice, self.hub, self.told, notice, *self._parts]
        options: dict[str, Any] = {
            **LOADING, **PRIVATE, "show_progress_on": self.told, "trigger_mode": "once",
        }  # fmt: skip
        self.choice.input(self.choose, [self.choice, chosen], everything, **options)
        gr.on(
            [fetch.click, self.hub.submit], self.choose, [self.hub, chosen], everything, **options
        )

    @property
    def _parts(self) -> list[gr.HTML]:
        return [self.facts, self.figures, self.card]

    def choose(
        self,
        name: str,
        before: str,
        progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008
    ) -> dict[Any, Any]:
        """Another model for this visit; where it cannot be loaded, the one before stays."""
        name = (name or "").strip()
        try:
            if not name:
                raise SerError("Name a model of the Hub, such as user/model.")
            progress(None, desc=f"Loading {name}")
            recognizer = self.models.get(name)
        except Exception as error:
            problem = f"{sentence(error)} {before} goes on answering."
            return {self.told: fragments.problem(problem), self.choice: self._known(before)}
        return {
            self.chosen: name,
            self.choice: self._known(name),
            self.hub: "" if name in self.models.names else name,
            self.told: fragments.quiet(f"{name} answers from now on."),
            self.notice: notice_html(recognizer),
            **dict(zip(self._parts, self._shown(recognizer), strict=True)),
        }

    def refresh(self, name: str) -> str:
        """The facts as they are now: a better recogniser may have arrived."""
        return self._shown(self.models.get(name))[0]

    def _known(self, name: str) -> str | None:
        return name if name in self.models.names else None

    def _shown(self, recognizer: Recognizer) -> tuple[str, str, str]:
        bundle = recognizer.bundle
        card = f"<h2>Model card</h2>{card_html(bundle.card)}"
        return _facts(recognizer), figures_html(bundle.metrics), card


def notice_html(recognizer: Recognizer) -> str:
    """The foot of the page, with what is to be known of the model that answers."""
    bundle = recognizer.bundle
    about = fragments.about_the_model(bundle.metrics)
    terms = licence_sentence(bundle.card, about)
    return f"{asset('notice.html')}<h3>The model</h3>{about}{terms and fragments.quiet(terms)}"


def _facts(recognizer: Recognizer) -> str:
    bundle = recognizer.bundle
    rows = {"Name": bundle.name}
    if (config := bundle.config) is not None:
        rows |= _of_config(config)
    rows |= {"Speech recognition": recogniser_in_use(recognizer), "Licence": licence(bundle.card)}
    entries = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<h2>The model</h2><dl class="facts">{entries}</dl>'


def _of_config(config: BundleConfig) -> dict[str, str]:
    return {
        "Emotions": ", ".join(config.fusion.emotions),
        **{ENCODER_NAMES[name]: config.encoders[name].checkpoint for name in ENCODERS},
        "Languages": f"words count in {', '.join(config.text_languages)}; the voice in any",
    }
