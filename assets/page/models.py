"""The bundles a visitor can choose from, and the recogniser of each, loaded when first used."""

from collections.abc import Callable, Sequence
from threading import Lock

from ser.recognizer import Recognizer

Load = Callable[[str], Recognizer]


class Models:
    """Recognisers by the name of their bundle; the first is there from the start."""

    def __init__(
        self, first: Recognizer, others: Sequence[str] = (), load: Load | None = None
    ) -> None:
        self.first = first.bundle.name
        self.names = [self.first, *others]  # names, folders or Hub ids, as a visitor sees them
        self._loaded = {self.first: first}
        self._load = load or Recognizer.from_pretrained
        self._lock = Lock()

    def get(self, name: str) -> Recognizer:
        """The recogniser of a bundle. Raises BundleError where it cannot be loaded."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]
