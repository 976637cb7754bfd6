"""JSON lines, CSV and tables."""

import csv
import io
import json

import pytest

from ser.__main__ import main
from ser.labels import ATTRIBUTES, ENCODERS
from tests.cli.helpers import HUM, with_windows
from tests.fake_recognizer import CLASSES, fake_prediction


@pytest.mark.usefixtures("fake")
class TestJson:
    def test_one_object_per_line_with_the_file_first(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", "a.wav", "b.wav", "--format", "json"]) == 0
        lines = capsys.readouterr().out.splitlines()
        for line, file in zip(lines, ["a.wav", "b.wav"], strict=True):
            told = json.loads(line)
            assert next(iter(told)) == "file"
            expected = with_windows(fake_prediction("So it is, é", HUM, "fake")).to_dict()
            assert told == json.loads(json.dumps({"file": file, **expected}))
            assert "é" in line

    def test_a_timeline_when_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["predict", "a.wav", "--format", "json", "--timeline"])
        assert len(json.loads(capsys.readouterr().out)["timeline"]) == 2

    def test_a_bad_file_gives_its_line_and_the_rest_goes_on(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["predict", "a.wav", "bad.wav", "b.wav", "--format", "json"]) == 1
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [item["file"] for item in told] == ["a.wav", "bad.wav", "b.wav"]
        assert told[1] == {"file": "bad.wav", "error": "bad.wav is bad. Choose another."}
        assert "error" not in told[2]


@pytest.mark.usefixtures("fake")
class TestCsv:
    def rows(self, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
        main(["predict", "a.wav", "bad.wav", "--format", "csv", *options])
        return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    def test_a_row_per_file_under_fixed_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        row, fault = self.rows(capsys)
        assert list(row) == [
            *["file", "duration_s", "speech_s", "emotion", *CLASSES, *ATTRIBUTES],
            *[f"contribution_{name}" for name in ENCODERS],
            *["transcript", "transcript_source", "error"],
        ]
        answer = fake_prediction("So it is, é", HUM, "fake")
        assert row["emotion"] == answer.emotion
        assert float(row["angry"]) == pytest.approx(answer.emotions["angry"], abs=1e-6)
        assert float(row["valence"]) == pytest.approx(answer.attributes["valence"], abs=1e-6)
        assert row["transcript"] == "So it is, é"
        assert row["error"] == ""
        assert fault["error"] == "bad.wav is bad. Choose another."
        assert fault["emotion"] == ""

    def test_a_row_per_window_with_a_timeline(self, capsys: pytest.CaptureFixture[str]) -> None:
        *rows, fault = self.rows(capsys, "--timeline")
        assert [(row["start_s"], row["end_s"]) for row in rows] == [("0.0", "1.0"), ("1.0", "2.0")]
        assert " ".join(row["transcript"] for row in rows) == "So it is, é"
        assert all(row["transcript"] for row in rows)
        assert [row["speech_s"] for row in rows] == ["0.4", "0.4"]
        assert fault["file"] == "bad.wav"


@pytest.mark.usefixtures("fake")
class TestTable:
    def test_one_file_shows_everything_in_80_columns(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        assert main(["predict", "a.wav"]) == 0
        shown = capsys.readouterr().out
        answer = fake_prediction("So it is, é", HUM, "fake")
        for name, share in answer.emotions.items():
            assert any(name in line and f"{share:.1%}" in line for line in shown.splitlines())
        for name, value in answer.attributes.items():
            assert any(name in line and f"{value:.2f}" in line for line in shown.splitlines())
        assert "So it is, é" in shown
        assert max(map(len, shown.splitlines())) <= 80
        assert "\x1b" not in shown  # no colours in a pipe

    def test_many_files_stand_in_columns(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        long_name = "recordings/of/a/very/long/path/that/does/not/fit/in/one/column/a.wav"
        assert main(["predict", "b.wav", long_name, "bad.wav", "--timeline"]) == 1
        head, *rows = capsys.readouterr().out.splitlines()
        emotion = fake_prediction("So it is, é", HUM, "fake").emotion
        column = head.index("emotion")
        assert [row[column:].split()[0] for row in rows] == [*[emotion] * 6, "bad.wav"]
        assert rows[3].startswith("…")
        assert "one/column/a.wav " in rows[3]
        assert "0.0 to 1.0 s" in rows[1]
        assert max(map(len, rows)) <= 80

    def test_brackets_in_words_are_words(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["predict", "a.wav", "--transcript", "[bold]so[/bold] :smile:"])
        assert "[bold]so[/bold] :smile:" in capsys.readouterr().out
