"""Operators of Keras 3 in a stored configuration: `keras.ops`, `x + y`, `x[:, 1:]`.

Some have the name of a layer: the operator Add takes two tensors, the layer Add a list of them.
A .keras file states the module of each class. HDF5 does not, but only layers store ``trainable``.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import keras

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode

MODULES = ("keras.src.ops.", "keras.src.activations.")
# Arguments that had other names in earlier versions of Keras 3.
RENAMED = {"Threshold": {"threshold_value": "threshold", "value": "default_value"}}


@functools.cache
def operator_classes() -> dict[str, type[keras.Operation]]:
    """Return the operators of the running Keras by the name of their class."""
    found: dict[str, type[keras.Operation]] = {}
    waiting = [keras.Operation]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if not issubclass(kind, (keras.layers.Layer, keras.Function)):
                waiting.append(kind)
                if kind.__module__.startswith(MODULES):
                    found[kind.__name__] = kind
    return found


def mark_operator(node: LayerNode, context: Context) -> None:
    """Mark a node of a Keras 3 file that is an operator, and give it the operator's module."""
    kind = operator_classes().get(node.class_name)
    if kind is None or node.layers is not None or context.before_keras_3:
        return
    if node.module is None:
        node.operator = "trainable" not in node.config
    else:
        node.operator = ".ops." in node.module or ".activations." in node.module
    if node.operator:
        node.module = kind.__module__
        node.moved = _move_arguments(node, kind)


def _move_arguments(node: LayerNode, kind: type[keras.Operation]) -> bool:
    """Give an operator's arguments to its constructor or its call, as the running Keras has them.

    Versions of Keras 3 differ in this. Returns whether an argument moved.
    """
    made = inspect.signature(kind.__init__).parameters
    called = inspect.signature(kind.call).parameters
    calls = [call for call in node.calls if isinstance(call, dict)]
    before = [dict(node.config), *(dict(call.get("kwargs") or {}) for call in calls)]
    for old, new in RENAMED.get(node.class_name, {}).items():
        if old in node.config and old not in made:
            node.config[new] = node.config.pop(old)
    for call in calls:
        keywords: dict[str, Any] = call.get("kwargs") or {}
        for key in [key for key in keywords if key not in called and key in made]:
            node.config[key] = keywords.pop(key)
        for key in [key for key in node.config if key not in made and key in called]:
            call.setdefault("kwargs", {})[key] = node.config[key]
    node.config = {k: v for k, v in node.config.items() if k in made or k not in called}
    return before != [node.config, *(call.get("kwargs") or {} for call in calls)]
