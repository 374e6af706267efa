"""Notes of the library, for the logger "spkeras" of the standard library.

Python shows warnings of a logger by default; its notes after `logging.basicConfig(level="INFO")`.
"""

import logging

LOGGER = logging.getLogger("spkeras")


def note(text: str) -> None:
    """Log what a user may want to know."""
    LOGGER.info(text)


def warn(text: str) -> None:
    """Log what a user should know: a result may differ from what was meant."""
    LOGGER.warning(text)
