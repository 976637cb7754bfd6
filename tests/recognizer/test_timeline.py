"""Sliding windows, stretches, progress, cancelling, recordings that are not kept in memory."""

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser import frames
from ser.audio import Waveform, load_audio
from ser.errors import AudioError, Cancelled, NoSpeechError
from ser.fusion import EncoderOutput
from ser.labels import ENCODERS
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.recording import Stretch
from ser.speech import Sliding
from tests.recognizer.helpers import SENTENCE, as_json, counted, with_words
from tests.speech_clips import ToldTranscriber

SLIDING = Sliding(1.5, 0.5)


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every recording counts as too long to keep its frames."""
    monkeypatch.setattr(frames, "KEPT_S", 0.0)


class TestSliding:
    def test_each_window_is_answered_as_if_it_came_alone(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        silent = with_words(recognizer, None)
        prediction = silent.predict(clip, sliding=SLIDING)
        assert len(prediction.windows) >= 2
        for window in prediction.windows:
            cut = [load_audio(clip).slice(window.start_s, window.end_s)]
            bank = recognizer.encoders
            encoded = {
                "whisper": bank.whisper.encode(cut),
                "wavlm": bank.wavlm.encode(cut),
                "roberta": bank.roberta.encode([""]),
            }
            logits = recognizer.model(encoded).emotion_logits[0]
            expected = dict(zip(prediction.emotions, logits.softmax(-1).tolist(), strict=True))
            assert window.emotions == pytest.approx(expected, abs=1e-5)

    def test_the_answer_is_their_mean_and_speech_counts_once(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        prediction = recognizer.predict(long, sliding=SLIDING)
        weights = np.array([window.speech_s for window in prediction.windows])
        for name, value in prediction.emotions.items():
            each = [window.emotions[name] for window in prediction.windows]
            assert value == pytest.approx(np.average(each, weights=weights))
        assert prediction.speech_s == pytest.approx(recognizer.predict(long).speech_s)
        assert weights.sum() > prediction.speech_s
        for view in prediction.attention.values():
            assert sum(view.weights) == pytest.approx(1, abs=1e-5)
            assert list(view.times_s) == sorted(view.times_s)

    def test_overlapping_windows_are_written_down_once(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        prediction = recognizer.predict(clip, sliding=SLIDING)
        assert prediction.transcript.text == SENTENCE
        heard = [view.attention["roberta"].tokens for view in prediction.windows]
        assert sum("door" in "".join(tokens or ()) for tokens in heard) >= 1


class TestNothingKept:
    @pytest.mark.usefixtures("nothing_kept")
    @pytest.mark.parametrize("sliding", [None, SLIDING])
    def test_the_answer_is_the_same(
        self,
        recognizer: Recognizer,
        long: Waveform,
        sliding: Sliding | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        lean = recognizer.analyse(long, sliding=sliding)
        revised = recognizer.revise(lean, "so happy")
        (many,) = recognizer.predict_many([long], sliding=sliding)
        monkeypatch.setattr(frames, "KEPT_S", 1e9)
        kept = recognizer.analyse(long, sliding=sliding)
        assert isinstance(lean.frames, frames.FramesOnDemand)
        assert isinstance(kept.frames, tuple)
        assert isinstance(many, Prediction)
        for prediction in (lean.prediction, many):
            assert prediction.emotions == pytest.approx(kept.prediction.emotions, abs=1e-5)
            assert [w.start_s for w in prediction.windows] == [w.start_s for w in kept.windows]
        expected = recognizer.revise(kept, "so happy").prediction
        assert revised.prediction.emotions == pytest.approx(expected.emotions, abs=1e-5)
        assert lean.frames[0]["wavlm"].shape == kept.frames[0]["wavlm"].shape
        assert len(lean.frames[-1]) == 2


class TestBatches:
    @pytest.mark.parametrize(
        ("seconds", "sizes"),
        [([3.0] * 19, [8, 8, 3]), ([29.0] * 5, [2, 2, 1]), ([1.0, 29.5, 30.0, 8.0], [2, 2])],
    )
    def test_hold_eight_windows_and_a_minute_at_most(
        self, recognizer: Recognizer, seconds: list[float], sizes: list[int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        seen: list[int] = []

        def spy(waveforms: Any) -> Any:
            seen.append(len(waveforms))
            mask = torch.ones(len(waveforms), 1, dtype=torch.bool)
            return EncoderOutput(torch.zeros(len(waveforms), 1, 2), mask)

        for branch in (recognizer.encoders.whisper, recognizer.encoders.wavlm):
            monkeypatch.setattr(branch, "encode", spy)
        cuts = [Waveform(np.zeros(round(16_000 * length), np.float32)) for length in seconds]
        found, _ = frames.encode(recognizer.encoders, cuts)
        assert seen == [size for size in sizes for _ in range(2)]
        assert len(found) == len(cuts)


class TestProgress:
    @pytest.mark.parametrize("kept_s", [0.0, 1e9])
    def test_rises_to_the_end_and_names_the_windows(
        self,
        recognizer: Recognizer,
        long: Waveform,
        kept_s: float,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(frames, "KEPT_S", kept_s)
        told: list[tuple[float, str]] = []
        recognizer.analyse(long, progress=lambda *step: told.append(step), sliding=SLIDING)
        shares = [share for share, _ in told]
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert 0.85 <= shares[-1] <= 1
        count = len(recognizer.predict(long, sliding=SLIDING).windows)
        assert any(f"window 9 of {count}" in doing for _, doing in told)

    @pytest.mark.parametrize("kept_s", [0.0, 1e9])
    def test_cancelling_ends_between_any_two_steps(
        self,
        recognizer: Recognizer,
        long: Waveform,
        kept_s: float,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(frames, "KEPT_S", kept_s)
        steps: list[str] = []
        recognizer.analyse(long, progress=lambda _, doing: steps.append(doing))
        for after in range(1, len(steps)):
            cancel = threading.Event()
            seen: list[str] = []

            def watch(_: float, doing: str, cancel: Any = cancel, seen: Any = seen) -> None:
                seen.append(doing)
                if len(seen) == after:  # noqa: B023 - called before the loop goes on
                    cancel.set()

            with pytest.raises(Cancelled, match="cancelled"):
                recognizer.analyse(long, progress=watch, cancelled=cancel.is_set)
            assert seen == steps[:after]

    def test_many_recordings_can_be_given_up(self, recognizer: Recognizer, clip: Path) -> None:
        cancel = threading.Event()
        answers = recognizer.predict_many([clip] * 3, batch_windows=1, cancelled=cancel.is_set)
        assert isinstance(next(answers), Prediction)
        cancel.set()
        with pytest.raises(Cancelled):
            next(answers)


class TestStretch:
    def test_is_answered_as_the_cut_recording_at_times_of_the_whole(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        first, second = recognizer.predict(long).windows[:2]
        stretch = Stretch(second.start_s - 0.5, second.end_s + 0.5)
        part = recognizer.predict(long, stretch=stretch)
        alone = recognizer.predict(Waveform(long.slice(stretch.start_s, stretch.end_s).samples))
        assert part.emotions == pytest.approx(alone.emotions, abs=1e-5)
        assert part.duration_s == long.duration_s
        assert part.stretch == (stretch.start_s, stretch.end_s)
        assert part.windows[0].start_s == pytest.approx(
            alone.windows[0].start_s + stretch.start_s, abs=1e-3
        )
        for view in part.attention.values():
            assert stretch.start_s <= min(view.times_s) <= max(view.times_s) <= stretch.end_s
        assert all(word.start_s >= stretch.start_s for word in part.transcript.words)
        assert part.to_dict()["stretch"] == pytest.approx(
            {"start_s": stretch.start_s, "end_s": stretch.end_s}, abs=1e-3
        )
        assert first.end_s < stretch.start_s

    def test_an_excerpt_takes_the_words_that_are_known(
        self, recognizer: Recognizer, long: Waveform
    ) -> None:
        teller = ToldTranscriber(SENTENCE)
        own = with_words(recognizer, teller)
        analysis = own.revise(own.analyse(long), " ".join(f"word{i}" for i in range(30)))
        asked = len(teller.windows)
        window = analysis.prediction.windows[2]
        part = own.excerpt(analysis, Stretch(window.start_s, window.end_s))
        assert len(teller.windows) == asked
        words = part.prediction.transcript.words
        assert set(words) < set(analysis.prediction.transcript.words)
        assert all(window.start_s <= w.start_s and w.end_s <= window.end_s for w in words[1:-1])
        assert part.prediction.emotions == pytest.approx(window.emotions, abs=0.02)
        assert part.waveform is analysis.waveform

    def test_all_of_a_recording_is_no_stretch_of_it(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        analysis = recognizer.analyse(clip)
        for stretch in (Stretch(0.0, analysis.waveform.duration_s), Stretch(-1.0, math.inf)):
            assert recognizer.predict(clip, stretch=stretch) == analysis.prediction
            assert recognizer.excerpt(analysis, stretch).prediction.stretch is None

    def test_stretches_that_hold_nothing(self, recognizer: Recognizer, long: Waveform) -> None:
        analysis = recognizer.analyse(long)
        quiet_s = analysis.windows[0].end_s + 0.2
        with pytest.raises(NoSpeechError, match="stretch"):
            recognizer.excerpt(analysis, Stretch(quiet_s, quiet_s + 0.5))
        for stretch in (Stretch(3.0, 3.1), Stretch(5.0, 2.0), Stretch(1e6, 2e6)):
            with pytest.raises(AudioError, match=r"less than 0\.3 s"):
                recognizer.excerpt(analysis, stretch)
            with pytest.raises(AudioError, match=r"less than 0\.3 s"):
                recognizer.predict(long, stretch=stretch)
        with pytest.raises(AudioError, match=r"from 1000 s to the end holds less"):
            recognizer.predict(long, stretch=Stretch(1e3, math.inf))


class TestWithout:
    def test_is_what_the_fusion_says_with_that_encoder_at_its_mean(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        prediction = recognizer.predict(clip)
        model, bank = recognizer.model, recognizer.encoders
        (window,) = prediction.windows
        cut = [load_audio(clip).slice(window.start_s, window.end_s)]
        embeddings, _ = model.embed(
            {
                "whisper": bank.whisper.encode(cut),
                "wavlm": bank.wavlm.encode(cut),
                "roberta": bank.roberta.encode([SENTENCE]),
            }
        )
        for index, name in enumerate(ENCODERS):
            other = prediction.without[name]
            embeddings_without = embeddings.clone()
            embeddings_without[0, index] = model.embedding_means[index]
            logits, attributes = model.decide(embeddings_without)
            assert list(other.emotions.values()) == pytest.approx(
                logits.softmax(-1)[0].tolist(), abs=1e-5
            )
            assert list(other.attributes.values()) == pytest.approx(
                attributes[0].tolist(), abs=1e-4
            )

    def test_an_encoder_that_said_nothing_changes_nothing(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        prediction = recognizer.predict(clip, transcript="")
        assert prediction.without["roberta"].emotions == prediction.emotions
        assert prediction.without["wavlm"].emotions != prediction.emotions

    def test_leaving_frames_out_runs_no_encoder_again(
        self, recognizer: Recognizer, clip: Path
    ) -> None:
        with counted(recognizer.encoders.wavlm.model) as runs:
            assert "without" in as_json(recognizer.predict(clip))
        assert runs == [1]
