"""Sizes of the memories that a network and its CNN need."""

import math
from dataclasses import dataclass

from spkeras.graph import Graph


@dataclass(frozen=True)
class Storage:
    """Numbers that a chip holds at a time to run a network and its CNN.

    Attributes:
        weights: Weights and biases of all linear layers.
        neurons: Neurons, each with an address.
        potentials: Membrane potentials.
        values: Values that enter and leave the largest layer of the CNN.
        sums: Sums that the linear layers of the CNN write per sample.
    """

    weights: int = 0
    neurons: int = 0
    potentials: int = 0
    values: int = 0
    sums: int = 0


def storage(graph: Graph, neurons: int, potentials: int) -> Storage:
    """Return what a chip holds of a graph with so many neurons and membrane potentials."""
    weighted = [node for node in graph.nodes if node.operation.weighted]
    sizes = {node.name: math.prod(node.shape) for node in graph.nodes}
    moved = (sizes[n.name] + sum(sizes[name] for name in n.inputs) for n in weighted)
    return Storage(
        weights=sum(array.size for node in weighted for array in node.arrays.values()),
        neurons=neurons,
        potentials=potentials,
        values=max(moved, default=0),
        sums=sum(sizes[node.name] for node in weighted),
    )
