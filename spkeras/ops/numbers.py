"""Refuse options that are NaN or infinite, which no comparison with a bound finds."""

import math

from spkeras.errors import OptionError


def check_numbers(**options: object) -> None:
    """Refuse options of which one is NaN or infinite.

    Args:
        options: By name; what is no number is left to other checks.

    Raises:
        OptionError: names the first of them.
    """
    for name, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise OptionError(f"{name}={value!r}; allowed: finite numbers")
