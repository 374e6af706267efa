"""Sizes that a model of Keras 2 computes, such as ``tf.shape(x)[0]`` in a reshape."""

from __future__ import annotations

from typing import Any

from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.references import is_reference, references
from spkeras.ops.types import Json

SHAPES = frozenset({"shape", "compat.v1.shape"})


def drop_sizes(model: LayerNode) -> set[str]:
    """Take nodes that compute the number of samples out of a model; return their names.

    Only reshapes use that number, and -1 says the same there. Nodes of another use stay.

    Args:
        model: The model; its list of layers changes.
    """
    assert model.layers is not None
    shapes = {node.name for node in model.layers if node.config.get("function") in SHAPES}
    sizes = {node.name for node in model.layers if _is_size(node, shapes)}
    unused = sizes - _used(model, sizes | shapes, in_reshapes=False)
    shapes -= _used(model, shapes | unused, in_reshapes=True)
    model.layers = [node for node in model.layers if node.name not in unused | shapes]
    return unused


def _is_size(node: LayerNode, shapes: set[str]) -> bool:
    """Return whether a node is the first number of a shape: ``shape[0]``, or ``unstack``."""
    function, calls = node.config.get("function"), references(node.calls)
    if not calls or any(name not in shapes for name, _, _ in calls):
        return False
    if function == "__operators__.getitem":
        return bool(node.calls[0][0][3].get("slice_spec") in (0, [0]))
    return function == "unstack"


def _used(model: LayerNode, names: set[str], in_reshapes: bool) -> set[str]:
    """Return the nodes that others than these read; reads as the first size may be left out."""
    found: set[str] = {name for name, _, _ in references(model.outputs)}
    for node in model.layers or ():
        if node.name in names:
            continue
        calls = node.calls
        if node.config.get("function") == "reshape" and not in_reshapes:
            calls = [[[*item[:3], _without_size(item[3])] for item in call] for call in calls]
        found |= {name for name, _, _ in references(calls)}
    return found


def _without_size(values: dict[str, Any]) -> dict[str, Any]:
    shape = values.get("shape")
    return {**values, "shape": shape[1:]} if isinstance(shape, list) and shape else values


def with_batch_sizes(values: dict[str, Any], sizes: set[str]) -> dict[str, Any]:
    """Return the arguments of a call with -1 for the number of samples in a shape.

    Args:
        values: Arguments by name.
        sizes: Names of the nodes that compute that number.
    """
    shape = values.get("shape")
    if not isinstance(shape, list) or not shape or not _is_of(shape[0], sizes):
        return values
    rest = shape[1:]
    first: Json = None if -1 in rest else -1
    return {**values, "shape": [first, *rest]}


def _is_of(value: Json, sizes: set[str]) -> bool:
    return is_reference(value) and value[0] in sizes and value[2] == 0
