"""Keras 1: one Merge layer with a mode, where Keras 2 has a class per mode."""

from __future__ import annotations

import copy
from typing import Any

from spkeras.frontend.files.context import Context
from spkeras.frontend.files.graph import LayerNode, parse_model

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
    """Turns a Merge into the class of its mode."""
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
    context.changed(f"Merge of mode '{mode}' is {node.class_name} today", node)


def _dot_axes(axes: Any) -> Any:
    """Keras 1 could wrap each axis in a list: [[1], [2]]."""
    if isinstance(axes, list):
        return [axis[0] if isinstance(axis, list) else axis for axis in axes]
    return axes


def merge_first(node: LayerNode, context: Context) -> None:
    """Makes a Sequential that begins with a Merge of branches a functional model.

    Before: the first layer is a Merge whose config lists whole Sequential branches.
    After: one input layer per branch, the branches, the merging layer, the rest in a chain.
    """
    if not node.is_sequential or not node.layers:
        return
    merge = node.layers[0]
    if merge.class_name != "Merge" or not merge.config.get("layers"):
        return
    branches = [parse_model(entry) for entry in merge.config.pop("layers")]
    inputs = [_input_of(branch, index) for index, branch in enumerate(branches)]
    if any(entry is None for entry in inputs):
        context.refuse(merge, "a branch does not state its input shape.")
        return
    _name_branches(branches)
    entries = [entry for entry in inputs if entry is not None]
    for entry, branch in zip(entries, branches, strict=True):
        branch.calls = [[[entry.name, 0, 0, {}]]]
    merge.calls = [[[branch.name, 0, 0, {}] for branch in branches]]
    rest = node.layers[1:]
    for before, after in zip([merge, *rest], rest, strict=False):
        after.calls = [[[before.name, 0, 0, {}]]]
    node.layers = [*entries, *branches, merge, *rest]
    node.class_name = "Model"
    node.inputs = [[entry.name, 0, 0] for entry in entries]
    node.outputs = [[node.layers[-1].name, 0, 0]]
    context.changed("Sequential that begins with a Merge made functional", node)


def _name_branches(branches: list[LayerNode]) -> None:
    """Keras 1 gave Sequential branches no name in the file."""
    for index, branch in enumerate(branches):
        branch.name = branch.stored_name = f"branch_{index + 1}"


def _input_of(branch: LayerNode, index: int) -> LayerNode | None:
    """Makes the input layer of a branch from the shape that its first layer states."""
    first = branch.layers[0] if branch.layers else branch
    shape = first.config.get("batch_input_shape")
    if shape is None:
        return None
    name = f"branch_{index + 1}_input"
    config = {"batch_shape": copy.copy(shape)}
    return LayerNode("InputLayer", name, config, name, "InputLayer")
