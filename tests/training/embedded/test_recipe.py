"""What a run has made is taken up again under the same settings only."""

from pathlib import Path

import pytest

from ser.errors import SerError
from tests.conftest import REPOSITORY
from training.embedded.config import EmbeddedConfig
from training.embedded.recipe import Recipe


def test_a_folder_begun_with_other_settings_is_refused(tmp_path: Path) -> None:
    file = REPOSITORY / "training" / "configs" / "embedded.yaml"
    config = EmbeddedConfig.read(file, [f"data={tmp_path}", f"work={tmp_path / 'work'}"])
    Recipe.begun(config)
    elsewhere = config.model_copy(update={"bundle": tmp_path / "elsewhere"})
    Recipe.begun(elsewhere)  # where it goes is no matter
    with pytest.raises(SerError, match=f"was begun with copies {config.copies}. Give those"):
        Recipe.begun(config.model_copy(update={"copies": config.copies + 1}))
