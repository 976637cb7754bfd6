"""Which answers make the figures of the recipe."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from ser.audio import Waveform
from ser.recognizer import Recognizer
from training.corpora import Clip
from training.embedded import cross_validation
from training.embedded.answers import Answers, joined
from training.embedded.cross_validation import answers_of, temperature_without
from training.embedded.figures import fitted_temperature
from training.embedded.plans import Plan
from training.embedded.recipe import CLASSES, Recipe

CLIPS = [
    Clip(Path(f"{corpus}/{number}.wav"), corpus, "01", "sad")
    for corpus in ("ravdess", "nemo", "ravdess")
    for number in range(20)
]


def answers(rows: range, right: float, sure: float) -> Answers:
    """The true class gets `sure` in a share `right` of the rows, else another one gets it."""
    told = np.full((len(rows), len(CLASSES)), (1 - sure) / (len(CLASSES) - 1))
    for place in range(len(rows)):
        told[place, CLASSES.index("sad" if place < right * len(rows) else "happy")] = sure
    return Answers(
        np.array(rows), told, np.full((len(rows), 3), 4.0), np.repeat(told[:, None], 3, axis=1)
    )


def test_the_temperature_of_a_fold_is_fitted_without_its_own_answers() -> None:
    recipe = cast(Recipe, SimpleNamespace(clips=CLIPS))
    parts = [
        answers(range(20), right=0.2, sure=0.97),  # much too sure
        answers(range(20, 40), right=0.8, sure=0.8),
        answers(range(40, 60), right=0.6, sure=0.8),
    ]
    without = temperature_without(0, parts, recipe)
    assert without == fitted_temperature(joined(parts[1:]), CLIPS, CLASSES)
    assert without < 0.7 * temperature_without(1, parts, recipe)


def test_under_a_condition_the_actors_alone_are_asked_and_heard_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def ask(
        _: object, clips: Sequence[Clip], rows: Sequence[int], sound: Callable[[Clip], Waveform]
    ) -> Answers:
        asked.update(rows=list(rows), sound=sound(clips[rows[0]]).samples)
        return answers(range(rows[0], rows[-1] + 1), right=1.0, sure=0.8)

    recipe = SimpleNamespace(
        clips=CLIPS,
        config=SimpleNamespace(work=tmp_path, data=tmp_path),
        decoded=list,
        bundle=lambda _: tmp_path,
    )
    monkeypatch.setattr(cross_validation, "ask", ask)
    monkeypatch.setattr(Recognizer, "from_pretrained", lambda *_, **__: None)
    halved = {"room": lambda _, samples: samples / 2}
    monkeypatch.setattr(cross_validation, "conditions", lambda _: halved)
    monkeypatch.setattr(
        "training.embedded.conditions.load_audio", lambda _: Waveform(np.ones(9, np.float32))
    )
    plan = Plan("fold1", (), tuple(range(15, 45)))
    told = answers_of(cast(Recipe, recipe), plan, "room")
    assert asked["rows"] == [*range(15, 20), *range(40, 45)]
    assert np.array_equal(asked["sound"], np.full(9, 0.5))
    assert np.array_equal(told.rows, answers_of(cast(Recipe, recipe), plan, "room").rows)
    assert [path.name for path in tmp_path.rglob("*.npz")] == ["room.npz"]
