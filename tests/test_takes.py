"""What is kept of a visit: its takes, their names, and how much of them there is room for."""

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch

from assets.page.listen import memory
from assets.page.listen import takes as section
from assets.page.listen.comparison import listed, side_by_side
from assets.page.listen.memory import MAX_TAKES, Takes, fitting, remembered
from assets.page.listen.visit import Remembered, Shown
from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.errors import SerError
from ser.labels import ATTRIBUTES
from ser.plots import attention_figure, timeline_figure
from ser.regions import measure_regions, to_metrics
from tests.asynchronous import run
from tests.fake_recognizer import FakeAnalysis, FakeRecognizer, fake_prediction

SECONDS = 2
SOUND_BYTES = SECONDS * SAMPLE_RATE_HZ * 4


def sound(seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).normal(0, 0.1, SECONDS * SAMPLE_RATE_HZ)
    return Waveform(samples.astype(np.float32))


def shown(
    waveform: Waveform,
    text: str = "words",
    stretch: tuple[float, float] | None = None,
    frames: tuple = (),
    file: str = "my voice.flac",
) -> Shown:
    prediction = replace(fake_prediction(text, waveform), stretch=stretch)
    return Shown(file, FakeAnalysis(waveform, prediction, frames), "fake-bundle")  # type: ignore


def visit(*seen: Shown) -> Takes:
    takes = Takes()
    for number, one in enumerate(seen):
        takes = takes.seeing(one, 1000.0 + number)
    return takes


def test_other_visits_do_not_wait_long_for_what_one_of_them_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(section, "PATIENCE_S", 0.05)
    asked = []

    async def ended(request: object) -> None:
        asked.append(request)
        await asyncio.Event().wait()

    with gr.Blocks():
        takes_tab = section.Takes(gr.Accordion(), gr.Button(), lambda _: {}, dict, ended)
    clear = SimpleNamespace(does="clear")
    told = run(takes_tab.edit(visit(shown(sound())), clear, "me"))  # type: ignore[arg-type]
    assert asked == ["me"]
    assert told[takes_tab.kept].all == ()


class TestNames:
    def test_a_take_goes_by_its_file_and_by_what_sets_it_apart(self) -> None:
        voice = sound()
        takes = visit(
            shown(voice), shown(voice, "other words"), shown(voice, "more words"),
            shown(voice, "part", (0.5, 1.5)), shown(sound(1), file="next.wav"),
        )  # fmt: skip
        assert [take.name for take in takes.all] == [
            "my voice", "my voice, corrected", "my voice, corrected",
            "my voice, corrected, 0.5 to 1.5 s", "next",
        ]  # fmt: skip
        assert [take.before for take in takes.all] == [None, 1, 2, None, None]
        assert len({take.title for take in takes.all}) == 5

    def test_the_whole_given_as_a_stretch_is_no_stretch(self) -> None:
        voice = sound()
        again = shown(voice, stretch=(0.0, float(SECONDS)))
        assert visit(shown(voice), again).all[1].name == "my voice, other windows"

    def test_a_name_is_short_text_and_never_empty(self) -> None:
        takes = visit(shown(sound())).renamed(1, "  <b>mine</b>\n ")
        assert takes.all[0].name == "<b>mine</b>"
        assert "&lt;b&gt;mine&lt;/b&gt;" in listed(takes)
        assert "<b>mine" not in listed(takes)
        assert takes.renamed(1, " ") is takes
        assert len(takes.renamed(1, "a" * 100).all[0].name) == memory.MAX_NAME


class TestWhole:
    def test_a_part_goes_back_to_what_was_on_the_page_before_it_whatever_came_later(self) -> None:
        voice = sound()
        first, other_words = shown(voice), shown(voice, "other words")
        part = shown(voice, "part", (0.5, 1.5))
        smaller = shown(voice, "smaller", (0.5, 1.0))
        takes = visit(first, other_words, first, part, smaller, shown(sound(1)))
        assert whole_of(takes, part) == whole_of(takes, smaller) == 1
        takes = takes.without(3).seeing(smaller, 0.0)
        assert whole_of(takes, shown(voice, "next", (0.6, 0.9))) == 1
        assert whole_of(takes.without(1), smaller) is None

    def test_a_part_that_is_not_among_the_takes_yet_has_its_whole(self) -> None:
        voice = sound()
        part = shown(voice, "part", (0.5, 1.5))
        assert whole_of(visit(shown(sound(1)), shown(voice)), part) == 2
        assert whole_of(visit(shown(voice), shown(sound(1))), part) is None


def whole_of(takes: Takes, part: Shown) -> int | None:
    """The number of its whole."""
    found = takes.whole_of(part)
    return None if found is None else found.number


class TestSeeing:
    def test_what_is_shown_again_is_no_new_take(self) -> None:
        first, second = shown(sound()), shown(sound(1))
        takes = visit(first, second, first)
        assert (len(takes.all), takes.current) == (2, 1)
        assert takes.seeing(None, 0.0).current is None

    def test_a_correction_follows_the_take_that_was_on_the_page(self) -> None:
        first, second = shown(sound()), shown(sound(1))
        corrected = shown(first.analysis.waveform, "other")  # type: ignore[arg-type]
        assert visit(first, second, first, corrected).all[-1].before == 1
        assert visit(first, second, corrected).all[-1].before is None

    def test_a_number_is_never_given_twice(self) -> None:
        takes = visit(shown(sound()), shown(sound(1))).without(2)
        assert takes.seeing(shown(sound(2)), 0.0).all[-1].number == 3
        assert takes.find(2) is None

    def test_a_removed_take_is_no_longer_compared(self) -> None:
        takes = visit(shown(sound()), shown(sound(1))).comparing(1, 2).without(1)
        assert [take.number for take in takes.compared] == [2]
        assert takes.ticking(2, False).compared == ()


@dataclass
class Room:
    """How many bytes there are beside the newest take."""

    patch: pytest.MonkeyPatch

    def is_for(self, count: int) -> None:
        self.patch.setattr(memory, "ROOM_BYTES", count)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(monkeypatch)


def whole(takes: Takes) -> list[bool]:
    return [not isinstance(take.shown.analysis, Remembered) for take in takes.all]


def answer_bytes(one: Shown) -> int:
    views = one.prediction.attention.values()
    return 32 * sum(len(view.times_s) + len(view.weights) for view in views)


class TestRoom:
    def test_the_oldest_recordings_go_first_and_their_answers_stay(self, room: Room) -> None:
        seen = [shown(sound(seed)) for seed in range(4)]
        room.is_for(3 * answer_bytes(seen[0]) + SOUND_BYTES)
        takes = visit(*seen)
        assert whole(takes) == [False, False, True, True]
        assert takes.all[0].shown.prediction is seen[0].prediction
        with pytest.raises(SerError, match="no longer in memory"):
            takes.all[0].shown.whole()
        assert takes.all[2].shown.whole() is seen[2].analysis

    def test_the_newest_is_whole_however_large(self, room: Room) -> None:
        room.is_for(0)
        takes = visit(shown(sound()), shown(sound(1)))
        assert (whole(takes), takes.let_go) == ([True], 1)
        assert "let go" in listed(takes)

    def test_corrections_share_their_recording_and_cost_their_answer_alone(
        self, room: Room
    ) -> None:
        voice = sound()
        seen = [shown(voice, text) for text in ("a", "b", "c")]
        room.is_for(2 * max(answer_bytes(one) for one in seen))
        assert whole(visit(*seen)) == [True, True, True]

    def test_frames_count(self, room: Room) -> None:
        frames = ({"wavlm": torch.zeros(100, 1000)},)
        seen = [shown(sound(seed), frames=frames if seed == 0 else ()) for seed in range(2)]
        room.is_for(answer_bytes(seen[0]) + SOUND_BYTES + 399_999)
        assert whole(visit(*seen)) == [False, True]
        room.is_for(answer_bytes(seen[0]) + SOUND_BYTES + 400_000)
        assert whole(visit(*seen)) == [True, True]

    def test_the_list_stays_readable(self) -> None:
        takes = visit(*(shown(sound(seed)) for seed in range(MAX_TAKES + 2)))
        assert [take.number for take in takes.all] == list(range(3, MAX_TAKES + 3))
        assert fitting(takes.all[-1:]) == takes.all[-1:]

    def test_pictures_of_what_is_remembered_are_those_of_the_recording(self, room: Room) -> None:
        first = shown(sound())
        room.is_for(answer_bytes(first))
        kept = visit(first, shown(sound(1))).all[0].shown
        assert isinstance(kept.analysis, Remembered)
        for draw in (attention_figure, timeline_figure):
            assert draw(kept.prediction, kept.sound) == draw(first.prediction, first.sound)


def test_what_is_told_of_the_bundle_is_kept_with_the_answer() -> None:
    points = [("sad", dict.fromkeys(ATTRIBUTES, 2.0))] * 10
    measured = measure_regions(points)
    metrics = {"regions": to_metrics(measured), "regions_from": "ten actors"}
    kept = remembered(by_bundle_with(metrics))
    assert (kept.regions, kept.regions_from) == (measured, "ten actors")
    assert kept.writer == "The fake transcriber writes the text."


def test_regions_that_nobody_can_read_are_none(caplog: pytest.LogCaptureFixture) -> None:
    assert by_bundle_with({"regions": {"sad": "here"}}).regions == ()
    assert "no regions of fake-bundle" in caplog.text


def by_bundle_with(metrics: dict) -> Shown:
    """An answer of a bundle with this metrics.json."""
    recognizer = FakeRecognizer()
    recognizer.bundle.metrics = metrics
    analysis = shown(sound()).analysis
    return Shown.by(recognizer, analysis, "fake-bundle", "a.wav", "")  # type: ignore[arg-type]


def test_differences_are_from_the_first_that_is_ticked() -> None:
    before, after = shown(sound(), "before"), shown(sound(), "after")
    text = side_by_side(visit(before, after).comparing(1, 2).compared)
    share = 100 * (after.prediction.emotions["sad"] - before.prediction.emotions["sad"])
    assert f"{share:+.1f}".replace("-", "&minus;") in text
    value = after.prediction.attributes["valence"] - before.prediction.attributes["valence"]
    assert f"{value:+.2f}".replace("-", "&minus;") in text
    assert side_by_side(visit(before, after).comparing(2).compared) == ""
