"""What a run has made is taken up again under the same settings only."""

from pathlib import Path

import pytest

from ser.errors import SerError
from tests.conftest import REPOSITORY
from training.corpora import Clip
from training.embedded.config import EmbeddedConfig
from training.embedded.plans import Plan
from training.embedded.recipe import Recipe


def test_a_folder_begun_with_other_settings_or_recordings_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recipe, "clips", [Clip(Path("a/b.wav"), "nemo", "EB0", "sad")])
    file = REPOSITORY / "training" / "configs" / "embedded.yaml"
    config = EmbeddedConfig.read(file, [f"data={tmp_path}", f"work={tmp_path / 'work'}"])
    Recipe.begun(config)
    elsewhere = config.model_copy(update={"bundle": tmp_path / "elsewhere"})
    Recipe.begun(elsewhere)  # where it goes is no matter
    with pytest.raises(SerError, match=f"was begun with copies {config.copies}. Give those"):
        Recipe.begun(config.model_copy(update={"copies": config.copies + 1}))
    monkeypatch.setattr(Recipe, "clips", [Clip(Path("a/c.wav"), "nemo", "EB0", "sad")])
    with pytest.raises(SerError, match=f"begun with other recordings than those below {tmp_path}"):
        Recipe.begun(config)


def test_weights_that_are_made_anew_make_the_old_ones_answers_void(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = REPOSITORY / "training" / "configs" / "embedded.yaml"
    recipe = Recipe(EmbeddedConfig.read(file, [f"data={tmp_path}", f"work={tmp_path / 'work'}"]))
    monkeypatch.setattr(Recipe, "encoder", lambda *_: tmp_path)
    monkeypatch.setattr(Recipe, "_write_bundle", lambda *_: None)
    plan = tmp_path / "work" / "fold2"
    (plan / "fusion").mkdir(parents=True)
    for left in (plan / "answers.npz", plan / "room.npz", plan / "fusion" / "last.ckpt"):
        left.touch()
    assert recipe.bundle(Plan("fold2", (), ())) == plan / "bundle"
    assert [path for path in plan.rglob("*") if path.is_file()] == []
    (plan / "answers.npz").touch()
    recipe.bundle(Plan("fold2", (), ()))  # it is there
    assert (plan / "answers.npz").exists()
