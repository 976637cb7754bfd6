"""The model card of the embedded bundle, written from its measured figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ser.labels import ENCODERS
from ser.plots import ENCODER_NAMES

Figures = Mapping[str, Any]
TEMPLATE: Final = Path(__file__).with_name("card.md")
FOLDS: Final = """\
The recipe, in five folds that together test every known speaker once, answers pooled (the weights
of four of the folds are not shipped; the temperature of each fold is fitted on the others). Trials
on the speakers of the first, the second and the fifth decided parts of the recipe, so that these
figures are somewhat too good:

{folds}

"""
ACROSS_CORPORA: Final = """\
From one corpus to the other, tested on the classes that both have, no others allowed as answers, at
temperature 1; recall of neutral {neutral}:

{across}

"""
CORPORA: Final = {
    "ravdess": "RAVDESS (acted, English, 8 classes)",
    "nemo": "nEMO (acted, Polish, 6 classes)",
    "iesc": "IESC (single words in the wild, 4 classes)",
}
SPOKEN: Final = {"ravdess": "RAVDESS", "nemo": "nEMO", "iesc": "IESC"}
ACROSS: Final = {
    "ravdess_to_nemo": "trained on RAVDESS alone, tested on nEMO",
    "nemo_to_ravdess": "trained on nEMO alone, tested on RAVDESS",
}
IN_FOLDS: Final = "RAVDESS, {} actors in five folds"
WEAKEST: Final = 3
WITHOUT: Final = {
    "voice": "the voice alone",
    "voice_and_words": "with words of the same emotion",
}
CONDITIONS: Final = {
    "noise_10_db": "noise at 10 dB (ESC-10 clips kept from training)",
    "room": "simulated rooms",
    "level_minus_20_db": "20 dB softer",
    "level_plus_6_db": "6 dB louder, clipped",
    "telephone_8_khz": "telephone, 8 kHz",
    "mp3_32_kbit_s": "MP3 at 32 kbit/s",
}


def write_card(metrics: Figures, bundle: Path) -> str:
    """The card as Markdown."""
    held = metrics["held_out"]
    widest = metrics.get("cv", held)  # the figures of most speakers
    classes = list(dict.fromkeys(c for name in CORPORA for c in held[name]["recall"]))
    text = held["text"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        megabytes=sum(path.stat().st_size for path in bundle.rglob("*.safetensors")) / 1e6,
        classes=", ".join(classes),
        cv=folds_part(metrics["cv"]) if "cv" in metrics else "",
        held_out=quality_table(held, CORPORA),
        actors=_listed(metrics["kept_out"]["ravdess"]),
        nemo=_listed(metrics["kept_out"]["nemo"]),
        widest="in the five folds" if "cv" in metrics else "of the shipped weights",
        recalls=table(
            ["", *classes],
            [
                [SPOKEN[name], *(_optional(widest[name]["recall"], c) for c in classes)]
                for name in CORPORA
            ],
        ),
        in_folds=", and of RAVDESS by the weights of all folds" if "cv" in metrics else "",
        conditions=conditions_table(held["conditions"], metrics.get("cv")),
        without=without_table(held["without"], metrics.get("cv")),
        pairs=widest["arousal"]["pairs"],
        strong=told(widest["arousal"], "strong_above_normal"),
        sad=told(widest["arousal"], "strong_above_normal_sad"),
        calm=told(widest["arousal"], "strong_above_normal_calm"),
        goemotions=told(text["goemotions"], "macro_f1"),
        emobank=", ".join(
            f"{name} {told(text['emobank'][name], 'pearson_r')}"
            for name in ("valence", "arousal", "dominance")
        ),
        happy=held["text_moves"]["words"][0],
        bad=held["text_moves"]["words"][1],
        moved=told(held["text_moves"], "mean_valence_difference"),
        apart=held["text_moves"]["share_apart_by_1"],
        recordings=held["text_moves"]["recordings"],
        milliseconds=1e3 * held["seconds_for_5_s_of_speech"],
        machine=held["machine"],
        torch=held["torch"],
        ordinary=widest["iesc"]["recall"]["neutral"],
        weakest=_listed(weakest(widest)),
        seed=metrics["seed"],
    )


def folds_part(cv: Figures) -> str:
    """What cross-validation adds."""
    folds = FOLDS.format(folds=quality_table(cv, CORPORA))
    if not set(ACROSS) <= set(cv):
        return folds
    return folds + ACROSS_CORPORA.format(
        across=quality_table(cv, ACROSS),
        neutral=", ".join(f"{cv[key]['recall']['neutral']:.2f}" for key in ACROSS),
    )


def summary(figures: Figures) -> str:
    """The figures in words, for the page."""
    parts = ", ".join(
        f"{figures[key]['uar']:.0%} among {len(figures[key]['recall'])} of {name}"
        for key, name in SPOKEN.items()
    )
    return (
        "It learnt voices from RAVDESS and nEMO (actors) and IESC (single words in everyday "
        "places), and words from GoEmotions and EmoBank. On speakers that training left out, from "
        f"the voice alone, its mean recall over the classes is {parts}. Its weights are for "
        "non-commercial use (CC BY-NC-SA 4.0)."
    )


def told(figures: Figures, name: str) -> str:
    """A figure with its interval."""
    low, high = figures[f"{name}_interval_95"]
    return f"{figures[name]:.3f} [{low:.3f}, {high:.3f}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def quality_table(figures: Figures, names: Mapping[str, str]) -> str:
    """UAR and its companions, a row for each of `names`."""
    header = [
        "speech", "clips", "speakers", "UAR", "own classes", "end to end", "macro-F1",
        "calibration error", "its floor",
    ]  # fmt: skip
    rows = [
        [
            told_name,
            str(own["clips"]),
            str(own["speakers"]),
            told(own, "uar"),
            told(own, "uar_own_classes"),
            told(own, "uar_end_to_end"),
            told(own, "macro_f1"),
            told(own, "expected_calibration_error"),
            f"{own['calibration_floor']:.3f}",
        ]
        for key, told_name in names.items()
        for own in [figures[key]]
    ]
    return table(header, rows)


def conditions_table(held: Figures, cv: Figures | None) -> str:
    """UAR lost under each condition, a column for each corpus, and RAVDESS in all folds first."""
    return table(
        ["UAR lost", *_in_folds(cv), *SPOKEN.values()],
        [
            [
                name,
                *([told(cv["conditions"][key]["ravdess"], "lost")] if cv else []),
                *(told(held[key][corpus], "lost") for corpus in SPOKEN),
            ]
            for key, name in CONDITIONS.items()
        ],
    )


def without_table(held: Figures, cv: Figures | None) -> str:
    """UAR lost when an encoder's part is replaced by its mean over the training data."""
    return table(
        ["without", *_in_folds(cv), *WITHOUT.values()],
        [
            [
                ENCODER_NAMES[name],
                *([told(cv["without"]["voice"][name], "lost")] if cv else []),
                *(told(held[key][name], "lost") for key in WITHOUT),
            ]
            for name in ENCODERS
        ],
    )


def weakest(figures: Figures) -> list[str]:
    """The classes with the lowest recalls, and where."""
    recalls = [
        (value, f"{corpus} {emotion}")
        for key, corpus in SPOKEN.items()
        for emotion, value in figures[key]["recall"].items()
    ]
    return [f"{name} ({value:.0%})" for value, name in sorted(recalls)[:WEAKEST]]


def _in_folds(cv: Figures | None) -> list[str]:
    return [IN_FOLDS.format(cv["ravdess"]["speakers"])] if cv else []


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _optional(recall: Mapping[str, float], name: str) -> str:
    return f"{recall[name]:.2f}" if name in recall else ""
