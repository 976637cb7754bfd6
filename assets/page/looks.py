"""What the page is made of besides its events: theme, figures, files of assets/page, plotly.js."""

import gzip
import json
from pathlib import Path

import gradio as gr
import plotly
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ASSETS = Path(__file__).resolve().parent.parent
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def theme() -> gr.themes.Base:
    """System fonts, because nothing is fetched, and text contrasts of at least 4.5:1."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        radius_size="lg",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(**json.loads(asset("theme.json")))


def figure(name: str, label: str) -> gr.HTML:
    """A place for a plotly figure; gr.Plot forgets the camera and cannot be read in dark mode.

    Its buttons save the picture, named `name`, in the browser, and turn a cube back.
    """
    canvas = f'<div class="canvas" role="img" aria-label="{label}"></div>'
    beside = (
        '<div class="beside"><button type="button" class="turn-back" hidden '
        f'aria-label="Turn back: {label}">Turn back</button>'
        '<button type="button" class="save-picture" hidden '
        f'data-name="{name}" aria-label="Save as PNG: {label}">Save as PNG</button></div>'
    )
    return gr.HTML(
        html_template=canvas + beside,
        js_on_load=asset("figure.js"),
        elem_id=name,
        apply_default_css=False,
    )


def fold(title: str, name: str, visible: bool = True) -> gr.Accordion:
    """A closed part of the page. What is inside is made when it is first opened."""
    return gr.Accordion(title, open=False, visible=visible, elem_id=name, elem_classes="card fold")


def asset(name: str) -> str:
    """A part of the page that is not Python."""
    return (ASSETS / "page" / name).read_text(encoding="utf-8")


def style_sheets() -> list[Path]:
    """The page's rules, then those of each room."""
    page = ASSETS / "page"
    return [page / "page.css", *sorted(page.glob("*/*.css"))]


def plotly_js() -> Route:
    """plotly.js as the installed Python package brings it.

    Packed here once: gradio would do so anew for every visitor, for a second.
    """
    plain = PLOTLY_JS.read_bytes()
    packed = gzip.compress(plain)

    async def answer(request: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
        content = plain
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            content, headers["Content-Encoding"] = packed, "gzip"
        return Response(content, media_type="text/javascript", headers=headers)

    return Route("/vendor/plotly.min.js", answer)
