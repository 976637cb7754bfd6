"""The decoded audio is taken up again for the same clips only."""

import json
from pathlib import Path

import numpy as np
import pytest

from ser.errors import SerError
from training.corpora import Clip
from training.embedded.store import build_store


def test_a_store_of_other_clips_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "index.npy", np.zeros((1, 1, 2), dtype=np.int64))
    (tmp_path / "ids.json").write_text(json.dumps(["ravdess/other"]))
    clips = [Clip(Path("1.wav"), "ravdess", "01", "sad")]
    with pytest.raises(SerError, match="holds other clips: delete it to make it again"):
        build_store(tmp_path, clips, copies=1, max_seconds=8.0, seed=1)
