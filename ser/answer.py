"""The last step of the recogniser: frames and words in, `Prediction` out."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from ser.bundle import Bundle
from ser.encoders import EncoderBank
from ser.encoders.base import pad_frames
from ser.fusion import EncoderOutput
from ser.labels import ATTRIBUTES, ENCODERS
from ser.prediction import EncoderAttention, Prediction, WindowPrediction
from ser.speech import Window
from ser.transcript import Transcript, Word

BATCH_WINDOWS = 32


@torch.inference_mode()
def answer(
    bundle: Bundle,
    encoders: EncoderBank,
    windows: Sequence[Window],
    frames: Sequence[dict[str, Tensor]],
    transcript: Transcript,
    duration_s: float,
) -> Prediction:
    """Run text branch and fusion model over all windows and put their answers together.

    `frames` holds, for each window, the speech encoders' frames [T, D].
    """
    note = text_left_out(transcript, bundle.config.text_languages)
    words = words_of_windows(() if note else transcript.words, windows)
    parts: list[WindowPrediction] = []
    changes: list[dict[str, float]] = []
    for start in range(0, len(windows), BATCH_WINDOWS):
        rows = slice(start, start + BATCH_WINDOWS)
        batch, moved = _answer_batch(bundle, encoders, windows[rows], frames[rows], words[rows])
        parts += batch
        changes += moved
    shares = [part.speech_s / sum(item.speech_s for item in parts) for part in parts]
    change = _mean_of(changes, shares)
    return Prediction(
        emotions=_mean_of([part.emotions for part in parts], shares),
        attributes=_mean_of([part.attributes for part in parts], shares),
        attention=_joined_attention(parts, shares),
        contributions=normalised(change),
        contribution_changes=change,
        transcript=transcript,
        duration_s=duration_s,
        speech_s=sum(part.speech_s for part in parts),
        windows=tuple(parts),
        bundle=bundle.name,
        notes=(note,) if note else (),
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
    """Each word goes to the window it lies in, or the nearest one: none is dropped."""
    dealt: list[list[Word]] = [[] for _ in windows]
    for word in words:
        middle = (word.start_s + word.end_s) / 2
        distances = [max(w.start_s - middle, middle - w.end_s, 0.0) for w in windows]
        dealt[distances.index(min(distances))].append(word)
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
) -> tuple[list[WindowPrediction], list[dict[str, float]]]:
    model, config = bundle.model, bundle.config
    texts = [" ".join(word.text for word in items) for items in words]
    encoded = {
        "whisper": pad_frames([item["whisper"] for item in frames], encoders.whisper.step_s),
        "wavlm": pad_frames([item["wavlm"] for item in frames], encoders.wavlm.step_s),
        "roberta": encoders.roberta.encode(texts),
    }
    encoded = {name: output.to(model.embedding_means.device) for name, output in encoded.items()}
    embeddings, attention = model.embed(encoded)
    logits, attributes = model.decide(embeddings)
    probabilities = torch.softmax(logits / config.temperature, dim=-1)
    moved = _moved(bundle, embeddings, probabilities, encoded)
    parts = [
        WindowPrediction(
            start_s=window.start_s,
            end_s=window.end_s,
            speech_s=window.speech_s,
            emotions=dict(zip(config.fusion.emotions, probabilities[row].tolist(), strict=True)),
            attributes=dict(zip(ATTRIBUTES, attributes[row].tolist(), strict=True)),
            attention={
                name: _view(name, attention[name][row], encoded[name], row, window, words, encoders)
                for name in ENCODERS
            },
            contributions=normalised(moved[row]),
        )
        for row, window in enumerate(windows)
    ]
    return parts, moved


def _moved(
    bundle: Bundle, embeddings: Tensor, probabilities: Tensor, encoded: dict[str, EncoderOutput]
) -> list[dict[str, float]]:
    """Per window and encoder: half the sum of absolute changes when it is left out, 0..1."""
    model = bundle.model
    without = [
        torch.softmax(model.decide(copy)[0] / bundle.config.temperature, dim=-1)
        for copy in model.leave_out(embeddings)
    ]
    changes = torch.stack([(p - probabilities).abs().sum(dim=-1) / 2 for p in without])  # [E, B]
    present = torch.stack([encoded[name].mask.any(dim=-1) for name in ENCODERS])
    rows = (changes * present).T.tolist()
    return [dict(zip(ENCODERS, row, strict=True)) for row in rows]


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


def _joined_attention(
    parts: Sequence[WindowPrediction], shares: Sequence[float]
) -> dict[str, EncoderAttention]:
    """All windows on one axis, the weights scaled by each window's share of the speech.

    Windows in which an encoder had nothing to read have no share of its attention.
    """
    joined = {}
    for name in ENCODERS:
        views = [part.attention[name] for part in parts]
        total = sum(share for share, view in zip(shares, views, strict=True) if view.weights)
        tokens = [token for view in views for token in view.tokens or ()]
        joined[name] = EncoderAttention(
            times_s=tuple(time for view in views for time in view.times_s),
            weights=tuple(
                share / total * weight
                for share, view in zip(shares, views, strict=True)
                for weight in view.weights
            ),
            tokens=tuple(tokens) if views[0].tokens is not None else None,
        )
    return joined
