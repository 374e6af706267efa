"""Types of option values."""

import math
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """The base of all kinds; click below 8.4 has one without a parameter."""

        def __class_getitem__(cls, item: Any) -> type:
            return cls


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


class Numbers(ParamType[tuple[float, ...]]):
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


class Microjoules(ParamType[float]):
    """An energy in uJ, or with a unit."""

    name = "energy"
    _UNITS = {"nj": 1e-3, "uj": 1.0, "µj": 1.0, "mj": 1e3, "j": 1e6}

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the uJ of a text such as "5uJ", "0.2 mJ" or "5"."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        unit = next((name for name in self._UNITS if text.endswith(name)), "")
        try:
            number = float(text.removesuffix(unit)) * self._UNITS.get(unit, 1.0)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            self.fail(f"{value!r} is not an energy such as 5uJ, 200nJ or 0.2mJ", param, ctx)
        return number


class Counts(ParamType[tuple[int, ...]]):
    """Whole numbers from 1, separated by commas."""

    name = "counts"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers of a text such as "4,8,16"."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.strip().isdecimal() and int(part) for part in parts):
            self.fail(f"{value!r} is not a list of whole numbers from 1 such as 4,8,16", param, ctx)
        return tuple(int(part) for part in parts)


class Names(ParamType[tuple[str, ...]]):
    """Names out of a list, separated by commas."""

    name = "names"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names of a text such as "ecc,sigma_delta"."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        for name in names:
            if name not in self.allowed:
                near = get_close_matches(name, self.allowed, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                self.fail(f"{name!r}; allowed: {', '.join(self.allowed)}.{hint}", param, ctx)
        return names


class Sizes(ParamType[tuple[int, ...]]):
    """Positive whole numbers separated by commas."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the sizes of a text such as "224,224,3"."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            sizes = ()
        if not sizes or min(sizes) < 1:
            self.fail(f"{value!r} is not of the form 224,224,3", param, ctx)
        return sizes


class Architecture(ParamType[str]):
    """A file, or FILE.py:FUNCTION."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; refuse a file that does not exist."""
        file = str(value).rpartition(":")[0] if ".py:" in str(value) else str(value)
        if not Path(file).is_file():
            self.fail(f"File {file!r} does not exist.", param, ctx)
        return str(value)


class Replacement(ParamType[tuple[str, str]]):
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
