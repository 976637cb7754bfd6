"""Figures of the recipe: folds by speaker, the ways from corpus to corpus, their stored answers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from ser.recognizer import Recognizer
from training.embedded.answers import Answers, ask, joined
from training.embedded.conditions import CONDITIONS, changed, conditions
from training.embedded.evaluate import by_corpus, machine, of_corpus
from training.embedded.figures import (
    arousal_by_intensity,
    fitted_temperature,
    lost_without,
    quality,
    uar_lost,
)
from training.embedded.plans import FOLD_NAMES, Plan, across
from training.embedded.recipe import CLASSES, Recipe

ANSWERS: Final = "answers"  # of a plan's weights to clips as they are
CHANGED: Final = "ravdess"  # the corpus that the folds also answer for under every condition
WAYS_ACROSS: Final = (("ravdess", "nemo"), ("nemo", "ravdess"))


def ways_across(recipe: Recipe) -> list[Plan]:
    """From corpus to corpus, where they are measured."""
    ways = WAYS_ACROSS if recipe.config.measure == "all" else ()
    return [across(recipe.clips, source, target) for source, target in ways]


def has_answered(recipe: Recipe, plan: Plan) -> bool:
    """Whether all answers of a plan are there that the figures need."""
    return all(_file(recipe, plan, name).exists() for name in _asked(plan))


def _asked(plan: Plan) -> tuple[str, ...]:
    return (ANSWERS, *CONDITIONS) if plan.name in FOLD_NAMES else (ANSWERS,)


def _file(recipe: Recipe, plan: Plan, name: str) -> Path:
    return recipe.config.work / plan.name / f"{name}.npz"


def answers_of(recipe: Recipe, plan: Plan, name: str = ANSWERS) -> Answers:
    """What the plan's weights say of the speakers kept from them, at temperature 1.

    `name` may be a condition; under it only those of RAVDESS are asked.
    """
    path = _file(recipe, plan, name)
    if not path.exists():
        recognizer = Recognizer.from_pretrained(recipe.bundle(plan), device="cpu", transcriber=None)
        clips, rows = recipe.clips, recipe.decoded(plan.tests)
        if name == ANSWERS:
            answers = ask(recognizer, clips, rows)
        else:
            rows = [row for row in rows if clips[row].corpus == CHANGED]
            condition = conditions(recipe.config.data / "esc10")[name]
            answers = ask(recognizer, clips, rows, sound=partial(changed, condition=condition))
        answers.save(path)
    return Answers.load(path)


def ask_plan(recipe: Recipe, plan: Plan) -> None:
    """Have all answers of a plan that the figures need."""
    for name in _asked(plan):
        answers_of(recipe, plan, name)


def temperature_without(fold: int, answers: Sequence[Answers], recipe: Recipe) -> float:
    """Fitted on the answers of all other folds: their speakers are not those of `fold`."""
    others = joined([own for number, own in enumerate(answers) if number != fold])
    return fitted_temperature(others, recipe.clips, CLASSES)


def cross_validation(recipe: Recipe, plans: Sequence[Plan]) -> dict[str, Any]:
    """Figures of the recipe: every known speaker answered by weights that never met them."""
    clips = recipe.clips
    answers = [answers_of(recipe, plan) for plan in plans]
    temperatures = [temperature_without(number, answers, recipe) for number in range(len(answers))]
    pooled = joined(
        [own.at_temperature(value) for own, value in zip(answers, temperatures, strict=True)]
    )
    figures: dict[str, Any] = by_corpus(pooled, clips, CLASSES)
    figures["arousal"] = arousal_by_intensity(pooled, clips)
    acted = of_corpus(pooled, clips, CHANGED)
    figures["conditions"] = {}
    for name in CONDITIONS:
        after = joined([answers_of(recipe, plan, name) for plan in plans])
        figures["conditions"][name] = {CHANGED: uar_lost(acted, after, clips, CLASSES)}
    figures["without"] = {"voice": lost_without(acted, clips, CLASSES)}
    for plan in ways_across(recipe):
        figures[plan.name.replace("-", "_")] = across_corpora(recipe, plan)
    return {**figures, "folds": len(plans), "temperatures": temperatures, **machine()}


def across_corpora(recipe: Recipe, plan: Plan) -> dict[str, Any]:
    """Trained on one corpus, tested on the other, among the classes that both have."""
    answers = answers_of(recipe, plan)
    shared = sorted({recipe.clips[row].label for row in plan.tests}, key=CLASSES.index)
    places = [CLASSES.index(name) for name in shared]

    def masked(values: np.ndarray) -> np.ndarray:
        kept = values[..., places]
        return kept / kept.sum(axis=-1, keepdims=True)

    own = Answers(
        answers.rows, masked(answers.probabilities), answers.attributes, masked(answers.without)
    )
    return quality(own, recipe.clips, shared)
