"""The commands: train the folds, ship one of them, measure it, and write down how good it is."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ser.bundle import CONFIG, Bundle
from ser.errors import SerError
from ser.recognizer import Recognizer
from training.corpora import Clip
from training.embedded.answers import ask
from training.embedded.card import summary, write_card
from training.embedded.config import EmbeddedConfig
from training.embedded.cross_validation import (
    answers_of,
    ask_plan,
    cross_validation,
    has_answered,
    temperature_without,
    ways_across,
)
from training.embedded.evaluate import held_out_figures, machine, regions_of_emotions
from training.embedded.plans import FOLD_NAMES, SHIPPED, Plan, folds
from training.embedded.recipe import BUNDLE, Recipe
from training.embedded.side_by_side import run

VOICES = ("wavlm", "whisper")  # the longer training first
REGIONS_FROM = "RAVDESS actors whom its training never heard"


def make_bundle(config: EmbeddedConfig) -> None:
    """Train what is left, ship one fold's weights, measure them, tell how good they are.

    SerError where `bundle` is a folder of something else.
    """
    _refuse_other_folder(config.bundle)
    recipe = Recipe.begun(config)
    plans = folds(recipe.clips)
    if config.processes > 1:
        train_side_by_side(recipe, plans)
    made = recipe.bundle(plans[SHIPPED])
    for plan in measured_plans(recipe, plans):
        ask_plan(recipe, plan)
    temperature = 1.0
    if config.measure != "shipped":
        answers = [answers_of(recipe, plan) for plan in plans]
        temperature = temperature_without(SHIPPED, answers, recipe)
    _replace_bundle(config.bundle, made, temperature)  # only now, when all is trained
    measure_bundle(config)


def _refuse_other_folder(bundle: Path) -> None:
    if bundle.exists() and not (bundle / CONFIG).exists():
        raise SerError(f"{bundle} is no bundle, and would be replaced: give bundle=FOLDER.")


def _replace_bundle(folder: Path, made: Path, temperature: float) -> None:
    partial_folder = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial_folder, ignore_errors=True)
    shutil.copytree(made, partial_folder)
    bundle = Bundle.load(partial_folder)
    Bundle(replace(bundle.config, temperature=temperature), bundle.model).save(partial_folder)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial_folder, folder)


def train_side_by_side(recipe: Recipe, plans: Sequence[Plan]) -> None:
    """All trainings that `make_bundle` needs: encoders first, then what is built on them."""
    config, shipped = recipe.config, plans[SHIPPED]
    measured = measured_plans(recipe, plans)
    needed = measured or [shipped]
    last: Callable[[EmbeddedConfig, Plan], None] = _answers if measured else _bundle
    _ = recipe.mels  # which all of them read
    left = [plan for plan in needed if plan == shipped or not _is_trained(recipe, plan)]
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
    recipe = Recipe(config)
    if plan.name == FOLD_NAMES[SHIPPED]:
        recipe.bundle(plan)  # which ships, whatever has answered before
    ask_plan(recipe, plan)


def evaluate_bundle(config: EmbeddedConfig) -> None:
    """`measure_bundle` where all is trained that it needs; SerError where something is not.

    Nor is a bundle measured on other speakers than those that it was made without.
    """
    recipe = Recipe(config)
    in_folds = folds(recipe.clips)
    plans = measured_plans(recipe, in_folds)
    if lacking := [plan.name for plan in plans if not _is_trained(recipe, plan)]:
        raise SerError(
            f"{config.work} has neither answers nor weights of {', '.join(lacking)}: run "
            "`python -m training embedded` with these settings first, or give measure=shipped."
        )
    kept = Bundle.load(config.bundle).metrics.get("kept_out")
    if kept not in (None, kept_out(recipe.clips, in_folds[SHIPPED])):
        raise SerError(
            f"{config.data} holds other recordings than {config.bundle} was made from: by them "
            "other speakers would have been kept from training."
        )
    measure_bundle(config)


def _is_trained(recipe: Recipe, plan: Plan) -> bool:
    made = recipe.config.work / plan.name / BUNDLE
    return made.exists() or has_answered(recipe, plan)


def measure_bundle(config: EmbeddedConfig) -> None:
    """Measure the written bundle, and the folds by their answers; write metrics.json and card.

    What `measure` leaves out stays as it was measured before for this bundle.
    """
    recipe = Recipe.begun(config)
    plans = folds(recipe.clips)
    recognizer = Recognizer.from_pretrained(config.bundle, device="cpu", transcriber=None)
    cv = recognizer.bundle.metrics.get("cv", {})
    if config.measure != "shipped":
        cv = cv | cross_validation(recipe, plans)
    own = ask(recognizer, recipe.clips, plans[SHIPPED].tests)
    held_out = held_out_figures(recognizer, own, recipe.clips, recipe.lines, config.data / "esc10")
    metrics: dict[str, Any] = {"cv": cv} if cv else {}
    metrics |= {
        "summary": summary(cv or held_out),
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
