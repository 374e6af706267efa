"""The tensors in a stored call of a layer."""

from __future__ import annotations

from typing import Any

from spkeras.keras_files.graph import Call
from spkeras.keras_files.references import CONSTANT, references
from spkeras.ops.types import Json

TENSOR = "__keras_tensor__"


def call_tensors(call: Call) -> list[Any]:
    """Return the tensors of a call: those given by position, then those given by keyword.

    Masks are left out: their keywords end in "mask".

    Args:
        call: The call as stored: a record of Keras 3, or flat items.
    """
    if isinstance(call, dict):
        keywords = call.get("kwargs") or {}
        return _records([call.get("args"), _unmasked(keywords)])
    tensors: list[Any] = [list(item[:3]) for item in call if item[0] != CONSTANT]
    for item in call:
        tensors += [list(reference) for reference in references(_unmasked(item[3] or {}))]
    return tensors


def plain_call(call: Call) -> Call:
    """Return a call with its tensors only, without the arguments of the layer that it was made for.

    Args:
        call: The call as stored.
    """
    tensors = call_tensors(call)
    if isinstance(call, dict):
        return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}}
    return [[*tensor, {}] for tensor in tensors]


def _unmasked(keywords: dict[str, Any]) -> list[Any]:
    return [value for key, value in keywords.items() if not key.endswith("mask")]


def _records(value: Json) -> list[Any]:
    """Return the records of tensors in any nesting."""
    if isinstance(value, dict):
        if value.get("class_name") == TENSOR:
            return [value]
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [record for part in value for record in _records(part)]
    return []
