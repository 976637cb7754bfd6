"""What a command and its processes tell, and what they keep to themselves."""

import logging
import warnings


def set_up_messages() -> None:
    """Our own messages as plain lines; of Lightning's only those that users can act on."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")  # advice for programmers
