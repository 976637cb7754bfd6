"""The page's API: three named endpoints for programs, apart from its own components."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.components.api_component import Api as Field
from gradio.utils import get_function_description

from assets.page import schema, uploads
from assets.page.models import Models
from assets.page.queue import MODEL
from assets.page.schema import Schema
from assets.page.sounds import named, received
from assets.page.telling import check_length, check_overlap, log_writer, sentence
from ser.errors import SerError
from ser.prediction import Prediction
from ser.speech import Sliding

MAX_FILES: Final = 50  # recordings in a batch; nobody else is answered meanwhile
MAX_BATCH_S: Final = 1800  # of sound in a batch, as much as in one recording
TOO_MUCH: Final = (
    f"Before this recording the batch held {MAX_BATCH_S // 60} minutes of sound, and nobody else "
    "is answered meanwhile. Send the rest in another batch."
)


def field(label: str, described: Schema, told: str = "", value: Any = None) -> Field:
    """A parameter or an answer of an endpoint, described by a JSON schema and never drawn."""
    made = Field(value, {**described, "additional_description": told}, label)
    made.async_move_resource_to_block_cache = _where_it_is  # type: ignore
    return made


async def _where_it_is(path: str | Path | None) -> str | None:
    """Uploads stay where they are; gradio would fetch any address that it is given."""
    return None if path is None else str(path)


class Api:
    """Endpoints that programs use; API page and MCP clients show their docstrings."""

    def __init__(self, models: Models) -> None:
        self.models = models
        audio, text = schema.AUDIO, schema.optional(schema.TEXT)
        seconds, attention = schema.optional(schema.SECONDS), (schema.YES_OR_NO, True)
        self._endpoint(self.predict, [audio, text, attention], schema.PREDICTION)
        self._endpoint(self.timeline, [audio, text, seconds, seconds, attention], schema.TIMELINE)
        texts = schema.optional(schema.TEXTS)
        self._endpoint(self.batch, [schema.AUDIOS, texts, attention], schema.BATCH)

    def _endpoint(self, answer: Callable[..., Any], inputs: Sequence[Any], output: Schema) -> None:
        """`inputs` holds a schema for each parameter, or a schema and a default that is no null."""
        _, told, _ = get_function_description(answer)
        fields = []
        for (name, description), given in zip(told.items(), inputs, strict=True):
            described, default = given if isinstance(given, tuple) else (given, None)
            fields.append(field(name, described, description, default))
        gr.Button(visible=False).click(
            answer, fields, field("answer", output), api_name=answer.__name__, **MODEL
        )

    def predict(
        self, audio: Any, transcript: str | None = None, attention: bool = True
    ) -> dict[str, Any]:
        """Words, emotions, arousal, valence and dominance of one recording of speech.

        The answer is a guess about how speech sounds, learnt mostly from actors. It must not be
        used to judge people, nor at work or school.

        Parameters:
            audio: an uploaded file or its address here, or a file's bytes as base64 or data URL
            transcript: what is said, if known; empty leaves the words out, null has them recognised
            attention: whether to tell where the encoders looked, the longest part of the answer

        Returns:
            an object: file, duration_s, transcript, emotions (shares), attributes (1 to 7), …
        """
        return self._answer(audio, transcript, attention, timeline=False)

    def timeline(
        self,
        audio: Any,
        transcript: str | None = None,
        window_s: float | None = None,
        hop_s: float | None = None,
        attention: bool = True,
    ) -> dict[str, Any]:
        """As predict, with an answer for each window of the recording in order of time.

        Windows lie along the pauses of the speech unless window_s gives them one length.

        Parameters:
            audio: an uploaded file or its address here, or a file's bytes as base64 or data URL
            transcript: what is said, if known; empty leaves the words out, null has them recognised
            window_s: length of the windows, 0.5 to 30 seconds; null cuts along the pauses
            hop_s: seconds between windows, a quarter of window_s to all of it; null is half
            attention: whether to tell where the encoders looked, the longest part of the answer

        Returns:
            the object of predict and its timeline, a list: start_s, end_s, emotions, attributes, …
        """
        return self._answer(audio, transcript, attention, timeline=True, window=(window_s, hop_s))

    def batch(
        self, audios: Any, transcripts: Any = None, attention: bool = True
    ) -> list[dict[str, Any]]:
        """As predict, for many recordings; one that cannot be used does not stop the others.

        Parameters:
            audios: 50 at most, 30 minutes in all: uploads, their addresses here, base64, data URLs
            transcripts: what is said in each, in the same order; null has the words recognised
            attention: whether to tell where the encoders looked, the longest part of the answers

        Returns:
            a list with the object of predict for each recording, or file and error
        """
        sounds = list(audios) if isinstance(audios, list | tuple) else []
        paths: list[str | SerError] = []
        try:
            texts = _texts(transcripts, len(sounds))
            for number, sound in enumerate(sounds, start=1):  # one by one: each is to be deleted
                paths.append(_path_or_error(sound, f"recording {number}"))
            return self._answers(paths, texts, attention)
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error
        finally:
            for path in (*named(sounds), *paths):
                uploads.discard(path if isinstance(path, str) else None)

    def _answer(
        self,
        audio: Any,
        transcript: str | None,
        attention: bool,
        timeline: bool,
        window: tuple[float | None, float | None] = (None, None),
    ) -> dict[str, Any]:
        path = None
        try:
            path = received(audio)
            check_length(transcript)
            recognizer = self.models.get(self.models.first)
            prediction = recognizer.predict(path, transcript, sliding=_sliding(*window))
            log_writer(prediction)
            return _told(path, prediction, attention, timeline)
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error
        finally:
            uploads.discard(path)

    def _answers(
        self, paths: Sequence[str | SerError], texts: Sequence[str | None], attention: bool
    ) -> list[dict[str, Any]]:
        usable = [path for path in paths if isinstance(path, str)]
        told = [text for path, text in zip(paths, texts, strict=True) if isinstance(path, str)]
        found = iter(self.models.get(self.models.first).predict_many(usable, told))
        answers: list[dict[str, Any]] = []
        room_s: float = MAX_BATCH_S
        for number, path in enumerate(paths, start=1):
            name = Path(path).name if isinstance(path, str) else f"recording {number}"
            answer: Prediction | SerError
            if room_s <= 0:
                answer = SerError(TOO_MUCH)
            elif isinstance(path, str):
                answer = next(found)
            else:
                answer = path
            if isinstance(answer, SerError):
                answers.append({"file": name, "error": str(answer)})
            else:
                log_writer(answer)
                room_s -= answer.duration_s
                answers.append(_told(name, answer, attention, timeline=False))
        return answers


def _sliding(window_s: float | None, hop_s: float | None) -> Sliding | None:
    if any(not isinstance(s, int | float | None) or isinstance(s, bool) for s in (window_s, hop_s)):
        raise SerError("window_s and hop_s are numbers of seconds, or null.")
    if window_s is None:
        if hop_s is not None:
            raise SerError("hop_s says how far windows of window_s are apart. Give both.")
        return None
    return check_overlap(Sliding(window_s, window_s / 2 if hop_s is None else hop_s))


def _texts(transcripts: Any, count: int) -> list[str | None]:
    """One text or null for each of the recordings."""
    if not 1 <= count <= MAX_FILES:
        raise SerError(f"Send a list of 1 to {MAX_FILES} recordings, not {count}.")
    texts = [None] * count if transcripts is None else transcripts
    if not isinstance(texts, list) or len(texts) != count:
        raise SerError(f"Send a list of {count} transcripts, one for each recording, or null.")
    for text in texts:
        check_length(text)
    return texts


def _path_or_error(sound: Any, name: str) -> str | SerError:
    try:
        return received(sound, name)
    except SerError as error:
        return error


def _told(path: str, prediction: Prediction, attention: bool, timeline: bool) -> dict[str, Any]:
    """The public JSON, with the name of the file and nothing else of its path."""
    answer = {"file": Path(path).name, **prediction.to_dict(timeline)}
    if not attention:
        for part in (answer, *answer.get("timeline", ())):
            del part["attention"]
    return answer
