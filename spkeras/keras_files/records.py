"""Arguments of calls in the form in which Keras 3 stores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spkeras.keras_files.calls import TENSOR
from spkeras.keras_files.references import is_reference


def record(module: str, class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an object.

    Args:
        module: Module of its class.
        class_name: Name of its class.
        config: Its arguments.
    """
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def tensor(reference: Sequence[Any]) -> dict[str, Any]:
    """Return the record of a tensor; Keras replaces its shape and dtype by the history.

    Args:
        reference: Its ``[name, node, tensor]``.
    """
    history = list(reference[:3])
    config = {"shape": [None], "dtype": "float32", "keras_history": history}
    return record("keras.src.backend", TENSOR, config)


def argument(value: Any) -> Any:
    """Return the record of an argument of an operator: tensors, and arrays of numbers.

    Args:
        value: A reference, a constant, or a list of them.
    """
    if is_reference(value):
        return tensor(value)
    if not isinstance(value, list):
        return value
    if value and all(is_reference(part) or isinstance(part, dict) for part in value):
        return [argument(part) for part in value]
    if any(map(is_reference, value)):
        return [argument(part) for part in value]
    dtype = "int32" if _whole(value) else "float32"
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}


def _whole(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_whole, value))
    return isinstance(value, int) and not isinstance(value, bool)
