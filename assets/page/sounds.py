"""Recordings that programs send: a file uploaded before, or base64 text in the request itself."""

import base64
import binascii
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from gradio.utils import get_upload_folder

from ser.errors import SerError

MAX_TEXT_BYTES: Final = 100_000_000  # of a recording sent as text: half an hour, 16 bit, 16 kHz
UPLOADED: Final = "/gradio_api/file="  # what the address of an upload on this server holds
_ADDRESSES: Final = ("http://", "https://")
_URL_SAFE: Final = str.maketrans("-_", "+/")


def received(sound: Any, name: str = "recording") -> str:
    """The path of a recording among the uploads; text becomes a file called `name` there.

    Raises SerError for what is neither an upload of this server nor sound as base64.
    """
    if isinstance(sound, dict):
        sound = str(sound.get("path", ""))
        if not sound.startswith(_ADDRESSES):
            return _uploaded(sound)
    if not isinstance(sound, str) or not sound.strip():
        raise SerError("There is no recording. Send an uploaded file, or its bytes as base64 text.")
    if sound.startswith((*_ADDRESSES, UPLOADED)):
        path = _behind(sound)
        if path is None:
            raise SerError(
                "Nothing is fetched from other addresses. Upload the recording to this server, "
                "or send its bytes as base64 text."
            )
        return _uploaded(path)
    content = decode(sound)
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    file = Path(tempfile.mkdtemp(dir=folder)) / name
    file.write_bytes(content)
    return str(file)


def named(data: Any) -> Iterator[str]:
    """Paths of the uploads that a request names, wherever in its data and however."""
    if isinstance(data, str):
        path = _behind(data)
        if path is not None:
            yield path
    elif isinstance(data, dict) and isinstance(data.get("path"), str):
        yield _behind(data["path"]) or data["path"]
    elif isinstance(data, dict | list | tuple):
        for item in data.values() if isinstance(data, dict) else data:
            yield from named(item)


def decode(text: str) -> bytes:
    """The bytes of base64 text: plain, with line breaks, or in a data URL."""
    body = text
    if text.startswith("data:"):
        head, comma, body = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise SerError("A data URL must begin like data:audio/wav;base64, and then the bytes.")
    body = "".join(body.split()).translate(_URL_SAFE).rstrip("=")
    if (size := len(body) * 3 // 4) > MAX_TEXT_BYTES:
        raise SerError(
            f"The base64 text holds {size / 1e6:.0f} MB, more than the {MAX_TEXT_BYTES / 1e6:.0f} "
            "that are allowed. Upload the recording as a file instead."
        )
    try:
        content = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SerError(
            "The text is not base64. Encode the whole file, for example with `base64 voice.wav`."
        ) from error
    if not content:
        raise SerError("The base64 text holds no bytes. Encode the whole file.")
    return content


def _behind(address: str) -> str | None:
    """The path in the address of an upload on this server; None in other text."""
    _, here, path = address.partition(UPLOADED)
    return unquote(path) if here else None


def _uploaded(path: str) -> str:
    """Only what lies in the folder of uploads, whose names nobody can guess."""
    try:
        found = Path(path).resolve()
        here = found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file()
    except (OSError, ValueError):  # no name that a file can have
        here = False
    if not here:
        raise SerError("The recording is not on this server, or no longer. Upload it again.")
    return str(found)
