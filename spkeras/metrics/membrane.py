"""Membrane potentials of a layer of neurons: their number, and the steps that update them."""

import math

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.windows import NOWHERE, pool_tables
from spkeras.trace import Trace


def potentials(graph: Graph, node: Node) -> int:
    """Return the number of membrane potentials of a layer: one per element of each input.

    A pooling neuron has one sum for each element of its window, and a neuron of several inputs
    one for each input.
    """
    return sum(math.prod(graph[name].shape) for name in node.inputs)


def window_elements(graph: Graph, node: Node) -> int:
    """Return the number of elements in all pooling windows of a layer, without padding."""
    pool = node["pool"]
    if pool is None:
        return 0
    shape = graph[node.inputs[0]].shape
    tables = pool_tables(pool, shape, node.shape)
    return shape[-1] * math.prod(int((table != NOWHERE).sum()) for table in tables)


def running_steps(trace: Trace, name: str, steps: int) -> float:
    """Return the number of the first `steps` steps in which a layer updates its potentials.

    These are the steps from its start until the sample settles, up to the first step in which no
    neuron fires; the result is the mean over the samples. A layer-synchronous layer runs for a
    whole window.
    """
    start = trace.starts.get(name, 0)
    if trace.settled is None or not trace.samples:
        return float(max(steps - start, 0))
    return float(np.maximum(np.minimum(trace.settled + 1, steps) - start, 0).mean())
