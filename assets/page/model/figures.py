"""The figures of a bundle's metrics.json as tables, whatever measures it holds."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from ser import fragments
from ser.plots import ENCODER_NAMES
from ser.regions import KEY as REGIONS

UNREADABLE: Final = '<p class="quiet">The figures of this bundle cannot be read.</p>'
NO_METRICS: Final = '<p class="quiet">This bundle does not say how good it was measured to be.</p>'
NO_CONFUSION: Final = (
    '<p class="quiet">This bundle does not say which emotion was taken for which.</p>'
)
LABELS: Final = {
    "uar": "UAR: mean recall of the classes",
    "uar_own_classes": "UAR among the classes of the corpus",
    "uar_end_to_end": "UAR, unheard speech counted as wrong",
    "lost": "UAR lost",
    "macro_f1": "macro-F1",
    "ccc": "mean CCC",
    "pearson_r": "Pearson's r",
    "expected_calibration_error": "Calibration error: how far probabilities are from what is right",
    "calibration_floor": "Calibration error that chance alone would give",
    "clips_without_detected_speech": "Clips in which no speech was found",
    "seconds_for_5_s_of_speech": "Seconds of computing for 5 s of speech",
    "strong_above_normal": "Strong acting has more arousal than normal acting",
    "strong_above_normal_sad": "The same for sad",
    "strong_above_normal_calm": "The same for calm",
    "mean_valence_difference": "How far valence moves, on average",
    "share_apart_by_1": "Recordings whose valence moves by 1 or more",
    "held_out": "Speakers held out",
    "cv": "Cross-validation",
    "conditions": "under other conditions",
    "without": "without an encoder",
    "voice": "the voice alone",
    "voice_and_words": "voice and words",
    "text_moves": "other words for the same voice",
    "text": "words alone",
    "noise_10_db": "noise at 10 dB",
    "room": "simulated rooms",
    "level_minus_20_db": "20 dB softer",
    "level_plus_6_db": "6 dB louder",
    "telephone_8_khz": "telephone",
    "mp3_32_kbit_s": "MP3 at 32 kbit/s",
    "ravdess": "RAVDESS",
    "nemo": "nEMO",
    "iesc": "IESC",
    "ravdess_to_nemo": "learnt from RAVDESS, tested on nEMO",
    "nemo_to_ravdess": "learnt from nEMO, tested on RAVDESS",
    "goemotions": "GoEmotions",
    "emobank": "EmoBank",
    **ENCODER_NAMES,
}
_INTERVAL: Final = "_interval"
_CONFUSION: Final = "confusion"
_UNSHOWN: Final = (REGIONS, "summary")  # the regions are shown in the cube, the summary on top


def figures_html(metrics: Mapping[str, Any]) -> str:
    """All of it, in words, tables and heat maps; a sentence where somebody's file is unfit."""
    try:
        return (
            f"<h2>How good it is</h2>{fragments.about_the_model(metrics)}{tables_html(metrics)}"
            f"<h2>What is taken for what</h2>{confusions_html(metrics)}"
        )
    except (TypeError, ValueError, AttributeError):
        return f"<h2>How good it is</h2>{UNREADABLE}"


def tables_html(metrics: Mapping[str, Any]) -> str:
    """All measures, with intervals where they are stored; things measured alike side by side."""
    shown = {name: value for name, value in metrics.items() if name not in _UNSHOWN}
    return "".join(_tables((), {"": shown})) or NO_METRICS


def confusions_html(metrics: Mapping[str, Any]) -> str:
    """A heat map for each confusion matrix that is stored."""
    found = [_heat_map(*matrix) for matrix in _confusions((), metrics)]
    return "".join(found) or NO_CONFUSION


Path = tuple[str, ...]
Columns = Mapping[str, Mapping[str, Any]]


def _tables(path: Path, columns: Columns) -> Iterator[str]:
    """Tables of all that the columns hold, and then one of their own measures."""
    if len(columns) > 1:
        yield from _table(path, columns)
        for name in dict.fromkeys(key for part in columns.values() for key in _groups(part)):
            having = {
                c: _groups(part)[name] for c, part in columns.items() if name in _groups(part)
            }
            names = (name,) if len(having) > 1 else (*having, name)
            yield from _tables((*path, *names), having)
        return
    ((_, alone),) = columns.items()
    groups = _groups(alone)
    for alike in _alike(groups):
        names = tuple(alike) if len(alike) == 1 else ()
        yield from _tables((*path, *names), alike)
    yield from _table((*path, "other figures") if path and groups else path, columns)


def _groups(part: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        key: value
        for key, value in part.items()
        if isinstance(value, Mapping) and not key.startswith(_CONFUSION)
    }


def _alike(groups: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Mapping[str, Any]]]:
    """Groups that share half of their measures belong side by side."""
    sets: list[dict[str, Mapping[str, Any]]] = []
    for name, group in groups.items():
        keys = _measures(group)
        for known in sets:
            others = _measures(next(iter(known.values())))
            if keys and 2 * len(keys & others) >= len(keys | others):
                known[name] = group
                break
        else:
            sets.append({name: group})
    return sets


def _measures(group: Mapping[str, Any]) -> set[str]:
    """Names of its numbers; where they were measured makes no groups alike."""
    return {key for key in group if _is_row(key, group) and not isinstance(group[key], str)}


def _is_row(key: str, part: Mapping[str, Any]) -> bool:
    value = part[key]
    return isinstance(value, int | float | str) and _INTERVAL not in key


def _table(path: Path, columns: Columns) -> Iterator[str]:
    """One table, or none where the columns have no measures of their own."""
    keys = (key for part in columns.values() for key in part if _is_row(key, part))
    if not (rows := list(dict.fromkeys(keys))):
        return
    title = escape(", ".join(map(label, path)) or "Other figures")
    heads = "".join(f'<th scope="col">{escape(label(name))}</th>' for name in columns)
    head = f"<thead><tr><td></td>{heads}</tr></thead>" if len(columns) > 1 else ""
    body = "".join(
        f'<tr><th scope="row">{escape(label(row))}</th>'
        + "".join(f"<td>{_value(row, part)}</td>" for part in columns.values())
        + "</tr>"
        for row in rows
    )
    yield (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<caption><span>{title}</span></caption>{head}<tbody>{body}</tbody></table></div>"
    )


def _value(row: str, part: Mapping[str, Any]) -> str:
    value = part.get(row)
    if value is None:
        return '<span class="none">&ndash;</span>'
    told = f"{value:.3f}" if isinstance(value, float) else escape(str(value))
    for key, ends in part.items():
        if key.startswith(row + _INTERVAL) and isinstance(ends, list) and len(ends) == 2:
            low, high = ends
            return f'{told} <span class="interval">{low:.3f} to {high:.3f}</span>'
    return told


def label(name: str) -> str:
    """A name of metrics.json as people read it."""
    readable = name.replace("_", " ")
    return LABELS.get(name, readable[:1].upper() + readable[1:])


Matrix = tuple[str, list[str], list[list[float]]]


def _confusions(path: Path, part: Mapping[str, Any]) -> Iterator[Matrix]:
    """Matrices under any name that starts with confusion: truth by row, guess by column."""
    for name, value in part.items():
        if not isinstance(value, Mapping) or name in _UNSHOWN:
            continue
        if not name.startswith(_CONFUSION):
            yield from _confusions((*path, name), value)
        elif (matrix := _matrix(value)) is not None:
            yield (", ".join(map(label, path)) or "Recordings", *matrix)
        else:
            yield from _confusions(path, {f"{_CONFUSION}_{k}": v for k, v in value.items()})


def _matrix(value: Mapping[str, Any]) -> tuple[list[str], list[list[float]]] | None:
    """From {"classes": […], "counts": [[…]]}, or from {truth: {guess: count}}."""
    classes, counts = value.get("classes"), value.get("counts")
    if isinstance(classes, list) and isinstance(counts, list):
        return [str(name) for name in classes], counts
    rows = [row for row in value.values() if isinstance(row, Mapping)]
    if len(rows) != len(value) or any(
        not isinstance(count, int | float) for row in rows for count in row.values()
    ):
        return None
    names = list(dict.fromkeys([*value, *(guess for row in rows for guess in row)]))
    empty: Mapping[str, float] = {}
    return names, [[value.get(truth, empty).get(guess, 0) for guess in names] for truth in names]


def _heat_map(title: str, classes: Sequence[str], counts: Sequence[Sequence[float]]) -> str:
    heads = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in classes)
    rows = []
    for truth, row in zip(classes, counts, strict=True):
        if not (total := sum(row)):
            continue  # nobody was recorded with it
        cells = "".join(
            f'<td style="--share:{count / total:.3f}" title="{escape(truth)} taken for '
            f'{escape(guess)}: {count:g} of {total:g}">{count / total:.0%}</td>'
            for guess, count in zip(classes, row, strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(truth)}</th>{cells}</tr>')
    told = f"{title}: what each emotion (row) was taken for (column)"
    return (
        f'<figure class="confusion scroll" tabindex="0" role="region" aria-label="{escape(told)}">'
        f"<table><caption><span>{escape(told)}</span></caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></figure>"
    )
