"""Rows, JSON lines, Praat's TextGrid and the report, read back by other means."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from praatio import textgrid as praat

from ser.audio import Waveform
from ser.errors import AudioError
from ser.export import columns, json_line, report, rows_of, textgrid, to_csv
from ser.labels import ATTRIBUTES
from ser.prediction import Alternative, Prediction
from ser.transcript import Transcript, Word
from tests.cli.helpers import HUM, with_windows
from tests.fake_recognizer import CLASSES, fake_prediction

TEXT = 'So "it" is, é\n<b>'
FAULT = AudioError("bad.wav is bad. Choose another.")


@pytest.fixture
def prediction() -> Prediction:
    """Two windows that overlap by half a second, with a pause behind them."""
    whole = with_windows(fake_prediction("", HUM, "fake"))
    first, second = whole.windows
    words = (Word('"it"', 0.1, 0.5), Word("é\n<b>", 0.5, 1.2))
    return replace(
        whole,
        windows=(replace(first, end_s=1.25), replace(second, start_s=0.75, end_s=1.8)),
        transcript=Transcript(TEXT, words, "fake", "en"),
        without={"wavlm": Alternative(whole.emotions, whole.attributes)},
    )


class TestRows:
    def test_a_file_is_a_row_under_the_columns(self, prediction: Prediction) -> None:
        names = columns(CLASSES)
        rows = [*rows_of("a.wav", prediction), *rows_of("bad.wav", FAULT)]
        assert set(rows[0]) <= set(names)
        read = list(csv.DictReader(io.StringIO(to_csv(rows, names))))
        assert [row["file"] for row in read] == ["a.wav", "bad.wav"]
        assert read[0]["transcript"] == TEXT
        assert float(read[0]["duration_s"]) == prediction.duration_s
        assert read[0]["emotion"] == prediction.emotion
        for name, share in {**prediction.emotions, **prediction.attributes}.items():
            assert float(read[0][name]) == pytest.approx(share, abs=1e-6)
        assert read[1]["error"] == str(FAULT)
        assert read[1]["duration_s"] == ""

    def test_windows_have_begin_and_end(self, prediction: Prediction) -> None:
        rows = rows_of("a.wav", prediction, timeline=True)
        assert [(row["start_s"], row["end_s"]) for row in rows] == [(0.0, 1.25), (0.75, 1.8)]
        assert rows[1]["transcript"] == "é\n<b>"
        assert set(rows[0]) <= set(columns(CLASSES, timeline=True))


class TestJsonLine:
    def test_holds_everything_in_one_line(self, prediction: Prediction) -> None:
        line = json_line("a.wav", prediction, timeline=True)
        assert "\n" not in line
        told = json.loads(line)
        assert told.pop("file") == "a.wav"
        assert told == json.loads(json.dumps(prediction.to_dict(timeline=True)))
        assert told["without"]["wavlm"]["emotions"] == prediction.emotions
        assert json.loads(json_line("bad.wav", FAULT)) == {"file": "bad.wav", "error": str(FAULT)}


class TestTextGrid:
    """Held against praatio, a reader of others, which refuses gaps and overlaps."""

    def read(self, text: str, tmp_path: object) -> praat.Textgrid:
        path = f"{tmp_path}/a.TextGrid"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return praat.openTextgrid(path, includeEmptyIntervals=True, reportingMode="error")

    def test_another_reader_finds_tiers_times_and_labels(
        self, prediction: Prediction, tmp_path: object
    ) -> None:
        grid = self.read(textgrid(prediction), tmp_path)
        assert grid.tierNames == ("words", "emotion", *CLASSES, *ATTRIBUTES)
        assert (grid.minTimestamp, grid.maxTimestamp) == (0, prediction.duration_s)
        words = [tuple(entry) for entry in grid.getTier("words").entries]
        assert words == [(0, 0.1, ""), (0.1, 0.5, '"it"'), (0.5, 1.2, "é <b>"), (1.2, 2.0, "")]
        shares = [tuple(entry) for entry in grid.getTier("angry").entries]
        first, second = (f"{window.emotions['angry']:.4f}" for window in prediction.windows)
        assert shares == [(0, 1.0, first), (1.0, 1.8, second), (1.8, 2.0, "")]
        assert {entry.label for entry in grid.getTier("emotion").entries} == {
            prediction.emotion, ""
        }  # fmt: skip

    def test_without_words_the_tier_is_one_empty_interval(
        self, prediction: Prediction, tmp_path: object
    ) -> None:
        silent = replace(prediction, transcript=Transcript("", (), "none"))
        grid = self.read(textgrid(silent), tmp_path)
        assert [tuple(entry) for entry in grid.getTier("words").entries] == [(0, 2.0, "")]


class Reader(HTMLParser):
    """Elements and everything that could be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "action", "data")]


class TestReport:
    def test_is_one_file_that_fetches_nothing(self, prediction: Prediction) -> None:
        text = report("a.wav", prediction, HUM)
        reader = Reader()
        reader.feed(text)
        assert reader.fetched == []
        assert "link" not in reader.tags
        assert "default-src 'none'" in text
        assert text.count("plotly.js v") == 1

    def test_what_people_said_and_named_stays_text(self, prediction: Prediction) -> None:
        said = Transcript("</script><script>alert(1)</script>", prediction.transcript.words, "user")
        text = report("<i>a.wav", replace(prediction, transcript=said), HUM)
        assert "<script>alert(1)" not in text
        assert "&lt;i&gt;a.wav" in text
        reader = Reader()
        reader.feed(text)
        assert reader.tags.count("script") == 3

    def test_figures_hold_the_answer(self, prediction: Prediction) -> None:
        text = report("a.wav", prediction, HUM)
        (figures,) = re.findall(r'id="figures">(.*?)</script>', text, re.DOTALL)
        drawn = json.loads(figures)
        assert set(drawn) == {"emotions", "timeline", "path", "sides", "attention"}
        assert drawn["emotions"]["data"][0]["x"] == pytest.approx(
            list(prediction.emotions.values())
        )
        for name in drawn:
            assert f'<div id="{name}"' in text

    def test_one_short_window_is_enough(self) -> None:
        whole = with_windows(fake_prediction("so", HUM, "fake"))
        single = replace(whole, windows=whole.windows[:1])
        assert "so" in report("a.wav", single, Waveform(HUM.samples))
