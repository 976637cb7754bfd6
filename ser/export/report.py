"""A report: one HTML file with everything in it, which needs neither network nor program."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ser import fragments, plots
from ser.audio import Waveform
from ser.export.rows import texts_of_windows
from ser.labels import ATTRIBUTES, most_probable
from ser.plots import Envelope
from ser.prediction import Prediction
from ser.regions import Region

NOTICE = (
    "What is shown is a model's guess about how speech sounds, not a reading of what somebody "
    "feels. It is made for learning, research and demonstration; do not use it to judge people. In "
    "the European Union, Article 5(1)(f) of the AI Act forbids inferring the emotions of people at "
    "work or in education, except for medical or safety reasons."
)
HEADINGS = {
    "timeline": "Over time",
    "path": "Arousal, valence, dominance",
    "sides": "The cube from its three sides",
    "attention": "Where the model looked",
}


def report(
    file: str,
    prediction: Prediction,
    waveform: Waveform | Envelope,
    regions: Sequence[Region] = (),
    recogniser_status: str = "",
) -> str:
    """The HTML of a report on one recording. Nothing in it is fetched; the sound is not in it."""
    take = plots.Take("", prediction)
    figures = {
        "emotions": plots.emotion_figure(prediction),
        "timeline": plots.timeline_figure(prediction, waveform),
        "path": _cube(prediction, regions),
        "sides": plots.projections_figure([take], regions),
        "attention": plots.attention_figure(prediction, waveform),
    }
    written = recogniser_status or f"Written by {fragments.written_by(prediction)}."
    sections = [
        _section("Result", fragments.headline(prediction) + _place("emotions")),
        _section("What was said", f"<p>{escape(prediction.transcript.text) or 'nothing'}</p>"),
        *(_section(title, _place(name)) for name, title in HEADINGS.items()),
        _section("Voice and words", fragments.encoder_shares(prediction) + _without(prediction)),
        _section("Attributes", fragments.attribute_scales(prediction)),
        _section("Windows", _windows(prediction)),
        _section("This recording", fragments.facts(prediction, file, written)),
    ]
    template = Template(files("ser.export").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(file),
        made=f"{prediction.duration_s:.1f} s, {prediction.speech_s:.1f} s of speech, "
        f"bundle {escape(prediction.bundle)}",
        sections="\n".join(sections),
        notice=escape(NOTICE),
        plotly=get_plotlyjs(),
        figures=_inside_script(figures),
    )


def _cube(prediction: Prediction, regions: Sequence[Region]) -> go.Figure:
    if len(prediction.windows) > 1:
        return plots.path_figure(prediction, regions)
    return plots.takes_figure([plots.Take(prediction.emotion, prediction)], regions)


def _inside_script(figures: Mapping[str, go.Figure]) -> str:
    """JSON that cannot end the script element it stands in, whatever the words say."""
    text = json.dumps({name: json.loads(figure.to_json()) for name, figure in figures.items()})
    return text.replace("<", "\\u003c")


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _place(name: str) -> str:
    return f'<div id="{name}" role="img"></div>'


def _without(prediction: Prediction) -> str:
    """What the answer would be without each encoder."""
    rows = [
        [
            f"without {plots.ENCODER_NAMES[name]}",
            _most_likely(other.emotions),
            *(f"{other.attributes[key]:.2f}" for key in ATTRIBUTES),
        ]
        for name, other in prediction.without.items()
    ]
    return _table(["", "emotion", *ATTRIBUTES], rows) if rows else ""


def _windows(prediction: Prediction) -> str:
    rows = [
        [
            f"{window.start_s:.2f}",
            f"{window.end_s:.2f}",
            _most_likely(window.emotions),
            *(f"{window.attributes[key]:.2f}" for key in ATTRIBUTES),
            text,
        ]
        for window, text in zip(prediction.windows, texts_of_windows(prediction), strict=True)
    ]
    return _table(["from s", "to s", "emotion", *ATTRIBUTES, "words"], rows)


def _most_likely(emotions: Mapping[str, float]) -> str:
    first = most_probable(emotions)
    return f"{first} {emotions[first]:.0%}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="table">{table}</div>'
