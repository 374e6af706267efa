"""Options as dataclass fields: type, default, range, unit and help.

They are the source of checks, the command line, dictionaries in files and the documentation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypedDict, TypeVar, Unpack, get_args

from spkeras.errors import OptionError

Default = TypeVar("Default")


class Details(TypedDict, total=False):
    """Attributes of an `Option` that its definition may give."""

    choices: tuple[int | str, ...]
    low: float
    high: float
    above: bool
    below: bool
    unit: str
    group: str
    shown: str
    stage: str
    flag: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """Type, default, range, unit and help of one option.

    Attributes:
        help: One sentence.
        name: Name of the field; set by `Config.options`.
        kind: Type, `int`, `float`, `bool` or `str`; set by `Config.options`.
        default: Default of the field; set by `Config.options`.
        choices: Allowed values, in the order in which they are shown.
        low: Smallest number allowed, None for no bound.
        high: Largest number allowed, None for no bound.
        above: Whether `low` is excluded.
        below: Whether `high` is excluded.
        unit: Unit of the number.
        group: Heading under which the command line shows it.
        shown: Default in words, if it depends on other options.
        stage: "conversion", "training" or "plan": the step that reads it.
        flag: Name on the command line, if it differs from `name`.
    """

    help: str
    name: str = ""
    kind: type = str
    default: Any = None
    choices: tuple[int | str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    unit: str = ""
    group: str = "network"
    shown: str = ""
    stage: str = "conversion"
    flag: str = ""

    def check(self, value: object) -> None:
        """Refuse a value of another type or out of range.

        Raises:
            OptionError: the value is not allowed.
        """
        if value is None:
            if self.default is not None:
                raise OptionError(f"{self.name}=None; allowed: {self.allowed}")
        elif not self._fits(value):
            raise OptionError(f"{self.name}={value!r}; allowed: {self.allowed}")

    def _fits(self, value: Any) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if self.kind is str:
            return isinstance(value, str) and (not self.choices or value in self.choices)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return False
        # NumPy's truth values are no instances of bool.
        if (
            isinstance(value, (bool, str))
            or type(value).__name__.startswith("bool")
            or not math.isfinite(number)
        ):
            return False
        whole = self.kind is not int or number == math.floor(number)
        return whole and self._within(number) and (not self.choices or number in self.choices)

    def _within(self, number: float) -> bool:
        low = self.low is None or number > self.low or (number == self.low and not self.above)
        high = self.high is None or number < self.high or (number == self.high and not self.below)
        return low and high

    @property
    def allowed(self) -> str:
        """Allowed values in words."""
        if self.choices:
            return str(self.choices)
        if self.kind is bool:
            return "True or False"
        if self.kind is str:
            return "text"
        numbers = "whole numbers" if self.kind is int else "finite numbers"
        if self.low is None:
            return numbers
        low = f"above {_written(self.low)}" if self.above else f"from {_written(self.low)}"
        if self.high is None:
            return f"{numbers} {low}"
        high = f"to below {_written(self.high)}" if self.below else f"to {_written(self.high)}"
        return f"{numbers} {low}{', up' if self.above and not self.below else ''} {high}"


def _written(bound: float) -> str:
    """Return a bound as people write it: 1000000, 0.5."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def option(default: Default, text: str, **details: Unpack[Details]) -> Default:
    """Return a dataclass field with its `Option`.

    Args:
        default: Default of the field; None if the recipe chooses it.
        text: One sentence of help.
        details: Other attributes of `Option`.
    """
    return field(default=default, metadata={"option": Option(help=text, **details)})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of dataclasses that check their options and convert to plain dictionaries and back.

    Raises:
        OptionError: an option that does not exist, or a value out of its range.
    """

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Refuse options that do not exist, before the dataclass is made."""
        cls.refuse_unknown(given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._complete()
        for name, known in self.options().items():
            value = getattr(self, name)
            known.check(value)
            if known.kind is int and value is not None:
                # Whole numbers of NumPy, and floats such as 8.0.
                self._set(**{name: int(value)})

    def _complete(self) -> None:
        """Set options that depend on others; subclasses extend it."""

    def _set(self, **values: Any) -> None:
        """Set options while the object is made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _default(self, **values: Any) -> None:
        """Set options that are None while the object is made."""
        self._set(**{n: value for n, value in values.items() if getattr(self, n) is None})

    @classmethod
    def label(cls) -> str:
        """Return its name in messages."""
        return cls.__name__

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Return its options by name, in the order of their definition."""
        return {
            known.name: replace(
                known.metadata["option"],
                name=known.name,
                kind=_kind(known.type),
                default=known.default,
            )
            for known in fields(cls)
            if "option" in known.metadata
        }

    @classmethod
    def refuse_unknown(cls, given: Mapping[str, Any]) -> None:
        """Refuse options that do not exist; the message names those that do."""
        names = {known.name for known in fields(cls)}
        for name, value in given.items():
            if name not in names:
                raise OptionError(
                    f"{name}={value!r}: {cls.label()} has no option {name!r}; allowed: "
                    f"{', '.join(sorted(cls.options()))}"
                )

    @classmethod
    def of(cls, given: "Self | Mapping[str, Any] | None", **options: Any) -> Self:
        """Return an object from itself, from what `get_config` returned, or from options.

        Raises:
            OptionError: options beside an object, or one that does not exist or is out of range.
        """
        if not isinstance(given, cls):
            if given is not None and not isinstance(given, Mapping):
                raise OptionError(
                    f"{type(given).__name__} instead of a {cls.label()}; allowed: a "
                    f"{cls.__name__}, a dictionary of its options, or None; options are given by "
                    "name, and samples with their labels as one pair (x, y)"
                )
            return cls.from_config({**(given or {}), **options})
        if options:
            raise OptionError(
                f"options {sorted(options)} beside {given!r}; allowed: options in the "
                f"{cls.label()}, or options only"
            )
        return given

    def changed(self, **options: Any) -> Self:
        """Return a copy with other options."""
        self.refuse_unknown(options)
        return replace(self, **options)

    def get_config(self) -> dict[str, Any]:
        """Return its options as plain values; `from_config` takes them back."""
        return {name: getattr(self, name) for name in self.options()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the object that `get_config` described."""
        return cls(**config)


def _kind(annotation: object) -> type:
    """Return the type of an option, without None."""
    kinds = [part for part in get_args(annotation) or (annotation,) if part is not type(None)]
    kind: type = kinds[0]
    return kind
