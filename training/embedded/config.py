"""Settings of the recipe, read as those of all other commands."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from ser.labels import ENCODERS
from training.config import Count, Settings

CORPORA = ("ravdess", "nemo", "iesc")
TRAINED = (*ENCODERS, "fusion")


class EmbeddedConfig(Settings):
    """See training/configs/embedded.yaml for what each entry means."""

    data: Path
    work: Path
    bundle: Path
    seed: int
    measure: Literal["all", "folds", "shipped"]
    processes: Count
    copies: Count
    max_seconds: Annotated[float, Field(ge=1, le=30)]
    batch_size: Count
    per_epoch: dict[str, Annotated[int, Field(ge=0)]]
    epochs: dict[str, Count]

    @field_validator("data")
    @classmethod
    def _there(cls, folder: Path) -> Path:
        if not folder.is_dir():
            raise ValueError("there is no such folder: give data=FOLDER")
        return folder

    @field_validator("per_epoch")
    @classmethod
    def _of_corpora(cls, counts: dict[str, int]) -> dict[str, int]:
        return _named(counts, CORPORA)

    @field_validator("epochs")
    @classmethod
    def _of_trained(cls, counts: dict[str, int]) -> dict[str, int]:
        return _named(counts, TRAINED)


def _named(counts: dict[str, int], names: Iterable[str]) -> dict[str, int]:
    if set(counts) != set(names):
        raise ValueError(f"give a number for each of {', '.join(names)}, and nothing else")
    return counts
