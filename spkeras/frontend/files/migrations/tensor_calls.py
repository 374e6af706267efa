"""What one stored call of a TensorFlow function is, and what a layer in its place is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NotMappedError(Exception):
    """An operation, or one of its arguments, has no equal among the layers."""


@dataclass
class Operation:
    """One stored call: its tensors in order, and all other arguments by name.

    Attributes:
        tensors: References of the tensors given by position.
        values: Arguments by keyword; a tensor is a reference.
        constant: The first argument where that is a number, else None.
    """

    tensors: list[Any]
    values: dict[str, Any]
    constant: Any = None


Layer = tuple[str, dict[str, Any], list[Any]]
Maker = Callable[[Operation], Layer]
