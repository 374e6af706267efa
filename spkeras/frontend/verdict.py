"""What becomes of each layer in a rate-coded spiking network, before anything is converted."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.handlers.refusals import GRADED
from spkeras.frontend.walk import Visit, walk
from spkeras.graph import Graph, Node
from spkeras.graph.macs import macs

EXACT, APPROXIMATE, REFUSED = "exact", "approximate", "refused"

# Reasons, the weaker verdict behind the stronger one: of several nodes the last one counts.
_RANK = {EXACT: 0, APPROXIMATE: 1, REFUSED: 2}

_LINEAR = (EXACT, "linear: spikes pass through it as their sum")
_CURRENT = (EXACT, "the input is a constant current")
_IDLE = (EXACT, "nothing to do at inference")
_SCALE = (EXACT, "folded or live scale")
_NEURON = (EXACT, "integrate-and-fire neuron")
_LOGITS = (EXACT, "dropped, the SNN returns logits")
_READOUT = (EXACT, "read-out function, applied once to the decoded output")
_ACCUMULATED = (EXACT, "neuron on accumulated inputs")
_SIGNED = (
    APPROXIMATE,
    "needs signed spikes; the count follows the function to within half a level",
)
_GRADED = (REFUSED, GRADED)

_BY_OPERATION = {
    "input": _CURRENT,
    "scale": _SCALE,
    "max_pool": _ACCUMULATED,
    "global_max_pool": _ACCUMULATED,
    "maximum": _GRADED,
    "minimum": _GRADED,
    "multiply": _GRADED,
}

# Functions whose value depends on several inputs: no neuron of one input computes them.
_JOINT = frozenset({"softmax", "log_softmax", "sparsemax", "glu"})


@dataclass(frozen=True)
class LayerVerdict:
    """What becomes of one call of one layer.

    Attributes:
        name: The layer's name; with the names of the models around it, and @1, @2, ... for
            its second, third, ... call.
        kind: Keras class.
        verdict: "exact", "approximate" or "refused", for rate coding.
        reason: Why, in one sentence.
        shape: Output shape as Keras has it, without the batch axis.
        parameters: Number of weights of the layer.
        macs: Multiply-accumulates for one sample, counted by real fan-in.
    """

    name: str
    kind: str
    verdict: str
    reason: str
    shape: tuple[int | None, ...]
    parameters: int
    macs: int


def inspect_layers(model: keras.Model) -> tuple[LayerVerdict, ...]:
    """One verdict per layer call, in the order of computation; never raises for a layer.

    Args:
        model: The Keras model. One that cannot be read at all (subclassed, not built, open
            input shape) gives one refused verdict under its own name.
    """
    try:
        walked = walk(model)
    except UnsupportedLayerError as error:
        name, kind = getattr(model, "name", "model"), type(model).__name__
        return tuple(
            LayerVerdict(name, kind, REFUSED, problem, (), 0, 0) for problem in error.problems
        )
    counts = macs(walked.graph)
    return tuple(_verdict(visit, walked.graph, counts) for visit in walked.visits)


def _verdict(visit: Visit, graph: Graph, counts: dict[str, int]) -> LayerVerdict:
    verdict, reason = _judge(visit, graph)
    total = sum(counts[name] for name in visit.nodes)
    kind = type(visit.operation).__name__
    parameters = _parameters(visit.operation)
    return LayerVerdict(visit.name, kind, verdict, reason, visit.shape, parameters, total)


def _parameters(operation: Any) -> int:
    """Number of weights; operators have none."""
    return sum(math.prod(weight.shape) for weight in getattr(operation, "weights", ()))


def _judge(visit: Visit, graph: Graph) -> tuple[str, str]:
    if visit.problem:
        return REFUSED, visit.problem
    found = [_judge_node(graph[name], graph) for name in visit.nodes] or [_IDLE]
    telling = [pair for pair in found if pair is not _LINEAR] or found
    return max(telling, key=lambda pair: _RANK[pair[0]])


def _judge_node(node: Node, graph: Graph) -> tuple[str, str]:
    if node.op == "activation":
        return _judge_function(node, graph)
    return _BY_OPERATION.get(node.op, _LINEAR)


def _judge_function(node: Node, graph: Graph) -> tuple[str, str]:
    function = node["function"]
    behind = _functions_behind(node.name, graph)
    if behind is not None:
        dropped = function in ("softmax", "log_softmax") and not behind
        return _LOGITS if dropped else _READOUT
    if function in _JOINT:
        return _GRADED
    if function == "relu6" or (function == "relu" and not node["negative_slope"]):
        return _NEURON
    return _SIGNED


def _functions_behind(name: str, graph: Graph) -> int | None:
    """Number of activations between a node and the output it alone leads to; else None."""
    count = 0
    while True:
        readers = graph.consumers[name]
        if len(readers) + graph.outputs.count(name) != 1:
            return None
        if not readers:
            return count
        (reader,) = readers
        if reader.op not in ("activation", "reshape", "permute"):
            return None
        count += reader.op == "activation"
        name = reader.name
