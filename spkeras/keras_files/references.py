"""References to tensors in stored calls, inputs and outputs: ``[name, node, tensor]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from spkeras.ops.types import Json

CONSTANT = "_CONSTANT_VALUE"

Reference = tuple[str, int, int]


def is_reference(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Return whether a value is the ``[name, node, tensor]`` of a tensor."""
    return (
        isinstance(value, list | tuple)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(index, int) for index in value[1:3])
        and value[0] != CONSTANT
    )


def map_references(value: Json, change: Callable[[Reference], Reference]) -> Json:
    """Return a copy of calls, inputs or outputs with every tensor reference changed.

    Args:
        value: Any nesting of lists and records that holds references.
        change: Function from the old ``(name, node, tensor)`` to the new one.
    """
    if is_reference(value):
        rest = [map_references(part, change) for part in value[3:]]
        return [*change((value[0], value[1], value[2])), *rest]
    if isinstance(value, dict):
        return {
            key: (
                list(change(tuple(part)))
                if key == "keras_history"
                else map_references(part, change)
            )
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [map_references(part, change) for part in value]
    return value


def references(value: Json) -> list[Reference]:
    """Return every tensor reference in calls, inputs or outputs."""
    found: list[Reference] = []

    def note(reference: Reference) -> Reference:
        found.append(reference)
        return reference

    map_references(value, note)
    return found
