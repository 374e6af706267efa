"""Composition of two linear layers in a row into one."""

import math
from dataclasses import replace

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.connections import groups_of, kernel_of, synapses
from spkeras.ops.arrays import Float64Array

_KERNELS = ("conv", "depthwise_conv", "dense")


def compose(graph: Graph) -> Graph:
    """Make one layer of two linear layers in a row, where it has no more connections than both.

    Before: any graph.
    After: no convolution or dense layer reads another one directly and alone if their product is
        a convolution or dense layer of the same outputs with fewer connections: one of the two is
        pointwise, and no bias of the first meets zero padding.
    Preserves: outputs, up to float rounding (the products are taken in float64).
    """
    for name in [node.name for node in graph.of(*_KERNELS)]:
        after = graph[name]
        before = graph[after.inputs[0]]
        while before.op in _KERNELS and graph.sole_consumer(before.name) is after:
            merged = _merged(graph, before, after)
            if merged is None:
                break
            graph = graph.updated({name: merged})
            graph = graph.with_nodes(node for node in graph.nodes if node.name != before.name)
            after, before = merged, graph[merged.inputs[0]]
    return graph


def _merged(graph: Graph, before: Node, after: Node) -> Node | None:
    """Return one node for two, or None if none is exact or it has more connections."""
    shape = graph[before.inputs[0]].shape
    if _is_pointwise(after):
        frame = before
    elif _is_pointwise(before) and ("bias" not in before.arrays or after["padding"] == "valid"):
        frame = after
    else:
        return None
    first, second = _full(before, shape[-1]), _full(after, before.shape[-1])
    kernel = np.einsum("...ij,...jk->...ik", first, second)
    bias = np.zeros(after.shape[-1])
    if "bias" in before.arrays:
        bias = second.sum(axis=tuple(range(second.ndim - 2))).T @ before.arrays["bias"]
    bias = bias + after.arrays.get("bias", 0.0)
    arrays = {"kernel": kernel.astype(np.float32)}
    if "bias" in before.arrays or "bias" in after.arrays:
        arrays["bias"] = bias.astype(np.float32)
    attributes = {} if frame.op == "dense" else {**frame.attributes, "groups": 1}
    merged = replace(
        after,
        op="dense" if frame.op == "dense" else "conv",
        inputs=before.inputs,
        attributes=attributes,
        arrays=arrays,
    )
    apart = synapses(before, shape) + synapses(after, before.shape)
    return merged if synapses(merged, shape) <= apart else None


def _is_pointwise(node: Node) -> bool:
    """Return whether each position of the output reads the same position of the input only."""
    if node.op == "dense":
        return True
    window = node.arrays["kernel"].shape[:-2]
    return math.prod(window) == 1 and math.prod(node["strides"]) == 1


def _full(node: Node, channels: int) -> Float64Array:
    """Return the kernel with an entry for each pair of channels, in float64."""
    kernel = kernel_of(node).astype(np.float64)
    groups = groups_of(node, channels) or 1
    outputs = kernel.shape[-1] // groups
    full = np.zeros((*kernel.shape[:-2], channels, kernel.shape[-1]))
    for group in range(groups):
        rows = slice(group * kernel.shape[-2], (group + 1) * kernel.shape[-2])
        columns = slice(group * outputs, (group + 1) * outputs)
        full[..., rows, columns] = kernel[..., columns]
    return full
