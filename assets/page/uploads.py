"""What visitors send to the page: each upload in a folder of its own, gone once it is answered."""

import contextlib
import secrets
from pathlib import Path
from typing import Any

from gradio import route_utils
from gradio.utils import get_upload_folder


class OwnFolder(route_utils.GradioUploadFile):
    """An upload whose folder no other upload shares, not even one with the same content.

    gradio names the folder by the hash of the content, so that whoever is answered first would
    delete the recording of all who sent the same one.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sha.update(secrets.token_bytes(32))


def keep_apart() -> None:
    """From now on, give every upload a folder of its own; gradio has no setting for it."""
    route_utils.GradioUploadFile = OwnFolder  # type: ignore[misc]


def is_upload(path: str) -> bool:
    """Whether a path that a browser names lies in the upload folder."""
    try:
        return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError):  # no name that a file can have
        return False


def discard(path: str | None) -> None:
    """Delete an upload and its folder; files outside the upload folder are never touched."""
    root = Path(get_upload_folder()).resolve()
    if path and is_upload(path):
        upload = Path(path).resolve()
        upload.unlink(missing_ok=True)
        if upload.parent != root:
            with contextlib.suppress(OSError):  # it is not empty: something else is in there
                upload.parent.rmdir()
