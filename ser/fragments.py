"""Prediction -> small pieces of HTML for page and report. Pure functions; all text is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ser.labels import (
    ATTRIBUTE_ENDS,
    ATTRIBUTE_MAX,
    ATTRIBUTE_MIN,
    ATTRIBUTES,
    ENCODER_COLOURS,
    ENCODERS,
    most_probable,
)
from ser.looked import TEXT_ENDS, WeighedWord, peak, weighed_text
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
    entries = "".join(_encoder_entry(name, prediction) for name in ENCODERS)
    return f'{_share_bar(prediction)}<ul class="shares">{entries}</ul>'


def encoder_cards(prediction: Prediction) -> str:
    """The same for a page: with the answer without each encoder, and a button for its peak.

    What can be played carries `data-start` and `data-end`, in seconds.
    """
    cards = "".join(_encoder_card(name, prediction) for name in ENCODERS)
    return f'{_share_bar(prediction)}<ul class="encoders">{cards}</ul>'


def weighed_words(prediction: Prediction) -> str:
    """The text, each word shaded by its share of the text encoder's attention; "" without one.

    `--weight` runs from 0 to 1, the heaviest. Only the first word is a tab stop: arrow keys are
    to lead from word to word.
    """
    text = weighed_text(prediction)
    if text is None:
        return ""
    heaviest = max(text.start, text.end, *(item.weight for item in text.words)) or 1.0
    words = " ".join(
        _weighed_word(item, heaviest, first=index == 0) for index, item in enumerate(text.words)
    )
    start, end = (
        f'<span class="end" style="--weight:{weight / heaviest:.3f}">{name} {weight:.1%}</span>'
        for name, weight in zip(TEXT_ENDS.values(), (text.start, text.end), strict=True)
    )
    label = "Words and their share of RoBERTa's attention"
    return f'<div class="weighed" role="group" aria-label="{label}">{start} {words} {end}</div>'


def attribute_scales(prediction: Prediction | None) -> str:
    """The three attributes as numbers on scales of 1 to 7; without an answer, empty scales.

    Whoever fills them in later finds them by `data-attribute`.
    """
    values = {} if prediction is None else prediction.attributes
    return f'<dl class="scales">{"".join(_scale(n, values.get(n)) for n in ATTRIBUTE_ENDS)}</dl>'


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
    return {
        "user": "you",
        "none": "nobody: no words were recognised",
        "pocketsphinx": "PocketSphinx",
    }.get(source, source)


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _share_bar(prediction: Prediction) -> str:
    if not any(prediction.contributions.values()):
        return ""
    parts = "".join(
        f'<span style="flex-grow:{share:.4f};background:{ENCODER_COLOURS[name]}"></span>'
        for name, share in prediction.contributions.items()
    )
    return f'<div class="share-bar" aria-hidden="true">{parts}</div>'


def _encoder_entry(name: str, prediction: Prediction) -> str:
    told = "left out" if left_out(prediction, name) else f"{prediction.contributions[name]:.1%}"
    swatch = f'<i style="background:{ENCODER_COLOURS[name]}" aria-hidden="true"></i>'
    return (
        f"<li>{swatch}<b>{ENCODER_NAMES[name]}</b> <span>{ENCODER_HEARS[name]}</span>"
        f"<strong>{told}</strong></li>"
    )


def _encoder_card(name: str, prediction: Prediction) -> str:
    swatch = f'<i style="background:{ENCODER_COLOURS[name]}" aria-hidden="true"></i>'
    title = f"<h3>{swatch}{ENCODER_NAMES[name]} <span>{ENCODER_HEARS[name]}</span></h3>"
    if left_out(prediction, name):
        return f'<li>{title}<p class="quiet">left out of this answer</p></li>'
    share = f"<p><strong>{prediction.contributions[name]:.1%}</strong> of the answer</p>"
    return f"<li>{title}{share}{_without(name, prediction)}{_peak_button(name, prediction)}</li>"


def _without(name: str, prediction: Prediction) -> str:
    """The answer with all encoders beside that without one of them."""
    other = prediction.without.get(name)
    if other is None:
        return ""
    first, shares = prediction.emotion, other.emotions
    changed = ' class="other"' if most_probable(shares) != first else ""
    body = _row("Emotion", _with_share(prediction.emotions), _with_share(shares), changed)
    for key in ATTRIBUTES:
        old, new = prediction.attributes[key], other.attributes[key]
        body += _row(key.capitalize(), f"{old:.2f}", f"{new:.2f}{_arrow(old, new)}")
    head = '<th scope="col">With all</th><th scope="col">Without it</th>'
    return (
        f'<table class="without"><caption>The answer without {ENCODER_NAMES[name]}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(name: str, old: str, new: str, new_attributes: str = "") -> str:
    return f'<tr><th scope="row">{name}</th><td>{old}</td><td{new_attributes}>{new}</td></tr>'


def _with_share(emotions: Mapping[str, float]) -> str:
    first = most_probable(emotions)
    return f"{first.capitalize()} {emotions[first]:.1%}"


def _arrow(old: float, new: float) -> str:
    """Up or down for the eye alone: the numbers beside it say the same."""
    if round(old, 2) == round(new, 2):
        return ""
    return f' <span aria-hidden="true">{"▲" if new > old else "▼"}</span>'


def _peak_button(name: str, prediction: Prediction) -> str:
    found = peak(prediction, name)
    if found is None:
        return ""
    start_s, end_s = found.padded(*prediction.span)
    stretch = f"{found.start_s:.2f} to {found.end_s:.2f} s"
    said = f" “{escape(found.words)}”" if found.words else ""
    return (
        f'<button type="button" class="peak" data-start="{start_s:.3f}" data-end="{end_s:.3f}" '
        f'aria-label="Listen to the peak of {ENCODER_NAMES[name]}, {stretch}">'
        f'Listen to the peak</button><p class="quiet">{stretch}{said}</p>'
    )


def _weighed_word(item: WeighedWord, heaviest: float, first: bool) -> str:
    word = item.word
    return (
        f'<button type="button" style="--weight:{item.weight / heaviest:.3f}" '
        f'tabindex="{0 if first else -1}" data-start="{word.start_s:.3f}" '
        f'data-end="{word.end_s:.3f}">{escape(word.text)}<span> {item.weight:.1%}</span></button>'
    )


def _scale(name: str, value: float | None) -> str:
    low, high = ATTRIBUTE_ENDS[name]
    number, place = "", ""
    if value is not None:
        share = (value - ATTRIBUTE_MIN) / (ATTRIBUTE_MAX - ATTRIBUTE_MIN)
        number, place = f"{value:.2f}", f' style="left:{share:.1%}"'
    return (
        f'<dt>{name.capitalize()}</dt><dd data-attribute="{name}"><strong>{number}</strong>'
        f'<span class="track" aria-hidden="true"><i{place}></i></span>'
        f'<span class="ends"><span>1 {low}</span><span>7 {high}</span></span></dd>'
    )
