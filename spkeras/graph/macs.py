"""Multiply-accumulates of each node for one sample, counted from its shapes."""

import math
from collections.abc import Sequence

import numpy as np

from spkeras.graph.connections import synapses
from spkeras.graph.graph import Graph
from spkeras.graph.node import Node
from spkeras.graph.windows import NOWHERE, sliding


def macs(graph: Graph) -> dict[str, int]:
    """Count the multiply-accumulates of each node for one sample.

    A convolution counts the taps inside the image, without zero padding: the real fan-in,
    summed over all outputs. `scale` counts one per element. Attention and products of two
    tensors count their matrix products, over the pairs of positions that the mask allows;
    recurrent layers those with their states.
    Everything else counts 0: additions, biases, pools, upsampling, activations, normalisations.

    Args:
        graph: Any graph.

    Returns:
        A number for every node, by name.
    """
    return {node.name: _node_macs(node, graph) for node in graph.nodes}


def _node_macs(node: Node, graph: Graph) -> int:
    shapes = [graph[name].shape for name in node.inputs]
    if node.op in ("function", "neuron"):
        return _function_macs(node, shapes)
    return synapses(node, shapes[0]) if node.operation.weighted else 0


def _function_macs(node: Node, shapes: Sequence[tuple[int, ...]]) -> int:
    """Count the multiply-accumulates of a function of values from the shapes of its inputs."""
    function = node["function"]
    if function == "matmul":
        return math.prod(node.shape) * shapes[0][-1]
    if function == "dot":
        axis: int = node["axes"][0]
        return math.prod(node.shape) * shapes[0][axis - 1]
    if function == "recurrent":
        return _recurrent_macs(node, shapes[0])
    if function not in ("attention", "additive_attention"):
        return 0
    queries, keys = np.arange(shapes[0][-2])[:, None], np.arange(shapes[1][-2])
    window = node.attributes.get("window")
    seen = (keys <= queries) | (not node["causal"])
    seen &= abs(keys - queries) < (math.inf if window is None else window)
    # A pair costs its score (0 without weights: only sums) and its contribution to the output.
    scored = shapes[0][-1] if function == "attention" or "weight" in node.arrays else 0
    return math.prod(node.shape[:-2]) * int(seen.sum()) * (scored + node.shape[-1])


def _recurrent_macs(node: Node, shape: tuple[int, ...]) -> int:
    """Count the products of the state with its weights, at all steps."""
    *window, units, outputs = (int(size) for size in node.arrays["weight"].shape)
    if node["cell"] == "gru_reset_after":
        units -= 1  # The last row is a bias.
    sequences, positions = shape[: -len(window) - 1], shape[-len(window) - 1 : -1]
    taps = [
        int((sliding(size, size, window=length, padding="same") != NOWHERE).sum())
        for size, length in zip(positions, window, strict=True)
    ]
    return math.prod(sequences) * math.prod(taps) * units * outputs
