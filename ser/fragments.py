"""Prediction -> small pieces of HTML for page and report. Pure functions; all text is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ser.labels import (
    ATTRIBUTE_ENDS,
    ATTRIBUTE_MAX,
    ATTRIBUTE_MIN,
    ENCODER_COLOURS,
    ENCODERS,
)
from ser.plots import ENCODER_HEARS, ENCODER_NAMES, left_out
from ser.prediction import Prediction


def headline(prediction: Prediction) -> str:
    """The most probable class, its probability, the runners-up, and the notes."""
    ranked = sorted(prediction.emotions.items(), key=lambda item: -item[1])
    (first, share), others = ranked[0], ranked[1:3]
    rest = ", ".join(f"{name} {other:.1%}" for name, other in others)
    return (
        f'<p class="headline"><strong>{first.capitalize()}</strong> <span>{share:.1%}</span></p>'
        f'<p class="quiet">is the most likely answer; then {rest}.</p>'
        f"{_notes(prediction.notes)}"
    )


def problem(sentence: str) -> str:
    """Something that went wrong and what to do, announced by screen readers."""
    return f'<p class="problem" role="alert">{escape(sentence)}</p>'


def quiet(sentence: str) -> str:
    """A remark."""
    return f'<p class="quiet">{escape(sentence)}</p>'


def encoder_shares(prediction: Prediction) -> str:
    """How much of the answer each encoder brought: a bar of three parts, and the same in words."""
    parts = "".join(
        f'<span style="flex-grow:{share:.4f};background:{ENCODER_COLOURS[name]}"></span>'
        for name, share in prediction.contributions.items()
    )
    entries = "".join(_encoder_entry(name, prediction) for name in ENCODERS)
    bar = f'<div class="share-bar" aria-hidden="true">{parts}</div>'
    drawn = bar if any(prediction.contributions.values()) else ""
    return f'{drawn}<ul class="shares">{entries}</ul>'


def attribute_scales(prediction: Prediction) -> str:
    """The three attributes as numbers on scales of 1 to 7."""
    return f'<dl class="scales">{"".join(_scale(name, prediction) for name in ATTRIBUTE_ENDS)}</dl>'


def facts(prediction: Prediction, file: str, recogniser_status: str) -> str:
    """What was analysed, and by what."""
    seconds = f"{prediction.duration_s:.1f} s, {prediction.speech_s:.1f} s of speech"
    rows = {
        "Recording": f"{file}, {seconds}",
        "Model": f"bundle {prediction.bundle}",
        "Speech recognition": recogniser_status,
    }
    entries = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<dl class="facts">{entries}</dl>'


def about_the_model(metrics: Mapping[str, Any]) -> str:
    """What the bundle learnt from and how good it was measured to be, where it tells."""
    told = str(metrics.get("summary", "How good this model is has not been stored with it."))
    return f"<p>{escape(told)}</p>"


def written_by(prediction: Prediction) -> str:
    """Who wrote the transcript, in words."""
    source = prediction.transcript.source
    return {"user": "you", "none": "nobody: no words were recognised"}.get(source, source)


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _encoder_entry(name: str, prediction: Prediction) -> str:
    told = "left out" if left_out(prediction, name) else f"{prediction.contributions[name]:.1%}"
    swatch = f'<i style="background:{ENCODER_COLOURS[name]}" aria-hidden="true"></i>'
    return (
        f"<li>{swatch}<b>{ENCODER_NAMES[name]}</b> <span>{ENCODER_HEARS[name]}</span>"
        f"<strong>{told}</strong></li>"
    )


def _scale(name: str, prediction: Prediction) -> str:
    value = prediction.attributes[name]
    low, high = ATTRIBUTE_ENDS[name]
    place = (value - ATTRIBUTE_MIN) / (ATTRIBUTE_MAX - ATTRIBUTE_MIN)
    return (
        f"<dt>{name.capitalize()}</dt><dd><strong>{value:.2f}</strong>"
        f'<span class="track" aria-hidden="true"><i style="left:{place:.1%}"></i></span>'
        f'<span class="ends"><span>1 {low}</span><span>7 {high}</span></span></dd>'
    )
