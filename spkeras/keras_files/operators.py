"""Operators of Keras 3 in a stored configuration: `keras.ops`, `x + y`, `x[:, 1:]`.

Some have the name of a layer: the operator Add takes two tensors, the layer Add a list of them.
A .keras file states the module of each class. HDF5 does not, but only layers store ``trainable``.
"""

from __future__ import annotations

import functools

import keras

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode

MODULES = ("keras.src.ops.", "keras.src.activations.")


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
