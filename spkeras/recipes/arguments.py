"""Arguments of functions that are no options of a recipe: one check for all of them."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from spkeras.errors import OptionError, shown
from spkeras.recipes.simulation import Simulation


def check_arguments(**given: object) -> None:
    """Refuse arguments of another type, or out of their range.

    Args:
        given: Arguments by name.

    Raises:
        OptionError: names the argument, what was received and what is allowed.
    """
    for name, value in given.items():
        fits, allowed = _ARGUMENTS[name]
        if not fits(value):
            raise OptionError(f"{name}={shown(repr(value), 80)}; allowed: {allowed}")


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _is_model(value: object) -> bool:
    return all(hasattr(value, part) for part in ("layers", "inputs", "predict"))


def _is_margin(value: object) -> bool:
    if isinstance(value, Real):
        return not isinstance(value, bool) and math.isfinite(value)
    return value is None or hasattr(value, "margin")


_MODEL = (_is_model, "a Keras model; load one with spkeras.load_model")
_TRUTH = (lambda value: isinstance(value, bool), "True or False")
_ARGUMENTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "batch_size": (_is_count, "whole numbers from 1"),
    "progress": (lambda value: value is None or callable(value), "a function, or None"),
    "any_range": _TRUTH,
    "insist": _TRUTH,
    "early_exit": (_is_margin, "a margin, an EarlyExit, or None"),
    "simulation": (
        lambda value: value is None or isinstance(value, Simulation),
        "a spkeras.Simulation, or None",
    ),
    **dict.fromkeys(("model", "cnn", "snn", "twin", "teacher"), _MODEL),
}
