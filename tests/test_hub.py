"""Where weights come from: folder, cache, Hub; and how little is asked of the network."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from ser import hub
from ser.errors import HubError
from tests import fake_hub

NAME = "someone/tiny-model"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_unreachable_since", {})
    return cache


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "encoders").mkdir(parents=True)
    for name in (
        "config.json",
        "model.safetensors",
        "encoders/config.json",
        "encoders/model.safetensors",
        "merges.txt",
        "README.md",
        "pytorch_model.bin",
        "model.fp32-00001-of-00002.safetensors",
        "code.py",
    ):
        (folder / name).write_text(f"{{}} {name}")
    return folder


def use(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    with fake_hub.silence() as (address, connections):
        use(address, monkeypatch)
        yield connections


def test_a_folder_is_taken_as_it_is(repository: Path, silent_hub: list[str]) -> None:
    assert hub.local_folder(str(repository)) == repository
    assert silent_hub == []


def test_a_model_is_fetched_once_without_pickles_and_code_then_found_without_network(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub.serve(NAME, repository) as (address, asked):
        use(address, monkeypatch)
        folder = hub.local_folder(NAME, show_progress=False)
        found = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
        assert found == [
            "README.md",
            "config.json",
            "encoders/config.json",
            "encoders/model.safetensors",
            "merges.txt",
            "model.safetensors",
        ]
        assert (folder / "merges.txt").read_text() == "{} merges.txt"
        asked.clear()
        assert hub.local_folder(NAME) == folder
        assert asked == []


def test_a_download_that_broke_off_is_not_taken_for_a_model(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub.serve(NAME, repository) as (address, _):
        use(address, monkeypatch)
        folder = hub.local_folder(NAME, show_progress=False)
        (folder / "encoders" / "model.safetensors").unlink()
        assert hub.cached_folder(NAME) is None
        assert hub.local_folder(NAME, show_progress=False) == folder
        assert (folder / "encoders" / "model.safetensors").is_file()


def test_a_hub_that_never_answers_is_asked_once_for_three_seconds(silent_hub: list[str]) -> None:
    start = time.monotonic()
    for name in (NAME, "someone/else", "a/third"):
        with pytest.raises(HubError, match=r"is not on this machine and .* cannot be reached"):
            hub.local_folder(name)
    assert time.monotonic() - start < hub.REACH_LIMIT_S + 1
    assert len(silent_hub) == 1


def test_offline_mode_asks_nobody(silent_hub: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        hub.local_folder(NAME)
    assert silent_hub == []


def test_without_leave_to_download_nobody_is_asked(silent_hub: list[str]) -> None:
    with pytest.raises(HubError, match="not on this machine"):
        hub.local_folder(NAME, allow_download=False)
    assert silent_hub == []


def test_a_model_that_does_not_exist_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub.serve(NAME, repository) as (address, _):
        use(address, monkeypatch)
        with pytest.raises(HubError, match="someone/typo is neither on this machine nor on"):
            hub.local_folder("someone/typo")


def test_a_model_of_pickles_alone_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "model.safetensors").unlink()
    with fake_hub.serve(NAME, repository) as (address, asked):
        use(address, monkeypatch)
        with pytest.raises(HubError, match="safetensors"):
            hub.local_folder(NAME, show_progress=False)
        assert not any(path.endswith(".bin") for path in asked)


@pytest.mark.parametrize("name", ["", "no/such/folder", "/no/such/folder", "a b", "../x"])
def test_what_is_neither_folder_nor_name_is_said_at_once(name: str, silent_hub: list[str]) -> None:
    with pytest.raises(HubError, match="neither a folder"):
        hub.local_folder(name)
    assert silent_hub == []


def test_all_shards_have_to_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "models--someone--tiny-model" / "snapshots" / fake_hub.COMMIT
    folder.mkdir(parents=True)
    refs = folder.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text(fake_hub.COMMIT)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    )
    (folder / "model-1.safetensors").write_text("")
    assert hub.cached_folder(NAME) is None
    (folder / "model-2.safetensors").write_text("")
    assert hub.cached_folder(NAME) == folder
