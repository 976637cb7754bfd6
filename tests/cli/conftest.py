"""The command line in front of a fake recogniser, and a tiny bundle for the real one."""

from typing import Any

import pytest

from ser.recognizer import Recognizer
from tests.cli.helpers import FakeRecognizer
from tests.tiny import save_bundle


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The fake in place of the recogniser; holds what it was loaded with."""
    wishes: dict[str, Any] = {}

    def load(bundle: str | None, **options: Any) -> FakeRecognizer:
        wishes.update(options, bundle=bundle)
        return FakeRecognizer(wishes.get("own"))

    monkeypatch.setattr(Recognizer, "from_pretrained", load)
    FakeRecognizer.parts.clear()
    return wishes


@pytest.fixture(scope="package")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_bundle(tmp_path_factory.mktemp("tiny")))
