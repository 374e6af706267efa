"""Expected cost of a time step under each engine, from the graph of a network.

The constants are nanoseconds on one core of an AMD EPYC (Zen 5); only their ratios matter. They are
a least-squares fit to the times of ResNet20, VGG16, MobileNetV2 and DenseNet for CIFAR-10 under
binary, signed, burst and graded neurons, whose faster engine they name in all 16 cases.
"""

import math

from spkeras.graph import Graph, Node
from spkeras.graph.connections import synapses
from spkeras.ops.code import keeps_values

# Nanoseconds by events: an addition of a spike, a multiply-accumulate of a depthwise window or of a
# convolution of sums, a spike that moves; under dense steps: a multiply-accumulate, a number of
# another node, and the call of a node for a batch of 100, as a share of a sample.
_EVENT, _WHOLE, _MOVE = 0.026, 0.010, 9.8
_DENSE, _ELEMENT, _CALL = 0.018, 0.8, 150.0
# A neuron's update by events and dense: binary; several or negative spikes; graded or kept values.
_NEURON = {"binary": (0.73, 1.8), "counting": (1.5, 2.4), "valued": (3.3, 6.4)}
# Shares of neurons that send in a step: means over the stored nets.
_RATE, _SIGNED, _VALUES = 0.15, 0.25, 0.45
# Nodes that move spikes to other positions.
_MOVES = ("average_pool", "concatenate", "crop", "pad", "permute", "reshape", "upsample")


def costs(graph: Graph) -> tuple[float, float]:
    """Return the expected cost of a step of one sample in nanoseconds, of events and dense.

    Args:
        graph: Graph with neurons.
    """
    events = dense = 0.0
    for node in graph.nodes:
        if node.name not in graph.body:
            continue
        size = math.prod(node.shape)
        dense += _CALL
        if node.op == "neuron":
            own = _NEURON[_kind(node)]
            events, dense = events + size * own[0], dense + size * own[1]
        elif "kernel" in node.arrays:
            connected = synapses(node, graph[node.inputs[0]].shape)
            share = None if node.op == "depthwise_conv" else _activity(graph, node.inputs[0])
            events += connected * (_WHOLE if share is None else _EVENT * share)
            dense += connected * _DENSE
        else:
            events += _MOVE * _moved(graph, node) if node.op in _MOVES else 0.0
            dense += size * _ELEMENT
    return events, dense


def _moved(graph: Graph, node: Node) -> float:
    """Return the number of spikes, or of sums, that a node moves in a step."""
    shares = ((name, _activity(graph, name)) for name in node.inputs)
    return sum(
        math.prod(graph[name].shape) * (1.0 if share is None else share) for name, share in shares
    )


def _activity(graph: Graph, name: str) -> float | None:
    """Return the share of a node's values that are sent in a step; None for sums, all of them."""
    node = graph[name]
    if node.op == "neuron":
        if _kind(node) == "valued":
            return _VALUES
        return _SIGNED if node.neuron.signed else _RATE
    if node.op not in _MOVES:
        return None
    shares = [_activity(graph, source) for source in node.inputs]
    return None if None in shares else max(share for share in shares if share is not None)


def _kind(node: Node) -> str:
    if keeps_values(node["spike_code"]) or node.neuron.graded:
        return "valued"
    return "binary" if node.is_plain else "counting"


def preferred(graph: Graph) -> tuple[str, str]:
    """Return the engine of the lower expected cost, and a phrase that says why."""
    events, dense = costs(graph)
    ratio = events / max(dense, 1e-9)
    engine = "events" if ratio <= 1 else "dense"
    return engine, f"a step by events is expected to cost {ratio:.2f} dense steps"
