"""The JSON of the endpoints as JSON schemas, shown on the API page and to MCP clients.

`ser.prediction.Prediction.to_dict` is what they describe.
"""

from typing import Any, Final

from gradio.data_classes import FileData

from ser.labels import ATTRIBUTES, ENCODERS

Schema = dict[str, Any]


def optional(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _record(description: str, entries: Schema, required: tuple[str, ...] | None = None) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": entries,
        "required": list(entries if required is None else required),
    }


def _for_each(names: tuple[str, ...], description: str, entry: Schema) -> Schema:
    return _record(description, dict.fromkeys(names, entry))


def _mapping(description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": {"type": "number"},
    }


def is_file(schema: Schema) -> bool:
    """Whether an uploaded file is what it describes."""
    return bool(schema.get("title") == FILE["title"])


FILE: Final[Schema] = FileData.model_json_schema()
AUDIO: Final[Schema] = {
    "anyOf": [{k: v for k, v in FILE.items() if k != "$defs"}, {"type": "string"}],
    "$defs": FILE["$defs"],
}
AUDIOS: Final[Schema] = {
    "type": "array",
    "items": {"anyOf": AUDIO["anyOf"]},
    "$defs": FILE["$defs"],
}
TEXT: Final[Schema] = {"type": "string"}
TEXTS: Final[Schema] = {"type": "array", "items": optional(TEXT)}
SECONDS: Final[Schema] = {"type": "number"}
YES_OR_NO: Final[Schema] = {"type": "boolean"}

_START, _END = _number("seconds"), _number("seconds")
_EMOTIONS = _mapping("a probability for each class of the model; they sum to 1")
_ATTRIBUTES = _for_each(ATTRIBUTES, "each from 1 to 7", {"type": "number"})
_ATTENTION = _for_each(
    ENCODERS,
    "where each encoder looked",
    _record(
        "frames, or words for roberta",
        {
            "times_s": _list({"type": "number"}, "seconds"),
            "weights": _list({"type": "number"}, "they sum to 1"),
            "tokens": _list({"type": "string"}, "of roberta alone"),
        },
        ("times_s", "weights"),
    ),
)
_SHARES = _for_each(ENCODERS, "share of each encoder in the answer", {"type": "number"})
_TRANSCRIPT = _record(
    "the words",
    {
        "text": _text("what was said"),
        "source": _text("a Whisper checkpoint, pocketsphinx, user or none"),
        "language": optional(_text("a code such as en")),
        "words": _list(
            _record("a word", {"text": _text("the word"), "start_s": _START, "end_s": _END}),
            "with their times",
        ),
    },
)
_ENTRIES: Final[Schema] = {
    "file": _text("name of the recording"),
    "duration_s": _number("length of the recording"),
    "speech_s": _number("seconds of speech in it"),
    "transcript": _TRANSCRIPT,
    "emotions": _EMOTIONS,
    "attributes": _ATTRIBUTES,
    "attention": _ATTENTION,
    "contributions": _SHARES,
    "contribution_changes": _for_each(
        ENCODERS, "probability moved by leaving it out", {"type": "number"}
    ),
    "without": {
        "type": "object",
        "description": "for whisper, wavlm and roberta: the answer without that encoder",
        "additionalProperties": _record(
            "the answer", {"emotions": _EMOTIONS, "attributes": _ATTRIBUTES}
        ),
    },
    "bundle": _text("name of the model"),
    "notes": _list({"type": "string"}, "remarks, such as why the words were left out"),
}
_WINDOW = _record(
    "the answer for one window",
    {
        "start_s": _START,
        "end_s": _END,
        "speech_s": _number("seconds of speech"),
        "emotions": _EMOTIONS,
        "attributes": _ATTRIBUTES,
        "attention": _ATTENTION,
        "contributions": _SHARES,
    },
    ("start_s", "end_s", "speech_s", "emotions", "attributes", "contributions"),
)
_ALWAYS = tuple(name for name in _ENTRIES if name != "attention")

PREDICTION: Final = _record("the answer for one recording", _ENTRIES, _ALWAYS)
TIMELINE: Final = _record(
    "the answer for one recording and for each window of it",
    {**_ENTRIES, "timeline": _list(_WINDOW, "windows in order; they may overlap")},
    (*_ALWAYS, "timeline"),
)
PROBLEM: Final = _record(
    "a recording that could not be used",
    {"file": _text("name of the recording"), "error": _text("what is wrong and what to do")},
)
BATCH: Final = _list({"anyOf": [PREDICTION, PROBLEM]}, "one object for each recording, in order")
