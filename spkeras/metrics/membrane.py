"""Membrane potentials of a layer of neurons: how many there are, and in how many steps they run."""

import math

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.windows import pool_taps
from spkeras.trace import Trace


def potentials(graph: Graph, node: Node) -> int:
    """Return the number of membrane potentials of a layer: one per element of each input.

    A pooling neuron keeps what each element of its window has received, and a neuron of several
    inputs one sum for each.
    """
    return sum(math.prod(graph[name].shape) for name in node.inputs)


def window_elements(graph: Graph, node: Node) -> int:
    """Return the elements of all pooling windows of a layer, borders left out; 0 without any."""
    pool = node["pool"]
    if pool is None:
        return 0
    shape = graph[node.inputs[0]].shape
    if "pool_size" not in pool:
        return math.prod(shape)
    return shape[-1] * math.prod(int(matrix.sum()) for matrix in pool_taps(pool, shape, node.shape))


def running_steps(trace: Trace, name: str, steps: int) -> float:
    """Return in how many of the first steps of a run a layer updates its potentials.

    From its start on, until its sample settles: the step after the last spike is the first in
    which no neuron fires. Mean over the samples. A layer-synchronous layer runs through a whole
    window.
    """
    start = trace.starts.get(name, 0)
    if trace.settled is None or not trace.samples:
        return float(max(steps - start, 0))
    return float(np.maximum(np.minimum(trace.settled + 1, steps) - start, 0).mean())
