"""Results that go to files: tables, TextGrids, reports."""

import json
import os
import sys
from pathlib import Path

import pytest

from ser.__main__ import main
from ser.cli.commands import save_wav
from tests.cli.helpers import HUM


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: dict[str, object]) -> Path:
    """An empty folder with two recordings."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav"):
        save_wav(tmp_path / name, HUM)
    return tmp_path


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_output_gets_what_stdout_would(
    form: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["predict", "a.wav", "bad.wav", "--format", form])
    shown = capsys.readouterr().out
    assert main(["predict", "a.wav", "bad.wav", "--format", form, "--output", "out.txt"]) == 1
    assert capsys.readouterr().out == ""
    assert (folder / "out.txt").read_text(encoding="utf-8").split() == shown.split()


@pytest.mark.parametrize(
    ("form", "ending", "start"),
    [("textgrid", ".TextGrid", 'File type = "ooTextFile"'), ("html", ".html", "<!doctype html>")],
)
class TestDocuments:
    def test_of_one_file_go_to_stdout_or_under_a_name(
        self, form: str, ending: str, start: str, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        assert main(["predict", "a.wav", "--format", form]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(start)
        assert main(["predict", "a.wav", "--format", form, "--output", f"mine{ending}"]) == 0
        assert (folder / f"mine{ending}").read_text(encoding="utf-8") == shown

    def test_of_several_files_go_to_a_folder_and_replace_nothing(
        self, form: str, ending: str, start: str, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        files = ["a.wav", "bad.wav", "b.wav"]
        assert main(["predict", *files, "--format", form, "--output", "out"]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "bad.wav is bad. Choose another." in printed.err
        made = sorted(path.name for path in (folder / "out").iterdir())
        assert made == [f"a{ending}", f"b{ending}"]
        assert (folder / "out" / made[0]).read_text(encoding="utf-8").startswith(start)
        assert main(["predict", "a.wav", "--format", form, "--output", "out"]) == 1
        assert f"a{ending} exists already" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
@pytest.mark.parametrize("form", ["json", "csv", "table", "html"])
def test_a_name_that_is_no_text_does_not_end_the_run(form: str, folder: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.wav")
    (folder / "a.wav").rename(folder / odd)
    assert main(["predict", odd, "b.wav", "--format", form, "--output", "out"]) == 0
    written = folder / "out" if form != "html" else folder / "out" / f"{odd[:-4]}.html"
    assert r"caf\udce9" in written.read_text(encoding="utf-8")


def test_notes_of_a_json_file_stay_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--format", "json", "--output", "out.jsonl", "--transcript", " "]
    main(["predict", "a.wav", *options])
    assert capsys.readouterr().err == ""
    assert json.loads((folder / "out.jsonl").read_text())["notes"]
