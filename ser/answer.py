"""The last step of the recogniser: frames and words in, `Prediction` out."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from ser.bundle import Bundle
from ser.encoders import EncoderBank
from ser.encoders.base import pad_frames
from ser.fusion import EncoderOutput
from ser.labels import ATTRIBUTES, ENCODERS
from ser.overlap import joined_attention
from ser.prediction import Alternative, EncoderAttention, Prediction, WindowPrediction
from ser.recording import Recording
from ser.speech import Window
from ser.transcript import Transcript, Word

BATCH_WINDOWS = 32


@dataclass(frozen=True)
class _Answered:
    """A window's answer, and what leaving each encoder out would make of it."""

    part: WindowPrediction
    without: dict[str, Alternative]
    changes: dict[str, float]  # half the sum of absolute changes of the probabilities, 0..1


@torch.inference_mode()
def answer(
    bundle: Bundle,
    encoders: EncoderBank,
    recording: Recording,
    frames: Sequence[dict[str, Tensor]],
    transcript: Transcript,
) -> Prediction:
    """Run text branch and fusion model over all windows and put their answers together.

    `frames` holds, for each window, the speech encoders' frames [T, D]; it is asked for some at a
    time, and those are dropped before the next.
    """
    windows = recording.windows
    note = text_left_out(transcript, bundle.config.text_languages)
    words = words_of_windows(() if note else transcript.words, windows)
    answered: list[_Answered] = []
    for start in range(0, len(windows), BATCH_WINDOWS):
        rows = slice(start, start + BATCH_WINDOWS)
        answered += _answer_batch(bundle, encoders, windows[rows], frames[rows], words[rows])
    parts = tuple(item.part for item in answered)
    shares = [part.speech_s / sum(item.speech_s for item in parts) for part in parts]
    change = _mean_of([item.changes for item in answered], shares)
    return Prediction(
        emotions=_mean_of([part.emotions for part in parts], shares),
        attributes=_mean_of([part.attributes for part in parts], shares),
        attention=joined_attention(parts, shares),
        contributions=normalised(change),
        contribution_changes=change,
        transcript=transcript,
        duration_s=recording.waveform.duration_s,
        speech_s=recording.speech_s,
        windows=parts,
        bundle=bundle.name,
        notes=(note,) if note else (),
        without={
            name: Alternative(
                _mean_of([item.without[name].emotions for item in answered], shares),
                _mean_of([item.without[name].attributes for item in answered], shares),
            )
            for name in ENCODERS
        },
        stretch=None
        if recording.stretch is None
        else (recording.stretch.start_s, recording.stretch.end_s),
    )


def text_left_out(transcript: Transcript, languages: Sequence[str]) -> str | None:
    """Why the text branch has nothing to say about this transcript, or None if it has."""
    if not transcript.words:
        why = "No words were recognised" if heard_by_machine(transcript) else "Words were left out"
        return f"{why}, so the answer rests on the voice alone."
    if transcript.language is not None and transcript.language not in languages:
        return (
            f"The words are in a language ({transcript.language}) that the text encoder does not "
            "know, so the answer rests on the voice alone."
        )
    return None


def heard_by_machine(transcript: Transcript) -> bool:
    """Whether a speech recogniser looked for words."""
    return transcript.source not in ("none", "user")


def words_of_windows(words: Sequence[Word], windows: Sequence[Window]) -> list[tuple[Word, ...]]:
    """Each word goes to the windows its middle lies in, or to the nearest one: none is dropped.

    Starts and ends of the windows must both rise, as they do in every recording.
    """
    starts = [window.start_s for window in windows]
    ends = [window.end_s for window in windows]
    dealt: list[list[Word]] = [[] for _ in windows]
    for word in words:
        middle = (word.start_s + word.end_s) / 2
        first, stop = bisect_right(ends, middle), bisect_right(starts, middle)
        if first == stop:  # in a pause, between windows stop - 1 and stop
            before = middle - ends[stop - 1] if stop > 0 else math.inf
            after = starts[stop] - middle if stop < len(windows) else math.inf
            first = stop - 1 if before <= after else stop
            stop = first + 1
        for index in range(first, stop):
            dealt[index].append(word)
    return [tuple(items) for items in dealt]


def normalised(changes: dict[str, float]) -> dict[str, float]:
    """Shares that sum to 1; zeros when nothing changes."""
    total = sum(changes.values())
    return {name: value / total if total > 0 else 0.0 for name, value in changes.items()}


def _answer_batch(
    bundle: Bundle,
    encoders: EncoderBank,
    windows: Sequence[Window],
    frames: Sequence[dict[str, Tensor]],
    words: Sequence[tuple[Word, ...]],
) -> list[_Answered]:
    model = bundle.model
    texts = [" ".join(word.text for word in items) for items in words]
    encoded = {
        "whisper": pad_frames([item["whisper"] for item in frames], encoders.whisper.step_s),
        "wavlm": pad_frames([item["wavlm"] for item in frames], encoders.wavlm.step_s),
        "roberta": encoders.roberta.encode(texts),
    }
    encoded = {name: output.to(model.embedding_means.device) for name, output in encoded.items()}
    embeddings, attention = model.embed(encoded)
    whole = _decided(bundle, embeddings)
    without = _without(bundle, embeddings, whole, encoded)
    answered = []
    for row, window in enumerate(windows):
        changes = {name: _change(whole[row], others[row]) for name, others in without.items()}
        part = WindowPrediction(
            start_s=window.start_s,
            end_s=window.end_s,
            speech_s=window.speech_s,
            emotions=whole[row].emotions,
            attributes=whole[row].attributes,
            attention={
                name: _view(name, attention[name][row], encoded[name], row, window, words, encoders)
                for name in ENCODERS
            },
            contributions=normalised(changes),
        )
        others = {name: rows[row] for name, rows in without.items()}
        answered.append(_Answered(part, others, changes))
    return answered


def _decided(bundle: Bundle, embeddings: Tensor) -> list[Alternative]:
    """Emotions and attributes of each row of embeddings [B, E, P]."""
    logits, attributes = bundle.model.decide(embeddings)
    probabilities = torch.softmax(logits / bundle.config.temperature, dim=-1)
    classes = bundle.config.fusion.emotions
    return [
        Alternative(
            dict(zip(classes, shares, strict=True)), dict(zip(ATTRIBUTES, values, strict=True))
        )
        for shares, values in zip(probabilities.tolist(), attributes.tolist(), strict=True)
    ]


def _without(
    bundle: Bundle,
    embeddings: Tensor,
    whole: Sequence[Alternative],
    encoded: dict[str, EncoderOutput],
) -> dict[str, list[Alternative]]:
    """Per encoder, the rows' answers without it; the same answer where it said nothing anyway."""
    return {
        name: [
            other if present else own
            for other, own, present in zip(
                _decided(bundle, copy), whole, encoded[name].mask.any(dim=-1).tolist(), strict=True
            )
        ]
        for name, copy in zip(ENCODERS, bundle.model.leave_out(embeddings), strict=True)
    }


def _change(whole: Alternative, other: Alternative) -> float:
    """Half the sum of the absolute changes of the probabilities, 0..1."""
    return sum(abs(whole.emotions[name] - share) for name, share in other.emotions.items()) / 2


def _view(
    name: str,
    weights: Tensor,
    output: EncoderOutput,
    row: int,
    window: Window,
    words: Sequence[tuple[Word, ...]],
    encoders: EncoderBank,
) -> EncoderAttention:
    values = tuple(weights[output.mask[row]].tolist())
    if output.step_s is None:
        tokens, times = _token_times(words[row], encoders)
        return EncoderAttention(times, values, tokens)
    # The convolutions see past a clip's last whole frame: centres are kept inside the window.
    centres = (window.start_s + (index + 0.5) * output.step_s for index in range(len(values)))
    return EncoderAttention(tuple(min(centre, window.end_s) for centre in centres), values)


def _token_times(
    words: tuple[Word, ...], encoders: EncoderBank
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Each token at the middle of its word; <s> where the next begins, </s> where the last ends."""
    tokens = encoders.roberta.tokens(" ".join(word.text for word in words))
    ends = list(accumulate(len(word.text) + 1 for word in words))  # one space after each word
    # <s> and </s> stand for no character, so no word is theirs.
    owners = [words[bisect_left(ends, token.end)] if token.end else None for token in tokens]
    times = []
    for before, owner, after in zip([None, *owners], owners, [*owners[1:], None], strict=False):
        if owner is not None:
            times.append((owner.start_s + owner.end_s) / 2)
        elif after is not None:
            times.append(after.start_s)
        elif before is not None:
            times.append(before.end_s)
    # Where a piece of the text ends inside a word, </s> would stand behind the word's other half.
    return tuple(token.text for token in tokens), tuple(accumulate(times, max))


def _mean_of(items: Sequence[dict[str, float]], shares: Sequence[float]) -> dict[str, float]:
    return {
        key: sum(share * item[key] for share, item in zip(shares, items, strict=True))
        for key in items[0]
    }
