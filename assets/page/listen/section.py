"""What the tab asks of each of its parts."""

from typing import Any, Protocol

from assets.page.listen.visit import Shown


class Section(Protocol):
    """A part of the tab that shows something of an analysis.

    It makes its components in __init__, within the tab's layout. The tab joins the updates of
    all sections into one, so that everything on the page speaks of the same analysis.
    """

    def emptied(self) -> dict[Any, Any]:
        """Component -> update, for all components that show a result, when there is none."""

    def filled(self, shown: Shown) -> dict[Any, Any]:
        """Component -> update, for the same components."""
