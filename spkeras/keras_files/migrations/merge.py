"""Keras 1: one Merge layer with a mode, where Keras 2 has one class per mode."""

from __future__ import annotations

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode, parse_model
from spkeras.keras_files.references import references
from spkeras.ops.types import Json

MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
    "cos": "Dot",
}


def split_merge(node: LayerNode, context: Context) -> None:
    """Turn a Merge into the class of its mode."""
    if node.class_name != "Merge":
        return
    config = node.config
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw" or mode not in MODES:
        context.refuse(
            node,
            f"merges by code or by an unknown mode ({mode!r:.40}). Allowed modes: "
            f"{', '.join(MODES)}. Name a layer of Keras in its place and save again.",
        )
        return
    node.config = {}
    if mode == "concat":
        node.config["axis"] = config.get("concat_axis", -1)
    if mode in {"dot", "cos"}:
        axes = config.get("dot_axes", -1)
        node.config = {"axes": _dot_axes(axes), "normalize": mode == "cos"}
    node.class_name = MODES[mode]
    context.changed(f"Merge of mode '{mode}' replaced by {node.class_name}", node)


def _dot_axes(axes: Json) -> Json:
    """Return the axes as plain numbers: Keras 1 could wrap each in a list, [[1], [2]]."""
    if isinstance(axes, list):
        return [axis[0] if isinstance(axis, list) else axis for axis in axes]
    return axes


def merge_first(node: LayerNode, context: Context) -> None:
    """Turn a Sequential that begins with a Merge of branches into a functional model.

    Before: the first layer is a Merge whose configuration lists whole branches, which can begin
    with a Merge, too. After: input layers, the branches, the merging layer, and the other layers
    in a chain.
    """
    if not node.is_sequential or not node.layers:
        return
    merge = node.layers[0]
    if merge.class_name != "Merge" or not merge.config.get("layers"):
        return
    branches = [parse_model(entry) for entry in merge.config.pop("layers")]
    entries: list[LayerNode] = []
    for index, branch in enumerate(branches, start=1):
        branch.name = branch.stored_name = f"branch_{index}"  # Keras 1 stored no name
        merge_first(branch, context)
        shapes = _input_shapes(branch)
        if not shapes or None in shapes:
            context.refuse(merge, "a branch does not state its input shape.")
            return
        names = [f"{branch.name}_input_{number}" for number in range(1, len(shapes) + 1)]
        entries += [
            LayerNode("InputLayer", name, {"batch_shape": shape})
            for name, shape in zip(names, shapes, strict=True)
        ]
        branch.calls = [[[name, 0, 0, {}] for name in names]]
    merge.calls = [[[branch.name, 0, 0, {}] for branch in branches]]
    rest = node.layers[1:]
    for before, after in zip([merge, *rest], rest, strict=False):
        after.calls = [[[before.name, 0, 0, {}]]]
    node.layers = [*entries, *branches, merge, *rest]
    node.class_name = "Model"
    node.inputs = [[entry.name, 0, 0] for entry in entries]
    node.outputs = [[node.layers[-1].name, 0, 0]]
    context.changed("Sequential that begins with a Merge made functional", node)


def _input_shapes(branch: LayerNode) -> list[list[int | None] | None]:
    """Return the shape of each input of a branch, with the batch axis; None if not stated."""
    layers = branch.layers or [branch]
    if not branch.is_functional:
        first = layers[0]
        return _input_shapes(first) if first.layers else [_stated(first)]
    named = {layer.name: layer for layer in layers}
    return [_stated(named[name]) for name, _, _ in references(branch.inputs)]


def _stated(layer: LayerNode) -> list[int | None] | None:
    shape = layer.config.get("batch_input_shape") or layer.config.get("batch_shape")
    return None if shape is None else list(shape)
