"""What a model says of a split, beside the truth: the table that everything after `fit` reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ser.errors import SerError
from ser.labels import ATTRIBUTES
from training.files import whole_file

CLASS_PREFIX, ATTRIBUTE_PREFIX = "p_", "pred_"


@dataclass(frozen=True)
class Predictions:
    """One row per recording: id, corpus, speaker, split, truth (null where unknown), prediction.

    Truth: `emotion`, `arousal`, `valence`, `dominance`. Prediction: `p_<class>` that sum to 1,
    and `pred_<attribute>` in 1..7.
    """

    frame: pd.DataFrame

    @classmethod
    def of(
        cls,
        rows: pd.DataFrame,
        classes: tuple[str, ...],
        probabilities: np.ndarray,
        attributes: np.ndarray,
    ) -> "Predictions":
        """From rows of the manifest, probabilities [N, C] and attributes [N, 3]."""
        truth = rows[["id", "corpus", "speaker", "split", "emotion", *ATTRIBUTES]]
        told = {f"{CLASS_PREFIX}{name}": probabilities[:, k] for k, name in enumerate(classes)}
        rated = {f"{ATTRIBUTE_PREFIX}{name}": attributes[:, k] for k, name in enumerate(ATTRIBUTES)}
        return cls(truth.reset_index(drop=True).assign(**told, **rated))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that have a probability, in order."""
        names = [name for name in self.frame.columns if name.startswith(CLASS_PREFIX)]
        return tuple(name.removeprefix(CLASS_PREFIX) for name in names)

    @property
    def probabilities(self) -> np.ndarray:
        """[N, C]."""
        return self.frame[[f"{CLASS_PREFIX}{name}" for name in self.classes]].to_numpy()

    @property
    def attributes(self) -> np.ndarray:
        """Predicted arousal, valence, dominance [N, 3]."""
        return self.frame[[f"{ATTRIBUTE_PREFIX}{name}" for name in ATTRIBUTES]].to_numpy()

    def write(self, path: Path) -> None:
        """As Parquet, under its name only when it is complete."""
        with whole_file(path) as partial:
            self.frame.to_parquet(partial, index=False)

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """SerError where the file is not there."""
        if not path.is_file():
            raise SerError(f"There are no predictions {path}: run the stage that makes them first.")
        return cls(pd.read_parquet(path))
