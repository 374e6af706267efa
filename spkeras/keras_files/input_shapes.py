"""Input shapes that the user gives for a model that leaves sizes open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spkeras.errors import ModelFileError
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.references import references

InputShape = Sequence[int] | Sequence[Sequence[int]]
KEYS = ("batch_shape", "batch_input_shape", "build_input_shape")


def set_input_shapes(root: LayerNode, given: InputShape) -> None:
    """State the input shapes of a model.

    Args:
        root: The tree; changed in place.
        given: Shape of the input without the batch axis, or one shape for each input.

    Raises:
        ModelFileError: another number of inputs or axes, or other sizes than the file states.
    """
    shapes = _one_each(given)
    entries = _entries(root)
    if len(shapes) != len(entries):
        raise ModelFileError(
            f"input_shape: {len(shapes)} shapes for the {len(entries)} inputs "
            f"{', '.join(node.label for node in entries)}; give one for each"
        )
    for node, shape in zip(entries, shapes, strict=True):
        key = next((key for key in KEYS if node.config.get(key) is not None), None)
        stated = None if key is None else list(node.config[key])
        if stated is not None and not _agree(stated[1:], shape):
            raise ModelFileError(
                f"input_shape: {tuple(shape)} for {node.label}, of which the file states "
                f"{tuple(stated[1:])}; allowed: sizes in place of None"
            )
        batch: list[Any] = [None] if stated is None else stated[:1]
        default = "batch_shape" if node.class_name == "InputLayer" else "batch_input_shape"
        node.config[key or default] = [*batch, *shape]


def _one_each(given: InputShape) -> list[list[int]]:
    sizes = [size for size in given if isinstance(size, int)]
    return [sizes] if sizes else [list(shape) for shape in given if not isinstance(shape, int)]


def _agree(stated: Sequence[int | None], shape: Sequence[int]) -> bool:
    pairs = zip(stated, shape, strict=False)
    return len(stated) == len(shape) and all(known in (None, size) for known, size in pairs)


def _entries(model: LayerNode) -> list[LayerNode]:
    """Return the layers that state the input shapes of a model."""
    layers = model.layers or []
    if model.is_functional:
        named = {layer.name: layer for layer in layers}
        return [named[name] for name, _, _ in references(model.inputs)]
    model.config.pop("build_input_shape", None)
    first = layers[0]
    return _entries(first) if first.layers else [first]
