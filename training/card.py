"""The model card of a trained bundle, from its configuration and measured figures."""

from collections.abc import Mapping, Sequence

import pandas as pd

from training.config import Stage

TEMPLATE = """# {name}

A fusion of three frozen encoders, trained by this repository ({stage}, best epoch by {measure}:
{epoch}). Classes: {classes}. Arousal, valence and dominance lie in 1..7.

What it gives is a guess about how speech sounds. It must not be used to judge people, nor at work
or school, where the EU AI Act forbids inferring emotions (Article 5(1)(f)).

## Data

{data}

The terms of these corpora and of the encoders hold for the weights too.

## Development set

{figures}

Speakers and recordings of this set chose the epoch and fitted the temperature ({temperature:.3f}):
the figures flatter the model. Test figures come from `python -m training evaluate`.

## Settings

| setting | value |
| --- | --- |
{settings}
"""
TITLES = {
    "macro_f1": "macro-F1",
    "uar": "unweighted average recall",
    "accuracy": "accuracy",
    "ccc": "mean CCC",
    "ccc_arousal": "CCC of arousal",
    "ccc_valence": "CCC of valence",
    "ccc_dominance": "CCC of dominance",
}


def write_card(
    name: str,
    stage_name: str,
    measure: str,
    epoch: int,
    classes: Sequence[str],
    frame: pd.DataFrame,
    figures: Mapping[str, float],
    temperature: float,
    encoders: Mapping[str, str],
    stage: Stage,
) -> str:
    """The card as Markdown; `frame` holds the rows that took part."""
    settings = {**encoders, **stage.model_dump(mode="json", exclude_defaults=False)}
    return TEMPLATE.format(
        name=name,
        stage=stage_name,
        measure=TITLES[measure],
        epoch=epoch,
        classes=", ".join(classes),
        data=data_table(frame),
        figures=_figure_table(figures),
        temperature=temperature,
        settings="\n".join(f"| {key} | {_shown(value)} |" for key, value in settings.items()),
    )


def data_table(frame: pd.DataFrame) -> str:
    """Recordings, speakers and hours of each corpus and split, as a Markdown table."""
    lines = [
        "| corpus | split | recordings | speakers | hours |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (corpus, split), rows in frame.groupby(["corpus", "split"], sort=True):
        hours = rows["duration_s"].sum() / 3600
        lines.append(
            f"| {corpus} | {split} | {len(rows)} | {rows['speaker'].nunique()} | {hours:.2f} |"
        )
    return "\n".join(lines)


def summary(figures: Mapping[str, float], recordings: int) -> str:
    """The figures in a sentence, for the page."""
    told = [f"{TITLES[name]} {figures[name]:.3f}" for name in TITLES if name in figures]
    return (
        f"On the {recordings} recordings of its development set, which chose its best epoch: "
        f"{', '.join(told)}."
    )


def _figure_table(figures: Mapping[str, float]) -> str:
    rows = [f"| {TITLES[name]} | {figures[name]:.4f} |" for name in TITLES if name in figures]
    return "\n".join(["| measure | value |", "| --- | --- |", *rows])


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "none"
    return "none" if value is None or value == {} else str(value)
