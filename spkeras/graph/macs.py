"""How many operations a network takes: counted from its shapes, for one sample.

Both counts rest on one small matrix per axis: ``reach[i, o]`` tells through how many kernel
taps the input position i reaches the output position o. Windows are rectangles, so the
count for an image is the product over its axes; zero padding is left out by itself.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from spkeras.graph.graph import Graph
from spkeras.graph.node import Node

# A spike that reaches one of these has arrived: they hold a state, or need the sum first.
_STOPS = frozenset(
    {"activation", "function", "neuron", "max_pool", "global_max_pool", "maximum", "minimum",
     "multiply", "readout"}
)  # fmt: skip

# Half the width of each interpolation's kernel, in input positions.
_SUPPORT = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


def macs(graph: Graph) -> dict[str, int]:
    """Multiply-accumulates of each node for one sample.

    A convolution counts the taps that lie inside the image (zero padding is not counted), so
    the result is the real fan-in summed over all outputs. `scale` counts one per element,
    attention and products of two tensors what their matrix products take (of positions that
    may see each other). Everything else counts 0: additions, pools, upsampling, activations,
    normalisations; biases count 0 too.

    Args:
        graph: Any graph.

    Returns:
        A number for every node, by name.
    """
    return {node.name: _node_macs(node, graph) for node in graph.nodes}


def _node_macs(node: Node, graph: Graph) -> int:
    if node.op == "scale":
        return math.prod(node.shape)
    if node.op == "dense":
        return math.prod(node.shape) * node.arrays["kernel"].shape[0]
    if node.op in ("function", "neuron"):
        return _function_macs(node, [graph[name].shape for name in node.inputs])
    if node.op not in ("conv", "depthwise_conv", "conv_transpose"):
        return 0
    kernel = node.arrays["kernel"]
    taps = math.prod(int(m.sum()) for m in _reach(node, graph[node.inputs[0]].shape))
    return taps * kernel.shape[-1] * kernel.shape[-2]


def _function_macs(node: Node, shapes: Sequence[tuple[int, ...]]) -> int:
    """Multiply-accumulates of a function of values, from the shapes of what it reads."""
    function = node["function"]
    if function == "matmul":
        return math.prod(node.shape) * shapes[0][-1]
    if function == "dot":
        return math.prod(node.shape) * shapes[0][node["axes"][0] - 1]
    if function not in ("attention", "additive_attention"):
        return 0
    queries, keys = np.arange(shapes[0][-2])[:, None], np.arange(shapes[1][-2])
    window = node.attributes.get("window")
    seen = (keys <= queries) | (not node["causal"])
    seen &= abs(keys - queries) < (math.inf if window is None else window)
    # A pair costs its score (sums alone where nothing weighs them) and its share of the answer.
    scored = shapes[0][-1] if function == "attention" or "weight" in node.arrays else 0
    return math.prod(node.shape[:-2]) * int(seen.sum()) * (scored + node.shape[-1])


def fan_out(graph: Graph, name: str) -> np.ndarray:
    """Synaptic operations that one spike of each element of a node causes.

    The rules, for a spike on its way to the next neurons (activations, maxima, products,
    read-outs and outputs count as neurons here):

    * conv, depthwise_conv, conv_transpose, dense: one operation per kernel weight that the
      spike meets inside the image; borders, strides, groups and dilation are respected.
      Linear layers behind them without a neuron between count on: each output that the
      spike reaches costs its own operations there.
    * scale: one operation per element, as a convolution of one weight.
    * pad, crop, reshape, permute, concatenate, add, subtract: none; the spike passes.
    * average_pool, global_average_pool, upsample: none; the spike passes as one event per
      pooled (or upsampled) element that it reaches, once for each where windows overlap.
    * A spike that reaches a neuron without any weight on its way (an identity shortcut, a
      pool before a neuron) costs one accumulate per target neuron.

    Args:
        graph: Any graph.
        name: The node whose output spikes.

    Returns:
        Operations per spike, float64, in the node's shape.
    """
    counts: dict[tuple[str, bool], np.ndarray] = {}
    behind = _behind(graph, name)
    for node in reversed(behind):
        for weighted in (False, True):
            counts[node.name, weighted] = _passed(graph, node, weighted, counts)
    return counts[name, False]


def _behind(graph: Graph, name: str) -> list[Node]:
    """The node and what its spikes pass through up to the next neurons, in order."""
    reached = {name}
    for node in graph.nodes:
        if node.name != name and node.op not in _STOPS and reached & set(node.inputs):
            reached.add(node.name)
    return [node for node in graph.nodes if node.name in reached]


def _passed(
    graph: Graph, node: Node, weighted: bool, counts: dict[tuple[str, bool], np.ndarray]
) -> np.ndarray:
    """Operations of one event at each element of a node's output.

    Args:
        graph: The graph.
        node: The node.
        weighted: Whether the event has met a weight: its arrival is then paid for.
        counts: The same for all nodes behind it, by name and `weighted`.
    """
    total = np.zeros(node.shape)
    arrival = 0.0 if weighted else 1.0
    if node.name in graph.outputs:
        total += arrival
    for reader in dict.fromkeys(graph.consumers[node.name]):
        places = [i for i, source in enumerate(reader.inputs) if source == node.name]
        for place in places:
            if reader.op in _STOPS:
                total += arrival
            else:
                total += _back(graph, node, reader, place, weighted, counts)
    return total


def _back(
    graph: Graph,
    node: Node,
    reader: Node,
    place: int,
    weighted: bool,
    counts: dict[tuple[str, bool], np.ndarray],
) -> np.ndarray:
    """What an event at each element of `node` costs in `reader` and behind it."""
    if reader.op in _WEIGHTED:
        return _WEIGHTED[reader.op](graph, node, reader, 1.0 + counts[reader.name, True])
    behind = counts[reader.name, weighted]
    if reader.op == "concatenate":
        return _back_concatenate(graph, reader, place, behind)
    return _PASSING[reader.op](graph, node, reader, behind)


def _spread(cost: np.ndarray, reach: Sequence[np.ndarray]) -> np.ndarray:
    """Sum the costs of all the outputs that each input position reaches, axis by axis."""
    for axis, matrix in enumerate(reach):
        cost = np.moveaxis(np.tensordot(matrix, cost, (1, axis)), 0, axis)
    return cost


def _back_conv(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    groups = reader["groups"]
    cost = cost.reshape(*cost.shape[:-1], groups, -1).sum(-1)
    spread = _spread(cost, _reach(reader, node.shape))
    return np.repeat(spread, node.shape[-1] // groups, axis=-1)


def _back_depthwise(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    cost = cost.reshape(*cost.shape[:-1], node.shape[-1], -1).sum(-1)
    return _spread(cost, _reach(reader, node.shape))


def _back_transposed(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    spread = _spread(cost.sum(-1, keepdims=True), _reach(reader, node.shape))
    return np.broadcast_to(spread, node.shape)


def _back_dense(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    return np.broadcast_to(cost.sum(-1, keepdims=True), node.shape)


def _back_same(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    """Elementwise operations; an input that was broadcast reaches several elements."""
    extra = cost.ndim - len(node.shape)
    cost = cost.sum(axis=tuple(range(extra)))
    wide = tuple(a for a, size in enumerate(node.shape) if size == 1 != cost.shape[a])
    return cost.sum(axis=wide, keepdims=True)


def _back_pool(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    return _spread(cost, _reach(reader, node.shape))


def _back_global(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    return np.broadcast_to(cost.reshape(cost.shape[-1:]), node.shape)


def _back_pad(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    sizes = zip(reader["amounts"], node.shape, strict=False)
    return cost[tuple(slice(before, before + size) for (before, _), size in sizes)]


def _back_crop(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    return np.pad(cost, (*reader["amounts"], (0, 0)))


def _back_reshape(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    return cost.reshape(node.shape)


def _back_permute(graph: Graph, node: Node, reader: Node, cost: np.ndarray) -> np.ndarray:
    return cost.transpose(np.argsort(reader["axes"]))


def _back_concatenate(graph: Graph, reader: Node, place: int, cost: np.ndarray) -> np.ndarray:
    axis = reader["axis"]
    axis = axis - 1 if axis > 0 else axis + cost.ndim
    sizes = [graph[source].shape[axis] for source in reader.inputs]
    start = sum(sizes[:place])
    return cost.take(range(start, start + sizes[place]), axis)


_Back = Callable[[Graph, Node, Node, np.ndarray], np.ndarray]

_WEIGHTED: dict[str, _Back] = {
    "conv": _back_conv,
    "conv_transpose": _back_transposed,
    "dense": _back_dense,
    "depthwise_conv": _back_depthwise,
    "scale": _back_same,
}

_PASSING: dict[str, _Back] = {
    "add": _back_same,
    "average_pool": _back_pool,
    "crop": _back_crop,
    "global_average_pool": _back_global,
    "pad": _back_pad,
    "permute": _back_permute,
    "reshape": _back_reshape,
    "subtract": _back_same,
    "upsample": _back_pool,
}


def _reach(node: Node, shape: Sequence[int]) -> list[np.ndarray]:
    """For each axis of a window, the matrix (input positions, output positions) of taps."""
    if node.op == "upsample":
        return [
            _upsample_reach(size, factor, node["interpolation"])
            for size, factor in zip(shape, node["size"], strict=False)
        ]
    if node.op in ("average_pool", "max_pool"):
        window, dilation = node["pool_size"], (1,) * len(shape)
    else:
        window, dilation = node.arrays["kernel"].shape[:-2], node["dilation"]
    axes = zip(shape, node.shape, window, node["strides"], dilation, strict=False)
    if node.op == "conv_transpose":
        # The transposed convolution is a convolution read backwards.
        return [_window_reach(out, size, k, s, d, node["padding"]).T for size, out, k, s, d in axes]
    return [_window_reach(size, out, k, s, d, node["padding"]) for size, out, k, s, d in axes]


def _window_reach(
    size: int, out: int, window: int, stride: int, dilation: int, padding: str
) -> np.ndarray:
    """Which input positions lie in which window, as Keras places them."""
    span = dilation * (window - 1) + 1
    before = 0
    if padding == "same":
        before = max((out - 1) * stride + span - size, 0) // 2
    elif padding == "causal":
        before = span - 1
    offset = np.arange(size)[:, None] + before - stride * np.arange(out)
    return ((offset >= 0) & (offset < span) & (offset % dilation == 0)).astype("float64")


def _upsample_reach(size: int, factor: int, interpolation: str) -> np.ndarray:
    """Which output positions take up each input position, the interpolation's borders too."""
    outputs = np.arange(size * factor)
    if interpolation == "nearest":
        return (np.arange(size)[:, None] == outputs // factor).astype("float64")
    centre = (outputs + 0.5) / factor - 0.5
    return (np.abs(np.arange(size)[:, None] - centre) < _SUPPORT[interpolation]).astype("float64")
