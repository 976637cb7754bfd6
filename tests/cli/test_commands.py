"""What options do, what is said on the console, the status at the end."""

import json
import os
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser import hub
from ser.__main__ import main
from ser.audio import SAMPLE_RATE_HZ, Waveform, load_audio
from ser.cli import commands
from ser.cli.arguments import expand
from ser.errors import MicrophoneError, SerError
from ser.prediction import Prediction
from ser.recording import Stretch
from ser.speech import Sliding
from ser.transcription import BackgroundTranscriber
from tests.cli.helpers import HUM, FakeRecognizer


class TestOptions:
    def test_reach_the_recogniser(self, fake: dict[str, Any]) -> None:
        main(["predict", "a.wav", "--bundle", "b", "--device", "cpu", "--dtype", "bfloat16"])
        assert fake == {
            "bundle": "b", "device": "cpu", "dtype": "bfloat16", "transcriber": "auto"
        }  # fmt: skip
        main(["predict", "a.wav", "--compute-device", "mps", "--transcriber", "pocketsphinx"])
        assert fake == {
            "bundle": None, "device": "mps", "dtype": None, "transcriber": "pocketsphinx"
        }  # fmt: skip
        main(["predict", "a.wav", "--transcriber", "none"])
        assert fake["transcriber"] is None
        main(["predict", "a.wav", "--transcript", "so"])
        assert fake["transcriber"] is None, "nobody has to listen to what is known"

    @pytest.mark.usefixtures("fake")
    def test_windows_and_stretches_reach_the_recogniser(self) -> None:
        for options in (
            ["--timeline", "--window", "3", "--hop", "1"],
            ["--timeline", "--window", "3"],
            ["--start", "2", "--end", "4.5"],
            ["--start", "2"],
            [],
        ):
            assert main(["predict", "a.wav", *options]) == 0
        assert FakeRecognizer.parts == [
            {"sliding": Sliding(3.0, 1.0)},
            {"sliding": Sliding(3.0, 1.5)},
            {"stretch": Stretch(2.0, 4.5)},
            {"stretch": Stretch(2.0, float("inf"))},
            {},
        ]

    @pytest.mark.usefixtures("fake")
    def test_a_window_that_cannot_be_meant_is_one_sentence(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", "a.wav", "--timeline", "--window", "99"]) == 1
        assert capsys.readouterr().err.startswith("error: A window takes 0.5 to 30 s")

    def test_the_environment_names_a_bundle(
        self, fake: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SER_BUNDLE", "mine")
        main(["predict", "a.wav"])
        assert fake["bundle"] == "mine"

    @pytest.mark.parametrize(
        "arguments",
        [
            [], ["nonsense"], ["predict"], ["predict", "a.wav", "--format", "xml"],
            ["predict", "a.wav", "b.wav", "--transcript", "so"],
            ["predict", "a.wav", "--dtype", "int8"], ["record", "--seconds", "long"],
            ["record", "--output", "a.mp3"], ["record", "--output", "no/such/folder/a.wav"],
            ["record", "--output", "taken.wav"],
            ["predict", "a.wav", "--window", "2"], ["predict", "a.wav", "--timeline", "--hop", "1"],
            ["predict", "a.wav", "b.wav", "--format", "html"],
            ["predict", "a.wav", "--output", "taken.wav"],
            ["predict", "a.wav", "--output", "no/such/a.csv"], ["live", "--format", "csv"],
        ],
        ids=" ".join,
    )  # fmt: skip
    def test_wrong_usage_ends_with_2(
        self,
        arguments: list[str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("taken.wav").touch()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert capsys.readouterr().err.startswith("usage:")

    def test_patterns_become_files_in_order(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "deep" / "er").mkdir(parents=True)
        for name in ["b.wav", "a.wav", "note.txt", "c[1].wav", "deep/er/d.wav"]:
            (tmp_path / name).touch()
        assert expand(["*.wav"]) == ["a.wav", "b.wav", "c[1].wav"]
        assert expand(["c[1].wav", "x.wav"]) == ["c[1].wav", "x.wav"]
        assert expand(["*"]) == ["a.wav", "b.wav", "c[1].wav", "note.txt"]  # no folders
        assert expand([os.path.join("**", "*.wav")])[-1] == os.path.join("deep", "er", "d.wav")
        assert expand(["*.flac"]) == ["*.flac"]
        assert expand(["deep"]) == ["deep"]


class TestConsole:
    def test_notes_go_to_stderr_where_the_format_has_no_room(
        self, fake: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        fake["own"] = None
        for options, heard in [(["--format", "csv"], "a.wav: "), (["--format", "json"], "")]:
            main(["predict", "a.wav", *options, "--transcript", " "])
            printed = capsys.readouterr()
            assert printed.err.startswith(heard)
            assert bool(printed.err) == bool(heard)

    def test_results_come_one_by_one(
        self, fake: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        seen: list[int] = []
        with (tmp_path / "out").open("w") as out:
            monkeypatch.setattr(sys, "stdout", out)
            many = FakeRecognizer.predict_many

            def spy(*arguments: Any, **part: Any) -> Iterator[Prediction | SerError]:
                for answer in many(*arguments, **part):
                    seen.append(len((tmp_path / "out").read_text().splitlines()))
                    yield answer

            monkeypatch.setattr(FakeRecognizer, "predict_many", spy)
            main(["predict", "a.wav", "b.wav", "c.wav", "--format", "json"])
        assert seen == [0, 1, 2]

    def test_a_bar_appears_on_a_terminal_only(
        self,
        fake: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        main(["predict", "a.wav", "b.wav", "--format", "json"])
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        main(["predict", "a.wav", "b.wav", "--format", "json"])
        printed = capsys.readouterr()
        assert "2/2" in printed.err
        assert len(printed.out.splitlines()) == 2

    def test_it_is_said_once_who_writes_the_words(
        self,
        fake: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(hub, "hub_is_reachable", lambda: False)
        fake["own"] = BackgroundTranscriber("nobody/whisper")
        main(["predict", "a.wav", "b.wav", "--format", "json"])
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(
            "PocketSphinx writes the text: nobody/whisper is not on this machine"
        )

    def test_a_fetch_that_takes_long_is_announced_and_awaited(
        self,
        fake: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def fetch(*_: Any, **__: Any) -> Path:
            time.sleep(0.3)
            raise SerError("The line is broken.")

        monkeypatch.setattr(commands, "EXPECTED_WAIT_S", 0.1)
        monkeypatch.setattr("ser.transcription.background.cached_folder", lambda *_: None)
        monkeypatch.setattr("ser.transcription.background.require_hub", lambda *_: None)
        monkeypatch.setattr("ser.transcription.background.local_folder", fetch)
        fake["own"] = BackgroundTranscriber("nobody/whisper")
        main(["predict", "a.wav", "--format", "json"])
        announced, status = capsys.readouterr().err.splitlines()
        assert announced.startswith("Fetching nobody/whisper")
        assert status == (
            "PocketSphinx writes the text: The line is broken. The next start looks again."
        )

    def test_a_fault_of_the_whole_run_is_one_sentence(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        assert main(["predict", "a.wav", "--bundle", str(tmp_path)]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
        assert "config.json" in printed.err
        assert len(printed.err.splitlines()) == 1

    def test_ctrl_c_ends_with_a_sentence_and_130(
        self,
        fake: dict[str, Any],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def interrupted(*_: Any, **__: Any) -> Any:
            raise KeyboardInterrupt

        monkeypatch.setattr(FakeRecognizer, "predict_many", interrupted)
        assert main(["predict", "a.wav"]) == 130
        assert capsys.readouterr().err == "Stopped.\n"


class TestRecord:
    @pytest.fixture
    def microphone(self, fake: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Answers with a hum and keeps what it was asked for."""
        asked: list[Any] = []

        def record(seconds: float, device: str | None) -> Waveform:
            asked.append((seconds, device))
            return HUM

        monkeypatch.setattr(commands, "record_sound", record)
        return asked

    def test_keeps_nothing_unless_asked(
        self,
        microphone: list[Any],
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["record", "--seconds", "2", "--device", "Desk", "--format", "json"]) == 0
        printed = capsys.readouterr()
        assert microphone == [(2.0, "Desk")]
        assert json.loads(printed.out)["file"] == "microphone"
        assert "Speak now" in printed.err
        assert list(tmp_path.iterdir()) == []

    def test_writes_a_wav_that_holds_the_recording(
        self, microphone: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "mine.wav"
        assert main(["record", "--output", str(path), "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["file"] == str(path)
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels()) == (SAMPLE_RATE_HZ, 1)
        assert np.abs(load_audio(path).samples - HUM.samples).max() <= 0.5 / 32768 + 1e-7

    @pytest.mark.usefixtures("fake")
    def test_without_a_microphone_there_is_a_line_with_the_error(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def record(*_: Any) -> Waveform:
            raise MicrophoneError("No microphone was found. Connect one.")

        monkeypatch.setattr(commands, "record_sound", record)
        assert main(["record", "--format", "json"]) == 1
        assert json.loads(capsys.readouterr().out) == {
            "file": "microphone", "error": "No microphone was found. Connect one."
        }  # fmt: skip
