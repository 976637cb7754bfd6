"""The web page: record or upload speech, see transcript, emotions, attributes and attention.

python app.py [--bundle FOLDER_OR_HUB_ID] [--host HOST] [--port PORT] [--share] [--mcp]
              [--any-bundle]
"""

import argparse
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when imported
# torch's threads sleep while they wait for each other: two that spin took 12 s for what one does in
# 0.2 s, on two cores with other work to do, such as a second visitor's.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gradio as gr

from assets.page import line, uploads, visits
from assets.page.looks import ASSETS, asset, plotly_js, style_sheets, theme
from assets.page.queue import MAX_EVENTS, MAX_VISITS, PRIVATE, SWEEP_S
from assets.page.requests import missing
from ser.errors import SerError

if TYPE_CHECKING:
    from assets.page.models import Models
    from ser.recognizer import Recognizer

log = logging.getLogger("app")  # also when this file is the program


def build_app(models: "Models") -> gr.Blocks:
    """The page; start it with `app.launch(**launch_options())`."""
    from assets.page import gpu
    from assets.page.api import Api
    from assets.page.batch.tab import BatchTab
    from assets.page.listen.tab import Listen
    from assets.page.live.tab import LiveTab
    from assets.page.model.tab import ModelTab, notice_html

    uploads.keep_apart()
    visits.keep_little()
    gr.set_static_paths(ASSETS / "examples")  # served from there, never copied, never deleted
    with gr.Blocks(title="Emotion in speech", delete_cache=SWEEP_S) as app:
        chosen = gr.State(models.first)  # name of the bundle that answers this visit
        chosen.keep_in_cache = line.Wanted(app)  # type: ignore[assignment]
        gr.HTML(asset("header.html"), js_on_load=asset("header.js"), elem_id="header")
        first = notice_html(models.get(models.first))
        notice = gr.HTML(first, elem_id="notice", render=False)  # below the tabs
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("One recording", id="listen"):
                listen = Listen(models, chosen)
            if not gpu.LENT:  # nobody borrows a GPU for minutes
                with gr.Tab("Live", id="live-tab"):
                    LiveTab(models, chosen)
            with gr.Tab("Many files", id="batch-tab"):
                BatchTab(models, chosen)
            with gr.Tab("Model", id="model-tab") as model_tab:
                model = ModelTab(models, chosen, notice)
        model_tab.select(
            model.refresh, chosen, model.facts, show_progress="hidden", queue=False, **PRIVATE
        )
        notice.render()
        Api(models)

        async def forget(request: gr.Request) -> None:
            await visits.forget(app.state_holder, request.session_hash)

        app.unload(listen.leave)
        app.unload(forget)
    app.queue(max_size=MAX_EVENTS)
    line.limit(app)
    return app


def launch_options(mcp: bool = False) -> dict[str, Any]:
    """What `launch` needs besides the address: looks, plotly.js from our own server, privacy.

    SerError where `mcp` is wanted and its package is missing.
    """
    if mcp:
        from assets.page import tools

        tools.offer()
    return {
        "mcp_server": mcp,
        "theme": theme(),
        "css_paths": style_sheets(),
        "app_kwargs": {
            "routes": [plotly_js()],
            "exception_handlers": {TypeError: missing},
        },
        "footer_links": ["api"],
        "run_history": False,  # it would keep recordings in the browser
        "enable_monitoring": False,
        "max_file_size": "1gb",  # half an hour at 96 kHz, stereo, 24 bit
        "ssr_mode": False,
        "state_session_capacity": MAX_VISITS,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the page until it is stopped."""
    options = read(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    log.setLevel(logging.INFO)  # of the libraries only warnings are shown
    from assets.page import gpu  # first of all that may look for a GPU
    from assets.page.models import Models, found_bundles  # these take seconds, unlike --help
    from ser.recognizer import Recognizer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leave the block below in good order
    try:
        launched = launch_options(options.mcp)
        recognizer = Recognizer.from_pretrained(options.bundle)
        if gpu.LENT:  # what is on the GPU is there before the page starts, and nothing else
            models = Models(gpu.lent(recognizer))
        else:
            others = found_bundles(os.environ.get("SER_BUNDLES", ""))
            hub = options.any_bundle or _for_me_alone(options)
            models = Models(recognizer, others, hub=hub)
            warm_up(recognizer)
    except (SerError, OSError) as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory(prefix="ser-page-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        app = build_app(models)
        try:
            address = {"server_name": options.host, "server_port": options.port}
            app.launch(share=options.share, **address, **launched)
        except OSError:
            taken = f"Port {options.port} of {options.host} cannot be used."
            sys.exit(f"{taken} Choose another with --port, or stop what uses it.")


def warm_up(recognizer: "Recognizer") -> None:
    """Answer once: what is loaded when it is first used is there before the first visitor."""
    from ser import plots

    with suppress(SerError):  # a visitor will read it
        prediction = recognizer.predict(ASSETS / "examples" / "lively.flac")
        plots.emotion_figure(prediction).to_plotly_json()


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; where it is silent, the environment; an empty variable says nothing."""
    setting = os.environ.get
    parser = argparse.ArgumentParser(description="See and hear emotion in speech, in the browser.")
    parser.add_argument("--bundle", default=setting("SER_BUNDLE") or None, help="folder or Hub id")
    parser.add_argument("--host", default=setting("GRADIO_SERVER_NAME") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=setting("GRADIO_SERVER_PORT") or "7860")
    parser.add_argument("--share", action="store_true", help="a public link through gradio.live")
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=_is_yes(setting("GRADIO_MCP_SERVER")),
        help="offer the API as tools for MCP clients too",
    )
    parser.add_argument(
        "--any-bundle",
        action="store_true",
        default=_is_yes(setting("SER_ANY_BUNDLE")),
        help="visitors may load any Hub id, which fills this machine's disk; "
        "without it, only those on this machine may",
    )
    return parser.parse_args(arguments)


def _is_yes(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes")


def _for_me_alone(options: argparse.Namespace) -> bool:
    """Whether nobody but people on this machine can reach the page."""
    return options.host in ("127.0.0.1", "localhost", "::1") and not options.share


if __name__ == "__main__":
    main()
