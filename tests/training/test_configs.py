"""Every configuration that is shipped is valid and says what the paper says."""

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from training.config import Config
from training.corpora import READERS
from training.external import PLACE
from training.tables.attributes import POOLINGS, pooled

CONFIGS = REPOSITORY / "training" / "configs"
SHIPPED = sorted(p for p in CONFIGS.rglob("*.yaml") if p.name != "embedded.yaml")
ABLATIONS = CONFIGS / "ablations"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_configuration_can_be_read(path: Path) -> None:
    config = Config.read(path)
    assert config.corpora
    assert all(corpus.reader in READERS for corpus in config.corpora.values())
    for name, stage in config.finetune.items():
        assert stage.start in ("fit/macro_f1", "fit/ccc"), name
        assert stage.warmup_epochs < stage.epochs
    assert Config.read(path, ["seed=7"]).seed == 7


def test_runs_have_names_of_their_own() -> None:
    """table2 goes on in the run of task1, table3 in those of task2."""
    names = [(c.work, c.name) for p in SHIPPED if p.stem != "table2" for c in [Config.read(p)]]
    assert len(set(names)) == len(names)
    assert Config.read(CONFIGS / "table2.yaml").name == Config.read(CONFIGS / "task1.yaml").name


def test_table_three_goes_on_in_the_runs_of_task_two() -> None:
    table3 = Config.read(CONFIGS / "table3.yaml")
    runs = [pooled(table3, inside) for inside in POOLINGS]
    alone = [Config.read(CONFIGS / f"{name}.yaml") for name in ("task2", "task2_average")]
    for inside, own in zip(runs, alone, strict=True):
        assert (inside.run, inside.fit, inside.finetune) == (own.run, own.fit, own.finetune)
        assert (inside.fusion, inside.features) == (own.fusion, own.features)
    assert PLACE in table3.ensemble.arousal[1]


def test_the_stages_are_the_papers() -> None:
    default = Config.read(CONFIGS / "default.yaml").fit
    assert (default.epochs, default.samples_per_epoch, default.batch_size) == (50, 32_000, 128)
    assert (default.rate, default.rate_end, default.warmup_epochs) == (2e-5, 1e-7, 3)
    task1, task2 = (Config.read(CONFIGS / f"{name}.yaml").fit for name in ("task1", "task2"))
    assert (task1.alpha, task1.beta, task2.alpha, task2.beta) == (0.25, 0.75, 0.75, 0.25)
    emotions = Config.read(CONFIGS / "table2.yaml").finetune
    assert [stage.epochs for stage in emotions.values()] == [20, 20, 20]
    assert [stage.rate for stage in emotions.values()] == [1e-5, 1e-6, 1e-5]
    assert all(stage.exclude == ("other",) for stage in emotions.values())
    # Weights balance the first stage alone; only the third variant has some of its own.
    assert (default.class_weights, task1.class_weights) == ("balanced", "balanced")
    assert all(stage.class_weights == "none" for stage in emotions.values())
    assert [bool(stage.class_factors) for stage in emotions.values()] == [False, False, True]
    attributes = Config.read(CONFIGS / "task2.yaml").finetune
    sigmas = [stage.gaussian and stage.gaussian.sigma for stage in attributes.values()]
    assert sigmas == [None, 3, 5, 7]
    assert all((s.epochs, s.rate, s.rate_end) == (30, 5e-6, 1e-7) for s in attributes.values())
    assert all((s.alpha, s.beta) == (1, 0) for s in attributes.values())


def test_each_ablation_changes_one_thing_of_the_baseline() -> None:
    """Annotation dropout acts on soft labels, and balanced drawing replaces weights: two each."""
    baseline = Config.read(ABLATIONS / "baseline.yaml").model_dump(exclude={"name"})
    for path in ABLATIONS.glob("*.yaml"):
        values = Config.read(path).model_dump(exclude={"name"})
        changed = _differences(baseline, values)
        limit = 2 if path.stem in ("annotation_dropout", "balanced") else 1
        assert len(changed) == (0 if path.stem == "baseline" else limit), path.stem


def _differences(one: dict, other: dict) -> list[str]:
    found: list[str] = []
    for key in one:
        if key != "layers" and isinstance(one[key], dict) and isinstance(other[key], dict):
            found += _differences(one[key], other[key])
        elif one[key] != other[key]:
            found.append(key)
    return found
