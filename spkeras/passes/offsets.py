"""Where biases are wanted once and not at each step: what has arrived before the first step."""

from collections.abc import Mapping

import numpy as np

from spkeras.errors import GraphError
from spkeras.graph import Graph, Node
from spkeras.graph.vocabulary import OFFSETS

_BIASES = ("bias", "offset")


def resting_points(graph: Graph) -> Graph:
    """The graph cut at its neurons: what reaches them while nobody sends anything.

    Returns:
        A graph whose inputs are the inputs and neurons of `graph`, and whose outputs are what
        its neurons and read-outs read. At zero inputs its values are the biases on the way.
    """
    dtype = {"dtype": "float32"}
    ends: dict[str, None] = {}
    nodes: list[Node] = []
    head: set[str] = set()
    for node in graph.nodes:
        if node.op in ("neuron", "readout"):
            ends.update(dict.fromkeys(node.inputs))
        if node.op == "readout" or head.intersection(node.inputs):
            head.add(node.name)
        elif node.op in ("neuron", "input"):
            nodes.append(Node(node.name, "input", (), node.shape, dtype))
        else:
            nodes.append(node)
    return Graph(graph.name, tuple(nodes), tuple(ends))


def lift_biases(graph: Graph, resting: Mapping[str, np.ndarray]) -> Graph:
    """Take the biases out of the synapses and put them where they arrive.

    Before: a normalised graph.
    After: linear nodes are linear, so that a change of their input gives the change of their
        output; neurons and read-outs start with what the biases on the way to them amount to.
    Args:
        graph: As above.
        resting: Value of each output of `resting_points` at zero inputs, without the batch.
    Preserves: what the network computes.

    Raises:
        GraphError: the biases have been lifted before.
    """
    lifted = [node.name for node in graph.of("neuron") if set(OFFSETS) & set(node.arrays)]
    if lifted:
        raise GraphError(f"neurons {lifted} have offsets: biases were lifted out before")
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op == "neuron":
            starts = zip(OFFSETS, node.inputs, strict=False)
            node = node.with_arrays(**{key: _offset(resting[name]) for key, name in starts})
        elif node.op == "readout":
            scale = node.arrays.get("scale", np.float32(1))
            node = node.with_arrays(offset=_offset(resting[node.inputs[0]] * scale))
        else:  # what stands behind read-outs has no biases
            node = node.with_arrays(**dict.fromkeys(_BIASES))
        nodes.append(node)
    result = graph.with_nodes(nodes)
    # Originals keep their biases in the synapses, where they compute the same.
    return result.keeping(graph) if graph.originals else result


def _offset(values: np.ndarray) -> np.ndarray | None:
    """The values with axes of one size where they are alike; None for zeros."""
    if not values.any():
        return None
    for axis in range(values.ndim):
        first = values.take([0], axis)
        if (values == first).all():
            values = first
    return values.astype(np.float32)
