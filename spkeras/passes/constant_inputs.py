"""Constant inputs: biases that are received once, before the first step, for codes of values."""

from collections.abc import Mapping

import numpy as np

from spkeras.errors import GraphError
from spkeras.graph import Graph, Node
from spkeras.graph.vocabulary import CONSTANT_INPUTS
from spkeras.ops.arrays import Float32Array

_BIASES = ("bias", "offset")


def resting_points(graph: Graph) -> Graph:
    """Return the graph cut at its neurons, whose outputs without spikes are the bias currents.

    Returns:
        A graph whose inputs are the inputs and neurons of `graph`, and whose outputs are the
        nodes that its neurons and read-outs read. At zero inputs these are the bias currents.
    """
    dtype = {"dtype": "float32"}
    ends: dict[str, None] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op in ("neuron", "readout"):
            ends.update(dict.fromkeys(node.inputs))
        if node.name in graph.head:
            continue
        if node.op in ("neuron", "input"):
            nodes.append(
                Node(name=node.name, op="input", inputs=(), shape=node.shape, attributes=dtype)
            )
        else:
            nodes.append(node)
    return Graph(graph.name, tuple(nodes), tuple(ends))


def lift_biases(graph: Graph, resting: Mapping[str, np.ndarray]) -> Graph:
    """Move the biases from the synapses to the neurons and read-outs that receive them.

    Before: a normalised graph.
    After: linear nodes have no biases, so that a change of their input gives the change of their
        output; neurons and read-outs start with the sum of the biases that reach them.
    Args:
        graph: The graph.
        resting: Bias currents: value of each output of `resting_points` at zero inputs, without
            the batch.
    Preserves: the function of the network.

    Raises:
        GraphError: the biases were lifted before.
    """
    lifted = [node.name for node in graph.of("neuron") if set(CONSTANT_INPUTS) & set(node.arrays)]
    if lifted:
        raise GraphError(f"neurons {lifted} have offsets: biases were lifted out before")
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op == "neuron":
            starts = zip(CONSTANT_INPUTS, node.inputs, strict=False)
            node = node.with_arrays(**{key: _offset(resting[name]) for key, name in starts})
        elif node.op == "readout":
            scale = node.arrays.get("scale", np.float32(1))
            node = node.with_arrays(offset=_offset(resting[node.inputs[0]] * scale))
        else:  # nodes after read-outs have no biases
            node = node.with_arrays(**dict.fromkeys(_BIASES))
        nodes.append(node)
    result = graph.with_nodes(nodes)
    # Originals keep their biases in the synapses, where they compute the same.
    return result.keeping(graph) if graph.originals else result


def _offset(values: np.ndarray) -> Float32Array | None:
    """Return the values with axes of size 1 where they are constant; None for zeros."""
    if not values.any():
        return None
    for axis in range(values.ndim):
        first = values.take([0], axis)
        if (values == first).all():
            values = first
    return values.astype(np.float32)
