"""A check of options for NaN and infinity, which comparisons with bounds may not detect."""

import math

from spkeras.errors import OptionError


def check_numbers(**options: object) -> None:
    """Refuse options that are NaN or infinite.

    Args:
        options: Options by name; values that are not floats are ignored.

    Raises:
        OptionError: an option is NaN or infinite; the message names the first one.
    """
    for name, value in options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise OptionError(f"{name}={value!r}; allowed: finite numbers")
