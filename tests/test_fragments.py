"""Pieces of HTML say the prediction's numbers and never let text become markup."""

from dataclasses import replace

import numpy as np

from ser import fragments
from ser.audio import Waveform
from tests.fake_recognizer import HEARD, fake_prediction

WAVEFORM = Waveform(np.linspace(-0.5, 0.5, 32_000, dtype=np.float32))
ATTACK = "<img src=x onerror=alert(1)>"


def test_headline_names_the_likeliest_class_first_and_two_more() -> None:
    emotions = {"angry": 0.2, "sad": 0.1, "happy": 0.65, "calm": 0.05}
    html = fragments.headline(replace(fake_prediction(HEARD, WAVEFORM), emotions=emotions))
    assert "<strong>Happy</strong> <span>65.0%</span>" in html
    assert "angry 20.0%, sad 10.0%" in html
    assert "calm" not in html


def test_notes_are_shown() -> None:
    html = fragments.headline(fake_prediction("", WAVEFORM))
    assert "<li>There is no text, so the text encoder was left out.</li>" in html


def test_text_from_outside_never_becomes_markup() -> None:
    answer = replace(fake_prediction(HEARD, WAVEFORM), bundle=ATTACK, notes=(ATTACK,))
    for html in (
        fragments.headline(answer),
        fragments.facts(answer, file=ATTACK, recogniser_status=ATTACK),
        fragments.problem(ATTACK),
        fragments.quiet(ATTACK),
    ):
        assert "<img" not in html
        assert "&lt;img" in html


def test_shares_are_written_and_a_missing_encoder_is_said_to_be_left_out() -> None:
    answer = replace(
        fake_prediction("", WAVEFORM),
        contributions={"whisper": 0.25, "wavlm": 0.75, "roberta": 0.0},
    )
    html = fragments.encoder_shares(answer)
    assert [html.count(told) for told in ("25.0%", "75.0%", "left out")] == [1, 1, 1]


def test_no_bar_is_drawn_when_no_encoder_changes_the_answer() -> None:
    contributions = {"whisper": 0.0, "wavlm": 0.0, "roberta": 0.0}
    answer = replace(fake_prediction(HEARD, WAVEFORM), contributions=contributions)
    assert "share-bar" not in fragments.encoder_shares(answer)


def test_scales_place_the_attributes_between_1_and_7() -> None:
    attributes = {"arousal": 1.0, "valence": 4.0, "dominance": 7.0}
    html = fragments.attribute_scales(
        replace(fake_prediction(HEARD, WAVEFORM), attributes=attributes)
    )
    assert [html.count(f"left:{place}%") for place in ("0.0", "50.0", "100.0")] == [1, 1, 1]
    for told in ("1.00", "4.00", "7.00", "1 calm", "7 active", "1 negative", "7 strong"):
        assert told in html


def test_facts_name_bundle_and_recogniser() -> None:
    html = fragments.facts(fake_prediction(HEARD, WAVEFORM), "voice.wav", "Whisper is loading.")
    for told in ("voice.wav, 2.0 s, 1.6 s of speech", "fake-bundle", "Whisper is loading."):
        assert told in html


def test_the_writer_of_the_transcript_is_named() -> None:
    assert fragments.written_by(fake_prediction(HEARD, WAVEFORM)) == "fake-transcriber"
    assert fragments.written_by(fake_prediction("", WAVEFORM, source="user")) == "you"


def test_the_model_s_own_summary_is_told_or_its_absence() -> None:
    assert fragments.about_the_model({"summary": "45% <of> 8"}) == "<p>45% &lt;of&gt; 8</p>"
    assert "has not been stored" in fragments.about_the_model({})
