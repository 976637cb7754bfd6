"""The front matter of a bundle's model card."""

import re
from typing import Final

FRONT_MATTER: Final = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LICENCE: Final = re.compile(r"^license:\s*[\"']?([^\"'\n]+?)[\"']?\s*$", re.MULTILINE)
NO_LICENCE: Final = "the model card names none"


def licence(card: str) -> str:
    """The weights' licence that the front matter names, or NO_LICENCE."""
    front = FRONT_MATTER.match(card)
    named = _LICENCE.search(front[1]) if front else None
    return named[1] if named else NO_LICENCE
