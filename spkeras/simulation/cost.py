"""Expected cost of a time step under each engine, from the graph of a network.

The constants are nanoseconds on one core of an AMD EPYC (Zen 5); only their ratios matter. They were
fitted to the nets of docs/benchmarks.md, whose order of engines they reproduce but for graded spikes
on DenseNet, whose concatenated sums they leave out.
"""

import math

from spkeras.graph import Graph, Node
from spkeras.graph.connections import synapses
from spkeras.ops.code import keeps_values

# Nanoseconds: an addition of events (16 at once), a multiply-accumulate of a dense pass, and a
# neuron's update under both; neurons of several or negative spikes are updated one by one by events.
_EVENT, _DENSE = 0.022, 0.036
_EVENT_NEURON, _EVENT_COUNTING, _DENSE_NEURON = 0.6, 8.0, 1.2
# Shares of neurons that send in a step: means over the stored nets.
_RATE, _SIGNED, _VALUES = 0.15, 0.25, 0.45


def costs(graph: Graph) -> tuple[float, float]:
    """Return the expected cost of a step of one sample in nanoseconds, of events and dense.

    Args:
        graph: Graph with neurons.
    """
    events = dense = 0.0
    for node in graph.nodes:
        if node.name not in graph.body:
            continue
        if node.op == "neuron":
            size = math.prod(node.shape)
            own = _EVENT_COUNTING if _counting(node) else _EVENT_NEURON
            events, dense = events + size * own, dense + size * _DENSE_NEURON
        elif "kernel" in node.arrays:
            connected = synapses(node, graph[node.inputs[0]].shape)
            events += connected * _EVENT * _activity(graph, node)
            dense += connected * _DENSE
    return events, dense


def _activity(graph: Graph, node: Node) -> float:
    """Return the share of the inputs of a node that events compute in a step."""
    if node.op == "depthwise_conv":
        return 1.0
    source = graph[node.inputs[0]]
    while source.op != "neuron" and len(source.inputs) == 1 and "kernel" not in source.arrays:
        source = graph[source.inputs[0]]
    if source.op != "neuron":
        return 1.0
    if keeps_values(source["spike_code"]) or source.neuron.graded:
        return _VALUES
    return _SIGNED if source.neuron.signed else _RATE


def _counting(node: Node) -> bool:
    """Return whether neurons send several or negative whole spikes in a step."""
    graded = keeps_values(node["spike_code"]) or node.neuron.graded
    return not node.is_plain and not graded


def preferred(graph: Graph) -> tuple[str, str]:
    """Return the engine of the lower expected cost, and a phrase that says why."""
    events, dense = costs(graph)
    ratio = events / max(dense, 1e-9)
    engine = "events" if ratio <= 1 else "dense"
    return engine, f"a step by events is expected to cost {ratio:.2f} dense steps"
