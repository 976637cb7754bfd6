"""Training steps and validation: mixtures, whole-set figures, collapse, temperature."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ser.fusion import EncoderOutput
from tests.tiny import EMOTIONS, WIDTHS, new_fusion
from tests.training.fit_world import world_frame
from training.answers import Answers, collapse, fit_temperature, measured
from training.config import Stage
from training.data import Batch
from training.losses import Losses
from training.manifest import VOTES
from training.module import FusionTraining, in_words
from training.stage import narrowed
from training.truth import Truth

CLASSES = ("angry", "sad", "happy", "other")


class OneProcess:
    """What a module asks of its trainer."""

    world_size, global_rank, current_epoch = 1, 0, 3


def new_module(stage: Stage) -> FusionTraining:
    truth = Truth.of(world_frame(), CLASSES)
    losses = Losses.of(stage, EMOTIONS, np.ones((2, len(EMOTIONS))))
    module = FusionTraining(new_fusion(), losses, stage, truth, np.arange(4), seed=1)
    module.trainer = OneProcess()  # type: ignore[assignment]
    module.log_dict = lambda *args, **options: None  # type: ignore[method-assign]
    return module


def random_batch(rows: int = 6) -> Batch:
    torch.manual_seed(0)
    encoded = {
        name: EncoderOutput(torch.randn(rows, 5, width), torch.ones(rows, 5, dtype=torch.bool))
        for name, width in WIDTHS.items()
    }
    classes = nn.functional.one_hot(torch.arange(rows) % 4, 4).float()
    attributes = 1 + 6 * torch.rand(rows, 3)
    return Batch(encoded, classes, attributes, torch.arange(rows))


def test_the_loss_is_the_weighted_sum_of_both_tasks() -> None:
    batch = random_batch()
    batch.attributes[2] = float("nan")
    batch.classes[3] = 0.0
    module = new_module(Stage(alpha=0.25, beta=0.75, class_weights="none"))
    output = module.model(batch.encoded)
    known = [0, 1, 3, 4, 5]
    squared = functional.mse_loss(output.attributes[known], batch.attributes[known])
    labelled = [0, 1, 2, 4, 5]
    entropy = functional.cross_entropy(
        output.emotion_logits[labelled], batch.classes[labelled].argmax(dim=1)
    )
    torch.testing.assert_close(module.training_step(batch, 0), 0.25 * squared + 0.75 * entropy)


def test_manifold_mixup_mixes_embeddings_and_targets_alike() -> None:
    batch = random_batch()
    module = new_module(Stage(manifold_mixup=0.4, class_weights="none"))
    random = np.random.default_rng((1, 3, 7))  # seed, epoch, batch
    share, partner = random.beta(0.4, 0.4), random.permutation(6)
    embeddings, _ = module.model.embed(batch.encoded)
    mixed = share * embeddings + (1 - share) * embeddings[partner]
    logits, predicted = module.model.decide(mixed)
    classes = share * batch.classes + (1 - share) * batch.classes[partner]
    attributes = share * batch.attributes + (1 - share) * batch.attributes[partner]
    entropy = functional.cross_entropy(logits, classes)
    expected = 0.25 * functional.mse_loss(predicted, attributes) + 0.75 * entropy
    torch.testing.assert_close(module.training_step(batch, 7), expected)
    assert module.training_step(batch, 8) != module.training_step(batch, 7)


def test_a_mixture_with_a_classless_example_has_no_class() -> None:
    """Half a target would count as a whole one with less mass: a divergence below 0."""
    batch = random_batch()
    batch.classes[2] = 0.0
    module = new_module(Stage(manifold_mixup=0.4, class_weights="none"))
    random = np.random.default_rng((1, 3, 7))
    random.beta(0.4, 0.4)
    partner = random.permutation(6)
    embeddings, _ = module.model.embed(batch.encoded)
    _, classes, _ = module._mixed(embeddings, batch.classes, batch.attributes, 7)
    touched = [row for row in range(6) if 2 in (row, partner[row])]
    assert not classes[touched].any()
    whole = [row for row in range(6) if row not in touched]
    torch.testing.assert_close(classes[whole].sum(dim=1), torch.ones(len(whole)))


def test_figures_follow_their_formulas_and_skip_what_has_no_label() -> None:
    frame = world_frame().iloc[:6].copy()
    frame["emotion"] = ["angry", "sad", "happy", None, "angry", "sad"]
    frame.loc[2, "arousal"] = np.nan
    truth = Truth.of(frame, CLASSES)
    guess = np.array([0, 1, 1, 0, 1, 1])
    attributes = np.random.default_rng(0).uniform(1, 7, (6, 3)).astype(np.float32)
    figures = measured(truth, np.arange(6), np.eye(4)[guess], attributes)
    # By hand: angry 1 of 2 found, F1 2/3; sad 2 of 2, F1 4/6; happy 0; other occurs nowhere.
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert figures["uar"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert figures["accuracy"] == pytest.approx(3 / 5)
    rated = [0, 1, 3, 4, 5]
    y, p = frame["valence"].to_numpy()[rated], attributes[rated, 1].astype(float)
    covariance = np.cov(y, p, bias=True)[0, 1]
    expected = 2 * covariance / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)
    assert figures["ccc_valence"] == pytest.approx(expected, abs=1e-6)
    each = [figures[f"ccc_{name}"] for name in ("arousal", "valence", "dominance")]
    assert figures["ccc"] == pytest.approx(np.mean(each))
    assert figures["spread_valence"] == pytest.approx(p.std())
    nameless = frame.assign(emotion=None, **dict.fromkeys(VOTES.values()))
    figures = measured(Truth.of(nameless, CLASSES), np.arange(6), np.eye(4)[guess], attributes)
    assert "macro_f1" not in figures


def test_a_collapse_is_told_with_its_figures() -> None:
    truth = Truth.of(world_frame(), CLASSES)
    rows = np.arange(len(truth.index))
    logits = np.zeros((len(rows), 4))
    wide = measured(truth, rows, logits, truth.attributes)
    assert collapse(wide) is None
    narrow = truth.attributes.copy()
    narrow[:, 1] = 4 + 0.05 * (narrow[:, 1] - 4)
    sentence = collapse(measured(truth, rows, logits, narrow))
    assert sentence is not None
    assert "valence 0.0" in sentence
    assert "arousal" not in sentence


def test_the_temperature_has_the_least_cross_entropy() -> None:
    random = np.random.default_rng(0)
    index = random.integers(4, size=500)
    logits = 3.0 * random.normal(size=(500, 4)).astype(np.float32)
    logits[np.arange(500), index] += 1.5  # right, but much too sure
    temperature = fit_temperature(logits, index)

    def loss(value: float) -> float:
        scores = logits.astype(float) / value
        return float(np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(500), index]))

    grid = np.geomspace(0.25, 20, 2000)
    assert temperature == pytest.approx(grid[np.argmin([loss(value) for value in grid])], rel=0.01)
    assert temperature > 2


def test_answers_of_several_processes_add_up_to_one_table() -> None:
    class OtherProcess:
        root_device = torch.device("cpu")

        def reduce(self, table: torch.Tensor, reduce_op: str) -> torch.Tensor:
            assert reduce_op == "sum"
            return table + other.table

    mine, other = Answers(5, 4), Answers(5, 4)
    logits, attributes = torch.randn(3, 4), torch.rand(3, 3)
    mine.put(torch.tensor([4, 0]), logits[:2], attributes[:2])
    other.put(torch.tensor([2]), logits[2:], attributes[2:])
    mine.gather(OtherProcess())  # type: ignore[arg-type]
    assert mine.known(np.arange(5)).tolist() == [0, 2, 4]
    found = mine.of(np.array([4, 0, 2]))
    np.testing.assert_array_equal(found[0], logits.numpy())
    np.testing.assert_array_equal(found[1], attributes.numpy())


def test_a_narrowed_model_answers_as_before_for_the_classes_that_stay() -> None:
    model, batch = new_fusion(), random_batch()
    kept = ("sad", "neutral")
    before, after = model(batch.encoded), narrowed(model, kept)(batch.encoded)
    columns = [EMOTIONS.index(name) for name in kept]
    torch.testing.assert_close(after.emotion_logits, before.emotion_logits[:, columns])
    torch.testing.assert_close(after.attributes, before.attributes)
    assert all(tensor.requires_grad for tensor in narrowed(model, kept).parameters())


@pytest.mark.parametrize(("seconds", "told"), [(40, "40 s"), (600, "10 min"), (9000, "2.5 h")])
def test_time_left_reads_well(seconds: float, told: str) -> None:
    assert in_words(seconds) == told
