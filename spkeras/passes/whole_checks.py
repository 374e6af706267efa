"""Networks that whole numbers can hold: what `whole_numbers` refuses."""

import math

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.vocabulary import CONSTANT_INPUTS
from spkeras.graph.windows import NOWHERE, pool_tables
from spkeras.passes.relays import summed

POOLS = ("average_pool", "global_average_pool")
_MOVES = ("pad", "crop", "reshape", "permute", "concatenate", "add", "subtract", "upsample")


def check_whole(graph: Graph, remedy: str = "convert with relays=True (--relays)") -> None:
    """Refuse a network that whole numbers cannot hold.

    Args:
        graph: With neurons, normalised.
        remedy: What to do where two linear layers follow each other.

    Raises:
        UnsupportedLayerError: names all nodes that stand in the way.
    """
    sums = summed(graph)
    fed = graph.after((node.name for node in graph.of("input")), until=("neuron", "readout"))
    found = [
        f"{node.source or node.name}: {problem}"
        for node in graph.nodes
        if node.name not in graph.head and (problem := _problem(graph, node, sums, remedy))
    ]
    found += [
        f"{node.source or node.name}: reads an input and spikes, whose units differ; allowed: a "
        "linear layer for each of them"
        for node in graph.nodes
        if node.name in graph.body and node.operation.weighted and node.inputs[0] in fed
    ]
    if found:
        raise UnsupportedLayerError(list(dict.fromkeys(found)))


def _problem(graph: Graph, node: Node, sums: dict[str, bool], remedy: str) -> str:
    if node.op == "neuron":
        return _of_neuron(node)
    if node.op in POOLS:
        return "" if windows_of(graph, node) else "average pooling over windows of several sizes"
    if node.op == "upsample" and node["interpolation"] != "nearest":
        return f"upsampling by {node['interpolation']} interpolation has weights of its own"
    if node.operation.weighted:
        passed = sums[node.inputs[0]]
        return (
            f"two linear layers in a row, whose products need more bits; {remedy}" if passed else ""
        )
    known = node.op in ("input", "readout") or node.op in _MOVES
    return "" if known else f"operation {node.op} has no form in whole numbers"


def _of_neuron(node: Node) -> str:
    if node["spike_code"] != "rate" or node.neuron.graded or node.neuron.emit:
        return (
            f"{node['model']} neurons under the {node['spike_code']} code; allowed: whole spikes "
            "under the rate code (recipe ecc, cq, cq+, low_latency or qcfs)"
        )
    allowed = {"slope", "weight", *CONSTANT_INPUTS[1:]}.isdisjoint(node.arrays)
    if allowed and (node.is_plain or node["function"] == "linear"):
        return ""
    numbers = (node.attributes.get(name) for name in ("max_value", "negative_slope", "threshold"))
    if allowed and node["function"] == "relu" and not any(numbers):
        return ""
    return f"the function {node['function']} in a {node['model']} neuron; allowed: relu, linear"


def windows_of(graph: Graph, pool: Node) -> int:
    """Return the number of elements of each window of an average pooling; 0 if they differ."""
    sizes = [
        np.unique((table != NOWHERE).sum(axis=1))
        for table in pool_tables(pool.attributes, graph[pool.inputs[0]].shape, pool.shape)
    ]
    return 0 if any(len(size) > 1 for size in sizes) else math.prod(int(size[0]) for size in sizes)
