"""The connections of each linear operation: the output elements that each input element reaches."""

from collections.abc import Callable, Sequence

import numpy as np

from spkeras.graph import product as box
from spkeras.graph.graph import Graph
from spkeras.graph.node import Node
from spkeras.graph.product import Product
from spkeras.graph.vocabulary import OPERATIONS
from spkeras.graph.windows import taps

# One multiply-accumulate per weight and element; the others add, average or move.
WEIGHTED = frozenset({"conv", "conv_transpose", "dense", "depthwise_conv", "scale"})


def passes(node: Node) -> bool:
    """Return whether spikes pass through a node: it is linear, and neither decodes nor fires."""
    return OPERATIONS[node.op].linear and node.op != "readout"


def through(graph: Graph, node: Node, place: int, product: Product) -> Product:
    """Return the pairs after a node that spikes pass through.

    Args:
        graph: The graph.
        node: A node that spikes pass through.
        place: Index of the input that they arrive at.
        product: Pairs of a source and the elements of that input.
    """
    shape = graph[node.inputs[place]].shape
    if node.op == "concatenate":
        return _concatenated(graph, node, place, product)
    if node.op in _MOVES:
        return _MOVES[node.op](node, shape, product)
    if node.op not in WEIGHTED and node.op not in ("average_pool", "upsample"):
        raise KeyError(f"{node.op}: no rule for the elements that it connects")
    for axis, matrix in enumerate(axis_maps(node, shape)):
        if matrix is not None:
            product = box.mapped(product, axis, matrix)
    return product


def axis_maps(node: Node, shape: Sequence[int]) -> list[np.ndarray | None]:
    """Return for each axis the output positions that each input position reaches.

    Args:
        node: A weighted node, an average pooling or an upsampling.
        shape: Shape of its input.

    Returns:
        Boolean (input positions, output positions) for each axis; None where each position
        reaches only the position of the same index.
    """
    unchanged: list[np.ndarray | None] = [None] * (len(shape) - 1)
    if node.op == "scale":
        return [*unchanged, None]
    if node.op == "dense":
        return [*unchanged, np.ones((shape[-1], node.shape[-1]), bool)]
    return [*taps(node, shape), _channel_map(node, shape[-1])]


def _channel_map(node: Node, channels: int) -> np.ndarray | None:
    if node.op in ("average_pool", "upsample"):
        return None
    outputs = node.shape[-1]
    if node.op == "conv_transpose":
        return np.ones((channels, outputs), bool)
    # Neighbouring channels form a group; in a depthwise convolution each channel is a group.
    groups = channels if node.op == "depthwise_conv" else node["groups"]
    own = np.arange(channels) // (channels // groups)
    return own[:, None] == np.arange(outputs) // (outputs // groups)


def fan_outs(node: Node, shape: Sequence[int]) -> list[np.ndarray | None]:
    """Return the fan-out of each input element in a node, as one factor for each axis.

    Args:
        node: A weighted node.
        shape: Shape of its input.

    Returns:
        Numbers (input positions,) whose product is the element's fan-out; None for ones.
    """
    maps = axis_maps(node, shape)
    return [None if matrix is None else matrix.sum(axis=1).astype(float) for matrix in maps]


def _concatenated(graph: Graph, node: Node, place: int, product: Product) -> Product:
    axis = node["axis"]
    axis = axis - 1 if axis > 0 else axis + len(node.shape)
    sizes = [graph[name].shape[axis] for name in node.inputs]
    return box.mapped(product, axis, _shifted(sizes[place], sum(sizes[:place]), node.shape[axis]))


def _shifted(size: int, before: int, total: int) -> np.ndarray:
    """Return the map that moves positions up by `before`; those that fall outside reach none."""
    return np.arange(size)[:, None] + before == np.arange(total)


def _pad(node: Node, shape: Sequence[int], product: Product) -> Product:
    for axis, (before, _) in enumerate(node["amounts"]):
        product = box.mapped(product, axis, _shifted(shape[axis], before, node.shape[axis]))
    return product


def _crop(node: Node, shape: Sequence[int], product: Product) -> Product:
    for axis, (before, _) in enumerate(node["amounts"]):
        product = box.mapped(product, axis, _shifted(shape[axis], -before, node.shape[axis]))
    return product


def _global_average(node: Node, shape: Sequence[int], product: Product) -> Product:
    for axis in reversed(range(len(shape) - 1)):
        kept = node["keepdims"]
        product = box.spread(product, axis, 1) if kept else box.dropped(product, axis)
    return product


def _permute(node: Node, shape: Sequence[int], product: Product) -> Product:
    return box.permuted(product, [axis - 1 for axis in node["axes"]])


def _reshape(node: Node, shape: Sequence[int], product: Product) -> Product:
    return box.reshaped(product, node.shape)


def _widen(node: Node, shape: Sequence[int], product: Product) -> Product:
    return box.widened(product, node.shape)


_MOVES: dict[str, Callable[[Node, Sequence[int], Product], Product]] = {
    "add": _widen,
    "crop": _crop,
    "global_average_pool": _global_average,
    "pad": _pad,
    "permute": _permute,
    "reshape": _reshape,
    "subtract": _widen,
}
