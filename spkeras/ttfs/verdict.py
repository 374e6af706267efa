"""Verdict on each layer of a CNN before a conversion into windows of spikes."""

import keras

from spkeras.frontend.verdict import (
    LINEAR,
    LOGITS,
    OPEN,
    REFUSED,
    SCALE,
    SUPPORTED,
    Judge,
    LayerVerdict,
    judged,
)
from spkeras.frontend.visits import Walk
from spkeras.graph import Node
from spkeras.graph.vocabulary import MAX_POOLS
from spkeras.ttfs.checks import is_coded, is_relu, uncoded, unrectified
from spkeras.ttfs.lower import folded, problems_of

_ENCODER = (SUPPORTED, "each value becomes a spike, the larger the earlier")
_FIRES = (SUPPORTED, "neuron that fires in the window of its layer; the time is the value")
_EARLIEST = (SUPPORTED, "passes on the earliest spike of each pool")


def inspect_windows(model: keras.Model) -> tuple[LayerVerdict, ...]:
    """Return one verdict per layer call for recipe `ttfs`, in the order of computation.

    A model with activations of a code is judged for kernel "trained", another one for kernels
    "exponential" and "exact", which convert networks of ReLUs.

    Args:
        model: The Keras model, as for `spkeras.inspect`.
    """
    return judged(model, _judge_of)


def _judge_of(walked: Walk) -> Judge:
    graph = walked.graph
    read = {name for visit in walked.visits for name in visit.nodes}
    coded = any(map(is_coded, graph.nodes))
    inputs = [node.name for node in graph.of("input") if node.name in read]
    problems = uncoded(graph) if coded else unrectified(graph, inputs)
    fires = is_coded if coded else is_relu
    # Names of nodes that folding adds or removes are those of no visit.
    problems = problems_of(folded(graph), fires) | problems

    def node_verdict(node: Node) -> tuple[str, str]:
        if node.name in problems:
            return REFUSED, problems[node.name]
        if node.op == "input":
            return _ENCODER
        if fires(node):
            return _FIRES
        if node.op in MAX_POOLS:
            return _EARLIEST
        if node.op == "scale":
            return SCALE
        return LINEAR if node.operation.linear else LOGITS

    return Judge(node=node_verdict, kind=lambda kind: OPEN)
