"""The model's card and measures as HTML, whatever a bundle brings along."""

import json
import re

import pytest

from assets.page.model.card import NO_CARD, card_html
from assets.page.model.figures import (
    NO_CONFUSION,
    NO_METRICS,
    UNREADABLE,
    confusions_html,
    figures_html,
    tables_html,
)
from ser.bundle import EMBEDDED
from ser.card import licence

CARD = """---
license: cc-by-4.0
tags: [one, two]
---

# A model

Some *words* and `code`, [elsewhere](https://example.org/page), [a file](data.md).

| a | b |
| --- | --- |
| 1 | 2 |
"""


def test_the_card_is_shown_without_its_front_matter() -> None:
    html = card_html(CARD)
    assert "license" not in html
    assert "<h3>A model</h3>" in html
    assert "<em>words</em>" in html
    assert "<td>1</td>" in html
    assert licence(CARD) == "cc-by-4.0"


def test_links_open_elsewhere_and_files_lead_nowhere() -> None:
    html = card_html(CARD)
    assert '<a href="https://example.org/page" target="_blank" rel="noopener noreferrer">' in html
    assert "<a>a file</a>" in html


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '<img src="https://example.org/x.png">',
        "![spy](https://example.org/x.png)",
        "![spy][1]\n\n[1]: https://example.org/x.png",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hello)",
        "[x](vbscript:x)",
        "<https://example.org> <iframe src=//example.org>",
        "| <b onmouseover=alert(1)>x |\n| --- |\n| <img src=x> |",
        "---\nlicense: x\n---\n<style>@import 'https://example.org'</style>",
    ],
)
def test_a_card_fetches_and_runs_nothing(attack: str) -> None:
    html = card_html(attack)
    allowed = "h[1-6]|p|a|em|strong|code|pre|ul|ol|li|table|thead|tbody|tr|th|td|div|hr|br"
    for tag, attributes in re.findall(r"<([^\s/>]+)([^>]*)>", html):
        assert re.fullmatch(allowed, tag)
        assert not re.search(r"\b(on\w+|src|style)\s*=", attributes)
        assert re.fullmatch(r'.*href="https?://[^"]*".*|[^h]*|', attributes)


def test_a_bundle_may_lack_all_of_it() -> None:
    assert card_html("") == card_html("---\nlicense: mit\n---\n") == NO_CARD
    assert licence("# Card\nlicense: mit") == "the model card names none"
    assert tables_html({}) == tables_html({"summary": "x", "regions": {"sad": {}}}) == NO_METRICS
    assert confusions_html({"uar": 0.5}) == NO_CONFUSION


def rows(html: str) -> dict[str, list[str]]:
    """First cell -> the other cells, of all tables."""
    plain = [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", html)
    ]
    return {first: others for first, *others in plain}


def test_measures_stand_side_by_side_with_their_intervals() -> None:
    alike = {"uar": 0.5, "uar_interval_95": [0.4, 0.6], "clips": 12, "recall": {"sad": 0.25}}
    other = {"uar": 0.7, "clips": 9, "recall": {"sad": 1.0, "calm": 0.0}}
    metrics = {"held_out": {"one": alike, "two": other, "text": {"pairs": 3}, "machine": "a <b>"}}
    told = rows(tables_html(metrics))
    assert told["UAR: mean recall of the classes"] == ["0.500 0.400 to 0.600", "0.700"]
    assert told["Clips"] == ["12", "9"]
    assert told["Sad"] == ["0.250", "1.000"]
    assert told["Calm"] == ["&ndash;", "0.000"]
    assert told["Pairs"] == ["3"]
    assert told["Machine"] == ["a &lt;b&gt;"]


def test_parts_of_the_metrics_keep_their_names() -> None:
    part = {"a": {"uar": 0.5}, "b": {"uar": 0.6}}
    html = tables_html({"cv": part, "held_out": part})
    assert "<caption><span>Cross-validation</span></caption>" in html
    assert "<caption><span>Speakers held out</span></caption>" in html


@pytest.mark.parametrize(
    "stored",
    [
        {"confusion": {"classes": ["sad", "calm"], "counts": [[3, 1], [0, 2]]}},
        {"confusion": {"sad": {"sad": 3, "calm": 1}, "calm": {"calm": 2}}},
        {"confusions": {"one": {"sad": {"sad": 3, "calm": 1}, "calm": {"calm": 2}}}},
    ],
)
def test_a_confusion_matrix_is_drawn_as_shares_of_the_truth(stored: dict) -> None:
    told = rows(confusions_html({"cv": {"ravdess": stored}}))
    assert told["sad"] == ["75%", "25%"]
    assert told["calm"] == ["0%", "100%"]


def test_classes_nobody_was_recorded_with_have_no_row() -> None:
    html = confusions_html({"confusion": {"sad": {"sad": 1, "calm": 1}, "calm": {}}})
    assert list(rows(html)) == ["", "sad"]


@pytest.mark.parametrize(
    "metrics",
    [
        {"confusion": {"classes": ["sad", "calm"], "counts": [[1]]}},
        {"confusion": {"classes": ["sad"], "counts": [["many"]]}},
        {"uar": 0.5, "uar_interval_95": ["low", "high"]},
    ],
)
def test_figures_that_nobody_can_read_are_told_in_a_sentence(metrics: dict) -> None:
    assert UNREADABLE in figures_html(metrics)


@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="needs the embedded bundle")
def test_every_measure_of_the_embedded_bundle_is_shown() -> None:
    metrics = json.loads((EMBEDDED / "metrics.json").read_text())
    told = " ".join(cell for row in rows(tables_html(metrics)).values() for cell in row)
    for figures in metrics["held_out"].values():
        if isinstance(figures, dict) and "uar" in figures:
            assert f"{figures['uar']:.3f}" in told
    assert "None" not in told
    card = (EMBEDDED / "README.md").read_text()
    assert licence(card) == "cc-by-nc-sa-4.0"
    assert card_html(card).count("<table>") == card.count("| --- |\n")
