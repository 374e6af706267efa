"""Types of option values."""

import math
from typing import Any

import click


class Real(click.FloatRange):
    """A finite number, in a range where one is given."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return a number; refuse NaN, which every comparison of a range accepts, and infinity."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Numbers(click.ParamType[tuple[float, ...]]):
    """One number, or several separated by commas."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers of a text such as "0.49,0.48,0.45"."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a number or numbers separated by commas", param, ctx)
        if not all(math.isfinite(number) for number in numbers):
            self.fail(f"{value!r} holds a number that is not finite", param, ctx)
        return numbers


class Replacement(click.ParamType[tuple[str, str]]):
    """LAYER=SPEC."""

    name = "layer=spec"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the name of the layer and the layer to use instead."""
        if isinstance(value, tuple):
            return value
        layer, sign, spec = str(value).partition("=")
        if not (layer and sign and spec):
            self.fail(f"{value!r} is not of the form LAYER=SPEC", param, ctx)
        return layer, spec
