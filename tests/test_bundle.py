"""Bundles: round trip, and refusal of whatever does not match."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ser.bundle import Bundle
from ser.errors import BundleError, EncoderError
from ser.recognizer import Recognizer
from tests.tiny import save_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_bundle(tmp_path / "tiny")


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def change_weights(folder: Path, change: object) -> None:
    state = load_file(folder / "model.safetensors")
    change(state)  # type: ignore[operator]
    save_file(state, folder / "model.safetensors")


def test_a_saved_bundle_loads_as_it_was(folder: Path, tmp_path: Path) -> None:
    first = Bundle.load(folder)
    first.save(tmp_path / "copy")
    second = Bundle.load(tmp_path / "copy")
    assert second.config == first.config
    assert second.card == "# Tiny\n"
    assert second.metrics == {"cv": {}}
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], tensor)
    assert not any(tensor.requires_grad for tensor in second.model.parameters())


def test_a_missing_key_is_named(folder: Path) -> None:
    change_weights(folder, lambda state: state.pop("output.bias"))
    with pytest.raises(BundleError, match=r"missing: output\.bias"):
        Bundle.load(folder)


def test_a_superfluous_key_is_named(folder: Path) -> None:
    change_weights(folder, lambda state: state.update(extra=torch.zeros(1)))
    with pytest.raises(BundleError, match="superfluous: extra"):
        Bundle.load(folder)


def test_a_wrong_size_is_named(folder: Path) -> None:
    change_weights(folder, lambda state: state.update({"output.bias": torch.zeros(3)}))
    with pytest.raises(BundleError, match=r"another size: output\.bias"):
        Bundle.load(folder)


def test_a_pickle_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(BundleError, match="never from a pickle"):
        Bundle.load(folder)


def test_a_pickle_under_the_right_name_is_refused_and_not_run(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (folder / "sprung",))  # type: ignore[return-value]

    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(folder)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 99}, "format must be 1"),
        ({"colour": "red"}, r"unknown entries \['colour'\]"),
        ({"attributes": ["valence", "arousal", "dominance"]}, "attributes must be"),
        ({"whisper_context": "half"}, "whisper_context"),
        ({"fusion": {"emotions": ["angry", "hangry"]}}, r"unknown classes \['hangry'\]"),
        ({"fusion": {"emotions": ["angry", "angry"]}}, "once each"),
        ({"fusion": {"emotions": 5}}, "not a bundle's config"),
        ({"fusion": {"emotions": ["angry"], "depth": 3}}, "depth"),
        ({"fusion": {"emotions": ["angry"], "lstm_layers": "2"}}, "whole numbers"),
        ({"fusion": {"emotions": ["angry"], "lstm_width": -1}}, "whole numbers"),
        ({"fusion": None}, "not a bundle's config"),
        ({"fusion": []}, "not a bundle's config"),
        ({"encoders": {}}, "encoders must be"),
        ({"layers": {"wavlm": [-1]}}, "layers must be whole numbers for"),
        ({"layers": {"whisper": [-1], "wavlm": ["x"], "roberta": [-1]}}, "whole numbers for"),
        ({"layers": {"whisper": [-1], "wavlm": [1, 2], "roberta": [-1]}}, "as many as"),
        ({"layers": 3}, "not a bundle's config"),
        ({"fusion": {"emotions": ["angry"], "layers": {"wavlm": 2}}}, "layers must name"),
        ({"name": 5}, "name must be"),
        ({"temperature": 0}, "temperature must be"),
        ({"temperature": "x"}, "temperature must be"),
        ({"window_max_s": 100}, "window_max_s must lie"),
        ({"text_languages": "en"}, "text_languages"),
        ({"transcriber": "../elsewhere"}, "inside the bundle"),
        ({"transcriber": "~/whisper"}, "inside the bundle"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    folder: Path, changes: dict[str, object], sentence: str
) -> None:
    change_config(folder, **changes)
    with pytest.raises(BundleError, match=sentence):
        Bundle.load(folder)


def test_a_missing_entry_is_named_not_guessed(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["temperature"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError, match=r"lacks the entries \['temperature'\]"):
        Bundle.load(folder)


def test_a_bundle_without_one_of_its_encoders_asks_nobody_else(folder: Path) -> None:
    shutil.rmtree(folder / "encoders" / "roberta")
    with pytest.raises(EncoderError, match="lacks its folder encoders/roberta"):
        Recognizer.from_pretrained(folder, transcriber=None)


def test_a_broken_config_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(BundleError, match=r"config\.json of the bundle cannot be read"):
        Bundle.load(folder)


def test_a_folder_without_config_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is not a bundle: it has no config\.json"):
        Bundle.load(tmp_path)


def test_an_unknown_name_says_that_it_is_neither_folder_nor_hub_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BundleError, match="neither a folder nor a Hub id"):
        Bundle.load("nobody/nothing-of-that-name")
