"""The commands: train the folds, ship one of them, measure it, and write down how good it is."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ser.bundle import Bundle
from ser.errors import SerError
from ser.recognizer import Recognizer
from training.corpora import Clip
from training.embedded.answers import ask
from training.embedded.card import summary, write_card
from training.embedded.config import EmbeddedConfig
from training.embedded.cross_validation import (
    answers_of,
    asked_of,
    cross_validation,
    temperature_without,
    ways_across,
)
from training.embedded.evaluate import held_out_figures, machine, regions_of_emotions
from training.embedded.plans import SHIPPED, Plan, folds
from training.embedded.recipe import BUNDLE, Recipe
from training.embedded.side_by_side import run

VOICES = ("wavlm", "whisper")  # the longer training first
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


def _encoder(config: EmbeddedConfig, plan: Plan, name: str) -> None:
    Recipe(config).encoder(name, plan)


def _bundle(config: EmbeddedConfig, plan: Plan) -> None:
    Recipe(config).bundle(plan)


def _answers(config: EmbeddedConfig, plan: Plan) -> None:
    for name in asked_of(plan):
        answers_of(Recipe(config), plan, name)


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
    folder = config.work / plan.name
    return (folder / BUNDLE).exists() or all(
        (folder / f"{name}.npz").exists() for name in asked_of(plan)
    )


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
