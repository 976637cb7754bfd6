"""Writing that survives a kill: whole files or none, and journals that lose at most a line."""

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ser.errors import SerError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def told_faults(path: Path) -> Iterator[None]:
    """What the operating system says while `path` is written becomes a sentence (SerError)."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SerError(
                f"The disk is full: {path} could not be written. Free some space and run the same "
                "command again; it goes on from what is finished."
            ) from error
        reason = error.strerror or error
        raise SerError(f"{path} cannot be written ({reason}): check the folder `work`.") from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name to write to, in a folder that is made; it becomes `path` at the end.

    So `path` is there whole or not at all. SerError where the system refuses.
    """
    partial = path.with_name(f"{path.name}.partial")
    with told_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)


def write_text(path: Path, text: str) -> None:
    """Under its name only when it is whole."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


class Journal:
    """Lines of JSON, only ever added to. A line that a kill left half written does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = False  # whether this process has written to it

    def read(self) -> list[dict[str, Any]]:
        """The whole lines; none where there is no file."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")[:-1]
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise SerError(
                f"{self.path} is damaged: remove it, and what it keeps is done again."
            ) from error

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Add lines and wait until the disk has them. SerError when it is full."""
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with told_faults(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._begun:
                self._drop_half_line()
            self._begun = True
            with self.path.open("ab") as file:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())

    def _drop_half_line(self) -> None:
        """Cut off what a killed writer began, so that the next line starts on its own."""
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            os.truncate(self.path, end)
