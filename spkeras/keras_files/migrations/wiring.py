"""Connections of the layers of a model: names, call numbers and input shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spkeras.keras_files.calls import plain_call
from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.references import Reference, map_references, references


def count_calls_from_zero(node: LayerNode, context: Context) -> None:
    """Count the calls of inner models from 0.

    Keras 2 counted the call that created the inner model as 0, so its first use was 1. Keras 3
    counts only uses, but from 1 for functional models in the outputs.
    """
    if not node.is_functional or node.layers is None:
        return
    if not context.before_keras_3:
        inner = {c.name for c in node.layers if c.is_functional or c.replaced_model}
        node.outputs = map_references(node.outputs, lambda ref: _lowered(ref, inner))
        return
    highest: dict[str, int] = {}
    for name, index, _ in references([*(child.calls for child in node.layers), node.outputs]):
        highest[name] = max(highest.get(name, 0), index)
    shifted = set()
    for child in node.layers:
        model = child.layers is not None or child.replaced_model
        if model and highest.get(child.name, 0) >= len(child.calls) > 0:
            shifted.add(child.name)
            context.changed("calls of the inner model counted from 0", child)
    if shifted:
        _rewire(node, lambda ref: _lowered(ref, shifted))


def _lowered(ref: Reference, names: set[str]) -> Reference:
    return (ref[0], max(0, ref[1] - 1), ref[2]) if ref[0] in names else ref


def _rewire(node: LayerNode, change: Callable[[Reference], Reference]) -> None:
    """Change every tensor reference of a functional model."""
    for child in node.layers or ():
        child.calls = [map_references(call, change) for call in child.calls]
    node.inputs = map_references(node.inputs, change)
    node.outputs = map_references(node.outputs, change)


def insert_before(model: LayerNode, layer: LayerNode, new: LayerNode) -> None:
    """Insert a layer of one input between a layer of a model and its input.

    Args:
        model: The model that holds the layer.
        layer: A layer that is called with one tensor each time.
        new: The layer to insert; its name is made unique.
    """
    _place(model, new, _position(model, layer))
    shape = layer.config.pop("batch_input_shape", None)
    if shape is not None:
        new.config["batch_input_shape"] = shape
    new.calls = [plain_call(call) for call in layer.calls]
    words = [{} if isinstance(call, dict) else call[0][3] for call in layer.calls]
    layer.calls = [[[new.name, k, 0, keywords]] for k, keywords in enumerate(words)]


def insert_after(model: LayerNode, layer: LayerNode, new: LayerNode) -> None:
    """Insert a layer of one input between a layer of a model and its readers.

    Args:
        model: The model that holds the layer.
        layer: A layer with one output.
        new: The layer to insert; its name is made unique.
    """
    _place(model, new, _position(model, layer) + 1)
    if model.is_functional:
        _rewire(model, lambda ref: (new.name, *ref[1:]) if ref[0] == layer.name else ref)
    new.calls = [[[layer.name, k, 0, {}]] for k in range(len(layer.calls))]


def _position(model: LayerNode, layer: LayerNode) -> int:
    return next(k for k, child in enumerate(model.layers or ()) if child is layer)


def _place(model: LayerNode, new: LayerNode, position: int) -> None:
    """Add a layer under a name that no other one has."""
    assert model.layers is not None
    taken = {child.name for child in model.layers}
    while new.name in taken:
        new.name = new.stored_name = f"{new.name}_"
    model.layers.insert(position, new)


def clean_names(node: LayerNode, context: Context) -> None:
    """Replace '/' by '_' in the names of layers, and keep them unique."""
    if node.layers is None:
        node.name = node.name.replace("/", "_")
        return
    node.name = node.name.replace("/", "_")
    taken = {child.stored_name for child in node.layers if "/" not in child.stored_name}
    renamed: dict[str, str] = {}
    for child in node.layers:
        if "/" in child.stored_name:
            name = child.stored_name.replace("/", "_")
            while name in taken:
                name += "_"
            taken.add(name)
            renamed[child.stored_name] = child.name = name
            context.changed("'/' in the name written as '_'", child)
    if renamed and node.is_functional:
        _rewire(node, lambda ref: (renamed.get(ref[0], ref[0]), ref[1], ref[2]))


def drop_call_defaults(node: LayerNode, context: Context) -> None:
    """Drop call arguments without effect: training off, no mask."""
    for call in node.calls:
        if isinstance(call, dict):
            continue
        for item in call:
            item[3] = {
                key: value
                for key, value in (item[3] or {}).items()
                if value is not None and (key, value) != ("training", False)
            }


def state_input_shape(node: LayerNode, context: Context) -> None:
    """Give input layers their shape under its new name, and a Sequential its input layer."""
    if node.class_name == "InputLayer":
        shape = node.config.pop("batch_input_shape", None)
        if shape is not None:
            node.config["batch_shape"] = shape
    elif node.is_sequential and node.layers:
        first = node.layers[0]
        if first.class_name != "InputLayer":
            shape = _stated_shape(node)
            if shape is None:
                shape = _shape_from_weights(first, context)
                context.open_sizes = True
            if shape is not None:
                _insert_input(node, shape, context)


def _insert_input(node: LayerNode, shape: list[int | None], context: Context) -> None:
    assert node.layers is not None
    name = f"{node.name}_input"
    config: dict[str, Any] = {"batch_shape": shape}
    dtype = node.layers[0].config.get("dtype")
    if node.layers[0].class_name == "Embedding":
        dtype = "int32"
    if isinstance(dtype, str):
        config["dtype"] = dtype
    node.layers.insert(0, LayerNode("InputLayer", name, config))
    context.changed("input layer made from the stored input shape", node)


def _stated_shape(node: LayerNode) -> list[int | None] | None:
    """Return the input shape that a model or its first layer states."""
    for candidate in _first_layers(node):
        config = candidate.config
        for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
            if config.get(key) is not None:
                return list(config[key])
        if config.get("input_dim") and candidate.class_name == "Dense":
            return [None, config["input_dim"]]
    return None


def _first_layers(node: LayerNode) -> list[LayerNode]:
    """Return the first layers of a Sequential, inner ones first, then the Sequential."""
    chain: list[LayerNode] = [node]
    current: LayerNode | None = node
    while current is not None:
        current = _entry(current)
        if current is not None:
            chain.insert(0, current)
    return chain


def _entry(node: LayerNode) -> LayerNode | None:
    """Return the layer that takes the input of a model or wrapper."""
    if node.layers:
        if node.is_sequential:
            return node.layers[0]
        entry = references(node.inputs)[0][0]
        return next((child for child in node.layers if child.name == entry), None)
    return None


def _shape_from_weights(first: LayerNode, context: Context) -> list[int | None] | None:
    """Return a shape with the channels of the first kernel, where no shape is stated."""
    shapes = context.shapes(first.stored_name)
    if not shapes:
        return None
    kernel = shapes[0]
    if first.class_name == "Dense" and len(kernel) == 2:
        return [None, kernel[0]]
    if first.class_name in {"Conv1D", "Conv2D", "Conv3D"} and len(kernel) > 2:
        groups = int(first.config.get("groups") or 1)
        if first.config.get("data_format", "channels_last") == "channels_last":
            return [None, *[None] * (len(kernel) - 2), kernel[-2] * groups]
    return None
