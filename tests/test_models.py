"""Which bundles a visitor can choose, and which of them stay in memory."""

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from assets.page.models import MAX_LOADED, Models, found_bundles
from ser.bundle import CONFIG, EMBEDDED, WEIGHTS
from ser.errors import BundleError
from ser.recognizer import Recognizer
from tests.fake_recognizer import FakeRecognizer


class Loader:
    """Notes what is loaded."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.asked: list[str] = []
        self.wait_s = wait_s

    def __call__(self, source: str) -> Recognizer:
        self.asked.append(source)
        time.sleep(self.wait_s)
        if "missing" in source:
            raise BundleError(f"There is no bundle {source}.")
        return cast(Recognizer, FakeRecognizer())


def models(load: Loader, hub: bool = False, **folders: str) -> Models:
    first = cast(Recognizer, FakeRecognizer())
    return Models(first, {name: Path(path) for name, path in folders.items()}, hub=hub, load=load)


def make_bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in (CONFIG, WEIGHTS):
        (folder / name).touch()
    return folder


def test_the_first_is_there_and_a_folder_is_loaded_once() -> None:
    load = Loader()
    known = models(load, other="/some/where")
    assert known.names == ("fake-bundle", "other")
    first = known.get("fake-bundle")
    assert known.get("other") is known.get("other") is not first
    assert load.asked == ["/some/where"]


def test_two_at_once_load_one_and_nobody_else_waits() -> None:
    load = Loader(wait_s=0.3)
    known = models(load, other="other")
    threads = [threading.Thread(target=known.get, args=("other",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    known.get("fake-bundle")
    assert time.monotonic() - began < 0.2
    for thread in threads:
        thread.join()
    assert load.asked == ["other"]


def test_the_least_recently_used_goes_and_the_first_stays() -> None:
    load = Loader()
    known = models(load, a="a", b="b", c="c")
    assert MAX_LOADED == 3
    for name in ("a", "b", "a", "c", "a"):  # with the first, c makes b one too many
        known.get(name)
    assert load.asked == ["a", "b", "c"]
    known.get("fake-bundle")
    known.get("b")
    assert load.asked == ["a", "b", "c", "b"]


def test_what_cannot_be_loaded_leaves_the_others_alone() -> None:
    load = Loader()
    known = models(load, broken="missing", other="other")
    before = known.get("other")
    with pytest.raises(BundleError, match="There is no bundle missing"):
        known.get("broken")
    assert known.get("other") is before


def test_strangers_load_nothing_that_is_not_offered() -> None:
    load = Loader()
    known = models(load)
    for name in ("user/model", "/etc", "..", "assets/embedded"):
        with pytest.raises(BundleError, match="is not among the models here"):
            known.get(name)
    assert load.asked == []


def test_where_it_is_allowed_only_hub_ids_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "secret").mkdir(parents=True)
    load = Loader()
    known = models(load, hub=True)
    for name in ("runs/secret", "/etc", "../x", "a/b/c", "model", "", "-/.", "user/model\n"):
        with pytest.raises(BundleError, match="is not a Hub id"):
            known.get(name)
    known.get("user/model-1.0")
    assert load.asked == ["user/model-1.0"]
    assert known.names == ("fake-bundle",)  # what one visitor typed is not shown to others


def test_bundles_are_found_in_folders_and_named_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    made = [make_bundle(one / "a"), make_bundle(one / "b"), make_bundle(two / "a")]
    (one / "no bundle").mkdir()
    (one / "file").touch()
    places = os.pathsep.join(map(str, (one, two, one / "b", tmp_path / "absent", "")))
    found = found_bundles(places)
    if (EMBEDDED / CONFIG).is_file():
        assert found.pop("embedded") == EMBEDDED
    assert found == {"a": made[0], "b": made[1], "a (2)": made[2]}


def test_a_bundle_itself_can_be_named(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "mine")
    assert found_bundles(str(bundle))["mine"] == bundle


def test_the_one_that_answers_first_is_not_offered_twice(tmp_path: Path) -> None:
    recognizer: Any = FakeRecognizer()
    recognizer.bundle = SimpleNamespace(name="first", folder=tmp_path, metrics={})
    known = Models(recognizer, {"folder": tmp_path, "other": tmp_path / "other"})
    assert known.names == ("first", "other")


def test_another_of_the_same_name_is_offered_under_its_own(tmp_path: Path) -> None:
    recognizer: Any = FakeRecognizer()
    recognizer.bundle = SimpleNamespace(name="embedded", folder=tmp_path / "mine", metrics={})
    known = Models(recognizer, {"embedded": EMBEDDED})
    assert known.names == ("embedded", "embedded (2)")
    assert known.folders["embedded (2)"] == EMBEDDED
