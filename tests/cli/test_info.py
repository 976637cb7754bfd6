"""The description of a bundle."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import WhisperForConditionalGeneration

from ser import hub
from ser.__main__ import main
from ser.cli.info import describe
from ser.recognizer import Recognizer
from tests.tiny import EMOTIONS, save_bundle
from tests.tiny_whisper import tiny_whisper


class TestInfo:
    def test_tells_what_the_bundle_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "300")
        save_bundle(tmp_path)
        (tmp_path / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# Tiny\n")
        figures = {
            "held_out": {"ravdess": {"uar": 0.61, "uar_interval_95": [0.5, 0.7]}}, "seed": 1,
            "regions": {"sad": {"count": 30}},
        }  # fmt: skip
        (tmp_path / "metrics.json").write_text(json.dumps(figures))
        assert main(["info", "--bundle", str(tmp_path)]) == 0
        shown = {}
        for line in capsys.readouterr().out.splitlines():
            name, _, told = line.partition("  ")
            shown[name] = told.strip()
        assert shown["bundle"].startswith("tiny (")
        assert shown["classes"] == ", ".join(EMOTIONS)
        assert shown["words"] == "PocketSphinx writes them"
        assert shown["held out ravdess"] == "uar 0.610, uar interval 95 0.500 to 0.700"
        assert shown["measured"] == "seed 1"
        assert not any("regions" in name for name in shown), "they are for pictures"
        assert shown["licence"] == "cc0-1.0"

    def test_counts_each_encoder_as_torch_does(
        self, tiny: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["info", "--bundle", tiny])
        bank = Recognizer.from_pretrained(tiny, device="cpu", transcriber=None).encoders
        models = {"whisper": bank.whisper.encoder, "wavlm": bank.wavlm.model,
                  "roberta": bank.roberta.model}  # fmt: skip
        shown = capsys.readouterr().out
        for name, model in models.items():
            count = sum(tensor.numel() for tensor in model.parameters())
            assert f"encoders/{name}, {count / 1e6:.2f} million parameters" in shown

    def test_downloads_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hub, "hub_is_reachable", lambda: False)
        bundle = save_bundle(tmp_path, transcriber="nobody/whisper")
        config = json.loads((bundle / "config.json").read_text())
        config["encoders"]["wavlm"]["checkpoint"] = "nobody/wavlm"
        (bundle / "config.json").write_text(json.dumps(config))
        cells = [str(cell) for column in describe(str(bundle)).columns for cell in column.cells]
        assert any("nobody/wavlm, not on this machine" in cell for cell in cells)
        assert any(cell.startswith("PocketSphinx writes them: nobody/whisper") for cell in cells)

    def test_counts_the_encoder_of_a_whole_whisper_alone(self, tmp_path: Path) -> None:
        folder = save_bundle(tmp_path) / "encoders" / "whisper"
        shutil.rmtree(folder)
        whisper = WhisperForConditionalGeneration.from_pretrained(tiny_whisper(folder))
        count = sum(tensor.numel() for tensor in whisper.model.encoder.parameters())
        cells = [str(cell) for column in describe(str(tmp_path)).columns for cell in column.cells]
        assert any(f"encoders/whisper, {count / 1e6:.2f} million" in cell for cell in cells)
