"""What the server remembers of a visit: the states of the page, and no values of what was shown."""

from gradio import state_holder


class Forgetful(state_holder.SessionState):
    """gradio keeps the last value of every component for links to a visit, which are not offered.

    These values would be transcripts, answers and recordings sent as text, in memory until fifty
    other visits have come.
    """

    def _update_value_in_config(self, key: int, value: object) -> None:
        """Keep nothing."""


def keep_no_values() -> None:
    """From now on, remember states alone; gradio has no setting for it."""
    state_holder.SessionState = Forgetful  # type: ignore[misc]
