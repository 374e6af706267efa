"""Records of a stored call of a TensorFlow function, and of what replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spkeras.ops.types import Json


class NotMappedError(Exception):
    """An operation, or one of its arguments, that equals nothing in Keras 3."""


@dataclass
class TensorCall:
    """One stored call: its tensors in order, and all other arguments by name.

    Attributes:
        tensors: References of the tensors given by position.
        values: Arguments by keyword; a tensor is a reference.
        constant: The first argument where that is a number, else None.
        given: All arguments given by position, tensors as references; by default the constant
            and the tensors.
    """

    tensors: list[Any]
    values: dict[str, Any]
    constant: Json = None
    given: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.given:
            self.given = [*([] if self.constant is None else [self.constant]), *self.tensors]

    def bound(self, *names: str) -> list[Any]:
        """Return the arguments of these parameters, None for one that is left out.

        Args:
            names: Parameters of the function in order; "a|b" has two names.
        """
        rest = iter(self.given)
        found = []
        for name in names:
            stored = [self.values[key] for key in name.split("|") if key in self.values]
            found.append(stored[0] if stored else next(rest, None))
        return found


Layer = tuple[str, dict[str, Any], list[Any]]
Maker = Callable[[TensorCall], Layer]


@dataclass(frozen=True)
class Result:
    """The result of an earlier step, as an argument of a later one."""

    step: int


@dataclass
class Step:
    """One operator of Keras 3 and its call.

    Attributes:
        operator: Name of its class.
        arguments: What it is called with: references, constants, results, lists of them.
        config: Its own arguments.
    """

    operator: str
    arguments: list[Any]
    config: dict[str, Any] = field(default_factory=dict)


Steps = list[Step]
StepsMaker = Callable[[TensorCall], Steps]
