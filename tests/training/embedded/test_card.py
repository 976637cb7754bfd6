"""The model card says what was measured, and no more."""

import json
from typing import Any

import pytest

from ser.bundle import CARD, EMBEDDED, METRICS
from training.embedded import card, conditions
from training.embedded.card import weakest, write_card


@pytest.fixture
def metrics() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((EMBEDDED / METRICS).read_text(encoding="utf-8"))
    return stored


def test_the_card_of_the_bundle_is_that_of_its_figures(metrics: dict[str, Any]) -> None:
    assert write_card(metrics, EMBEDDED) == (EMBEDDED / CARD).read_text(encoding="utf-8")


def test_the_folds_have_columns_of_their_own_where_they_were_measured(
    metrics: dict[str, Any],
) -> None:
    metrics["cv"]["conditions"]["room"]["ravdess"] |= {"lost": 0.987, "lost_interval_95": [0, 1]}
    assert "| simulated rooms | 0.987 [0.000, 1.000] |" in write_card(metrics, EMBEDDED)
    del metrics["cv"]
    alone = write_card(metrics, EMBEDDED)
    assert "in five folds |" not in alone
    assert "Recall per class, of the shipped weights" in alone


def test_ways_across_that_were_not_measured_are_not_in_the_card(metrics: dict[str, Any]) -> None:
    assert "trained on nEMO alone" in write_card(metrics, EMBEDDED)
    del metrics["cv"]["nemo_to_ravdess"]
    assert "trained on nEMO alone" not in write_card(metrics, EMBEDDED)


def test_every_condition_is_in_the_card() -> None:
    assert tuple(card.CONDITIONS) == conditions.CONDITIONS


def test_the_weakest_classes_are_named_with_their_corpus() -> None:
    figures = {
        "ravdess": {"recall": {"sad": 0.4, "calm": 0.9}},
        "nemo": {"recall": {"happy": 0.3, "sad": 0.5}},
        "iesc": {"recall": {"happy": 0.2}},
    }
    assert weakest(figures) == ["IESC happy (20%)", "nEMO happy (30%)", "RAVDESS sad (40%)"]
