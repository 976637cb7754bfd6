"""The bundles a visitor can choose from, and the recogniser of each, loaded when first used."""

import os
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Final

from ser.bundle import CONFIG, EMBEDDED, WEIGHTS
from ser.errors import BundleError
from ser.recognizer import Recognizer

Load = Callable[[str], Recognizer]
MAX_LOADED: Final = 3  # recognisers in memory; the first one always stays
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_NONE: Final[Mapping[str, Path]] = MappingProxyType({})


class Models:
    """Recognisers by the name of their bundle; the first is there from the start.

    `folders` are what else a visitor can choose. With `hub`, any Hub id can be chosen too.
    """

    def __init__(
        self,
        first: Recognizer,
        folders: Mapping[str, Path] = _NONE,
        *,
        hub: bool = False,
        load: Load = Recognizer.from_pretrained,
    ) -> None:
        self.first = first.bundle.name
        self.folders: dict[str, Path] = {}
        for name, folder in folders.items():
            if not _same(folder, first):
                self.folders[_free(name, {self.first, *self.folders})] = folder
        self.hub = hub
        self._load = load
        self._loaded = OrderedDict({self.first: first})  # the one used last is the last
        self._taking = Lock()
        self._loading: defaultdict[str, Lock] = defaultdict(Lock)  # two visitors load it once

    @property
    def names(self) -> tuple[str, ...]:
        """What everybody can choose from."""
        return (self.first, *self.folders)

    def get(self, name: str) -> Recognizer:
        """The recogniser of a bundle. Raises SerError where it cannot be loaded."""
        if (found := self._take(name)) is not None:
            return found
        source = self._source(name)
        with self._loading[name]:
            if (found := self._take(name)) is not None:
                return found
            loaded = self._load(source)
            with self._taking:
                self._loaded[name] = loaded
                others = [known for known in self._loaded if known != self.first]
                for oldest in others[: -(MAX_LOADED - 1)]:
                    del self._loaded[oldest]
            return loaded

    def _take(self, name: str) -> Recognizer | None:
        with self._taking:
            if name in self._loaded:
                self._loaded.move_to_end(name)
            return self._loaded.get(name)

    def _source(self, name: str) -> str:
        """Where a bundle is. Strangers name no folders, and ids only where the host allows it."""
        if name in self.folders:
            return str(self.folders[name])
        if not self.hub:
            raise BundleError(f"{name} is not among the models here. Choose one of the list.")
        if not _HUB_ID.fullmatch(name) or Path(name).exists():
            raise BundleError(
                f"{name} is not a Hub id such as user/model. Folders are named when the page is "
                "started, in SER_BUNDLES."
            )
        return name


def found_bundles(places: str) -> dict[str, Path]:
    """Bundles in the folders of SER_BUNDLES, and the embedded one, each under a name of its own.

    `places` are joined as in PATH; each is a bundle or holds bundles.
    """
    folders = [Path(place).expanduser() for place in places.split(os.pathsep) if place.strip()]
    inside = [child for folder in folders for child in (folder, *_children(folder))]
    named: dict[str, Path] = {}
    for folder in [*filter(_is_bundle, inside), *filter(_is_bundle, [EMBEDDED])]:
        if folder.resolve() not in (known.resolve() for known in named.values()):
            named[_free(folder.resolve().name, named)] = folder
    return named


def _children(folder: Path) -> Iterable[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not _is_bundle(folder) else ()


def _is_bundle(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def _free(name: str, taken: Collection[str]) -> str:
    """`name`, or with a number behind it when another bundle has that name."""
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def _same(folder: Path, recognizer: Recognizer) -> bool:
    own = getattr(recognizer.bundle, "folder", None)
    return own is not None and Path(own).resolve() == folder.resolve()
