"""Records of a stored call of a TensorFlow function, and of the layer that replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spkeras.ops.types import Json


class NotMappedError(Exception):
    """An operation, or one of its arguments, that equals no layer."""


@dataclass
class TensorCall:
    """One stored call: its tensors in order, and all other arguments by name.

    Attributes:
        tensors: References of the tensors given by position.
        values: Arguments by keyword; a tensor is a reference.
        constant: The first argument where that is a number, else None.
    """

    tensors: list[Any]
    values: dict[str, Any]
    constant: Json = None


Layer = tuple[str, dict[str, Any], list[Any]]
Maker = Callable[[TensorCall], Layer]
