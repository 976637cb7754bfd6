"""The commands: train the folds, ship one of them, measure it, and write down how good it is."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ser.bundle import Bundle
from ser.errors import SerError
from ser.recognizer import Recognizer
from training.corpora import Clip
from training.embedded.answers import Answers, ask, joined
from training.embedded.card import summary, write_card
from training.embedded.config import EmbeddedConfig
from training.embedded.evaluate import (
    by_corpus,
    held_out_figures,
    machine,
    regions_of_emotions,
)
from training.embedded.figures import arousal_by_intensity, fitted_temperature, quality
from training.embedded.plans import SHIPPED, Plan, across, folds
from training.embedded.recipe import BUNDLE, CLASSES, Recipe
from training.embedded.side_by_side import run

ANSWERS = "answers.npz"  # of a plan's weights, below its folder
VOICES = ("wavlm", "whisper")  # the longer training first
WAYS_ACROSS = (("ravdess", "nemo"), ("nemo", "ravdess"))
REGIONS_FROM = "RAVDESS actors whom its training never heard"


def make_bundle(config: EmbeddedConfig) -> None:
    """Train what is left, ship one fold's weights, measure them, tell how good they are."""
    recipe = Recipe.begun(config)
    plans = folds(recipe.clips)
    temperature = 1.0
    if config.processes > 1:
        train_side_by_side(recipe, plans)
    if config.measure != "shipped":
        answers = [answers_of(recipe, plan) for plan in plans]
        temperature = temperature_without(SHIPPED, answers, recipe)
    made = recipe.bundle(plans[SHIPPED])  # before the one that is there goes
    shutil.rmtree(config.bundle, ignore_errors=True)
    shutil.copytree(made, config.bundle)
    shipped = Bundle.load(config.bundle)
    Bundle(replace(shipped.config, temperature=temperature), shipped.model).save(config.bundle)
    measure_bundle(config)


def train_side_by_side(recipe: Recipe, plans: Sequence[Plan]) -> None:
    """All trainings that `make_bundle` needs: encoders first, then what is built on them."""
    config, shipped = recipe.config, plans[SHIPPED]
    measured = measured_plans(recipe, plans)
    needed = measured or [shipped]
    last: Callable[[EmbeddedConfig, Plan], None] = _answers if measured else _bundle
    _ = recipe.mels  # which all of them read
    left = [plan for plan in needed if plan == shipped or not _is_trained(config, plan)]
    voices = [partial(_encoder, config, plan, name) for name in VOICES for plan in left]
    words = partial(_encoder, config, plans[0], "roberta")  # the same for all plans
    bundles = [partial(last, config, plan) for plan in needed]
    for jobs, what in (([words, *voices], "encoders"), (bundles, "fusion")):
        run(jobs, what, config.processes, config.work / "logs")


def measured_plans(recipe: Recipe, plans: Sequence[Plan]) -> list[Plan]:
    """Those whose answers the figures of the recipe come from; `plans` are its folds."""
    return [] if recipe.config.measure == "shipped" else [*plans, *ways_across(recipe)]


def ways_across(recipe: Recipe) -> list[Plan]:
    """From corpus to corpus, where they are measured."""
    ways = WAYS_ACROSS if recipe.config.measure == "all" else ()
    return [across(recipe.clips, source, target) for source, target in ways]


def _encoder(config: EmbeddedConfig, plan: Plan, name: str) -> None:
    Recipe(config).encoder(name, plan)


def _bundle(config: EmbeddedConfig, plan: Plan) -> None:
    Recipe(config).bundle(plan)


def _answers(config: EmbeddedConfig, plan: Plan) -> None:
    answers_of(Recipe(config), plan)


def evaluate_bundle(config: EmbeddedConfig) -> None:
    """`measure_bundle` where all is trained that it needs; SerError where something is not."""
    recipe = Recipe(config)
    plans = measured_plans(recipe, folds(recipe.clips))
    if lacking := [plan.name for plan in plans if not _is_trained(config, plan)]:
        raise SerError(
            f"{config.work} has neither answers nor weights of {', '.join(lacking)}: run "
            "`python -m training embedded` with these settings first, or give measure=shipped."
        )
    measure_bundle(config)


def _is_trained(config: EmbeddedConfig, plan: Plan) -> bool:
    return any((config.work / plan.name / left).exists() for left in (ANSWERS, BUNDLE))


def measure_bundle(config: EmbeddedConfig) -> None:
    """Measure the written bundle, and the folds by their answers; write metrics.json and card."""
    recipe = Recipe.begun(config)
    plans = folds(recipe.clips)
    metrics: dict[str, Any] = {}
    if config.measure != "shipped":
        metrics["cv"] = cross_validation(recipe, plans)
    recognizer = Recognizer.from_pretrained(config.bundle, device="cpu", transcriber=None)
    own = ask(recognizer, recipe.clips, recipe.decoded(plans[SHIPPED].tests))
    held_out = held_out_figures(recognizer, own, recipe.clips, recipe.lines, config.data / "esc10")
    metrics |= {
        "summary": summary(metrics.get("cv", held_out)),
        "held_out": held_out | machine(),
        "kept_out": kept_out(recipe.clips, plans[SHIPPED]),
        "regions": regions_of_emotions(own, recipe.clips),
        "regions_from": REGIONS_FROM,
        "seed": config.seed,
    }
    bundle = recognizer.bundle
    card = write_card(metrics, config.bundle)
    Bundle(bundle.config, bundle.model, card, metrics).save(config.bundle)


def kept_out(clips: Sequence[Clip], plan: Plan) -> dict[str, list[str]]:
    """The speakers of each corpus that the plan's weights never heard."""
    kept: dict[str, set[str]] = {}
    for row in plan.tests:
        kept.setdefault(clips[row].corpus, set()).add(clips[row].speaker)
    return {corpus: sorted(speakers) for corpus, speakers in kept.items()}


def answers_of(recipe: Recipe, plan: Plan) -> Answers:
    """What the plan's weights say of the speakers kept from them, at temperature 1."""
    path = recipe.config.work / plan.name / ANSWERS
    if not path.exists():
        recognizer = Recognizer.from_pretrained(recipe.bundle(plan), device="cpu", transcriber=None)
        ask(recognizer, recipe.clips, recipe.decoded(plan.tests)).save(path)
    return Answers.load(path)


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
