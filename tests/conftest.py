"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real speech beside the repository, or the one that SER_DATA names."""
    folder = Path(os.environ.get("SER_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real speech is needed: no folder {folder.name} (set SER_DATA to its path)")
    return folder
