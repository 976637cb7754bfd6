"""The takes of a visit as a list, and some of them side by side. All text is escaped."""

from collections.abc import Iterator, Sequence
from html import escape

from assets.page.listen.memory import MAX_NAME, Take, Takes
from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTION_COLOURS, EMOTIONS
from ser.prediction import Prediction

LET_GO = (
    "Older takes were let go, so that a visit needs little memory; "
    "of those that are left, the oldest may no longer have their recording."
)
TICK_MORE = "Tick two or more to see them side by side and together in the cube."


def listed(takes: Takes) -> str:
    """Every take with what can be done with it, newest first."""
    if not takes.all:
        return ""
    items = "".join(_item(take, takes) for take in reversed(takes.all))
    hint = TICK_MORE if len(takes.compared) < 2 and len(takes.all) > 1 else ""
    told = " ".join(filter(None, [hint, LET_GO if takes.let_go else ""]))
    return (
        f'<p class="quiet">{told}</p>'
        f'<ul class="takes" aria-label="Takes, newest first">{items}</ul>'
        '<button type="button" class="clear" data-does="clear">Clear all takes</button>'
        '<span class="quiet">What is on the page goes with them.</span>'
    )


def side_by_side(takes: Sequence[Take]) -> str:
    """A column for each take; from the second on with the difference to the first."""
    if len(takes) < 2:
        return ""
    first = takes[0].shown.prediction
    heads = "".join(f'<th scope="col">{escape(take.title)}</th>' for take in takes)
    rows = [
        _row("Words", [_words(take.shown.prediction) for take in takes]),
        *(_row(*row) for row in _emotion_rows(takes, first)),
        *(_row(*row) for row in _attribute_rows(takes, first)),
    ]
    return (
        '<div class="compared" role="region" tabindex="0" aria-label="Takes side by side">'
        f'<table><caption class="quiet">Small numbers are differences from '
        f"{escape(takes[0].title)}: of probabilities in percentage points.</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _item(take: Take, takes: Takes) -> str:
    title, prediction = escape(take.title), take.shown.prediction
    ticked = " checked" if take.number in takes.ticked else ""
    on_page = take.number == takes.current
    shows = (
        '<span class="on-page">on the page</span>'
        if on_page
        else f'<button type="button" data-does="choose" aria-label="Show {title}">Show</button>'
    )
    return (
        f'<li data-number="{take.number}" data-copy="{escape(take.shown.copy)}"'
        f"{' aria-current=true' if on_page else ''}>"
        f'<input type="checkbox" data-does="tick" aria-label="Compare {title}"{ticked}>'
        f'<span class="number" aria-hidden="true">{take.number}</span>'
        f'<span class="name"><input type="text" data-does="rename" value="{escape(take.name)}" '
        f'maxlength="{MAX_NAME}" aria-label="Name of take {take.number}">'
        f'<time data-made="{take.made_s:.0f}"></time></span>'
        f'{_bars(prediction)}<span class="top"><strong>{prediction.emotion.capitalize()}</strong> '
        f"{prediction.emotions[prediction.emotion]:.0%}</span>"
        f'<span class="acts">{shows}<button type="button" data-does="remove" '
        f'aria-label="Remove {title}">&times;</button></span></li>'
    )


def _bars(prediction: Prediction) -> str:
    """The distribution in little; what it says is in words beside it."""
    bars = "".join(
        f'<i style="height:{max(share, 0.03):.0%};background:{EMOTION_COLOURS[name]}"></i>'
        for name, share in prediction.emotions.items()
    )
    return f'<span class="bars" aria-hidden="true">{bars}</span>'


def _words(prediction: Prediction) -> str:
    return f'<span class="words">{escape(prediction.transcript.text) or "none"}</span>'


def _emotion_rows(takes: Sequence[Take], first: Prediction) -> Iterator[tuple[str, list[str]]]:
    """A row for each class that any of the bundles knows."""
    known = {name for take in takes for name in take.shown.prediction.emotions}
    for name in (emotion for emotion in EMOTIONS if emotion in known):
        cells = []
        for take in takes:
            share = take.shown.prediction.emotions.get(name)
            if share is None:
                cells.append("&ndash;")
                continue
            base = first.emotions.get(name)
            change = None if take is takes[0] or base is None else 100 * (share - base)
            colour = EMOTION_COLOURS[name]
            cells.append(_bar(share, colour, f"{share:.1%}") + _difference(change, 1))
        yield name.capitalize(), cells


def _attribute_rows(takes: Sequence[Take], first: Prediction) -> Iterator[tuple[str, list[str]]]:
    for name in ATTRIBUTES:
        cells = []
        for take in takes:
            value = take.shown.prediction.attributes[name]
            place = (value - ATTRIBUTE_MIN) / (ATTRIBUTE_MAX - ATTRIBUTE_MIN)
            change = None if take is takes[0] else value - first.attributes[name]
            cells.append(_bar(place, "var(--primary-600)", f"{value:.2f}") + _difference(change, 2))
        yield f"{name.capitalize()} <small>1 to 7</small>", cells


def _bar(share: float, colour: str, told: str) -> str:
    bar = f'<i style="width:{share:.1%};background:{colour}"></i>'
    return f'<span class="bar" aria-hidden="true">{bar}</span><span class="figure">{told}</span>'


def _difference(change: float | None, digits: int) -> str:
    """With its sign, a real minus; nothing where there is nothing to differ from."""
    if change is None:
        return ""
    told = f"{change:+.{digits}f}".replace("-", "&minus;")
    return f' <small class="change">{told}</small>'


def _row(name: str, cells: Sequence[str]) -> str:
    values = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{name}</th>{values}</tr>'
