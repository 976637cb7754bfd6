"""Pieces of HTML say the prediction's numbers and never let text become markup."""

from dataclasses import replace

import numpy as np

from ser import fragments
from ser.audio import Waveform
from ser.labels import ATTRIBUTES, ENCODERS
from ser.prediction import Alternative, EncoderAttention, Prediction
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


def without(emotion: str, arousal: float) -> Prediction:
    """An answer that is happy with an arousal of 4, and its alternative."""
    answer = fake_prediction(HEARD, WAVEFORM)
    emotions = dict.fromkeys(answer.emotions, 0.05)
    attributes = {"arousal": 4.0, "valence": 3.0, "dominance": 5.0}
    other = Alternative({**emotions, emotion: 0.6}, {**attributes, "arousal": arousal})
    return replace(
        answer,
        emotions={**emotions, "happy": 0.65},
        attributes=attributes,
        without={**answer.without, "wavlm": other},
    )


def card(name: str, answer: Prediction) -> str:
    return fragments.encoder_cards(answer).split("<li>")[1 + ENCODERS.index(name)]


def test_a_card_shows_the_answer_without_its_encoder() -> None:
    changed = card("wavlm", without("sad", 4.5))
    assert '<td>Happy 65.0%</td><td class="other">Sad 60.0%</td>' in changed
    assert '<td>4.00</td><td>4.50 <span aria-hidden="true">▲</span></td>' in changed
    assert "<td>3.00</td><td>3.00</td>" in changed
    same = card("wavlm", without("happy", 3.5))
    assert "<td>Happy 65.0%</td><td>Happy 60.0%</td>" in same
    assert "3.50 <span" in same
    assert "▼" in same


def test_a_card_plays_its_peak_with_some_room_and_says_what_is_heard() -> None:
    answer = fake_prediction(HEARD, WAVEFORM)
    view = EncoderAttention((0.51, 0.53, 0.55), (0.1, 0.5, 0.4))
    answer = replace(answer, attention={**answer.attention, "wavlm": view})
    html = card("wavlm", answer)
    assert 'data-start="0.270" data-end="0.810"' in html
    assert 'aria-label="Listen to the peak of WavLM, 0.52 to 0.56 s"' in html
    assert f"“{answer.transcript.words[1].text}”" in html
    stretch = replace(answer, stretch=(0.4, 0.6))
    assert 'data-start="0.400" data-end="0.600"' in card("wavlm", stretch)


def test_an_encoder_that_was_left_out_has_nothing_to_play() -> None:
    html = card("roberta", fake_prediction("", WAVEFORM))
    assert "left out of this answer" in html
    assert "button" not in html
    assert "table" not in html


def weighed(*tokens: tuple[str, float]) -> str:
    """One token for each word, between <s> and </s>."""
    answer = fake_prediction(" ".join(text for text, _ in tokens[1:-1]), WAVEFORM)
    words = answer.transcript.words
    times = [words[0].start_s, *((w.start_s + w.end_s) / 2 for w in words), words[-1].end_s]
    texts, weights = zip(*tokens, strict=True)
    attention = {"roberta": EncoderAttention(tuple(times), weights, texts)}
    return fragments.weighed_words(replace(answer, attention=attention))


def test_words_carry_their_share_as_shade_and_as_number() -> None:
    html = weighed(("<s>", 0.1), ("dogs", 0.2), ("loudly", 0.4), ("bark", 0.2), ("</s>", 0.1))
    assert ">dogs<span> 20.0%</span></button>" in html
    assert html.count("--weight:0.500") == 2
    assert html.count("--weight:0.250") == 2
    assert "start of text 10.0%" in html
    assert "end of text 10.0%" in html
    assert "<s>" not in html


def test_words_are_one_tab_stop() -> None:
    html = weighed(("<s>", 0.0), ("dogs", 0.5), ("bark", 0.5), ("</s>", 0.0))
    assert [html.count(f'tabindex="{index}"') for index in (0, -1)] == [1, 1]


def test_words_that_nobody_read_are_not_weighed() -> None:
    assert fragments.weighed_words(fake_prediction("", WAVEFORM)) == ""


def test_words_from_outside_never_become_markup() -> None:
    html = weighed(("<s>", 0.1), ("<b>", 0.8), ("</s>", 0.1))
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    heard = fragments.encoder_cards(fake_prediction("<i>dogs</i>", WAVEFORM))
    assert "<i>dogs" not in heard


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


def test_scales_without_an_answer_are_empty() -> None:
    html = fragments.attribute_scales(None)
    assert [html.count(f'data-attribute="{name}"') for name in ATTRIBUTES] == [1, 1, 1]
    assert html.count("<strong></strong>") == html.count("<i></i>") == 3


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
