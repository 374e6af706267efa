"""Verdict on each layer of a CNN before the conversion."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.handlers.dequantized import precision
from spkeras.frontend.unknown import KNOWN, OF_VALUES, UNKNOWN
from spkeras.frontend.visits import Visit, Walk
from spkeras.frontend.walk import walk
from spkeras.graph import Graph, Node
from spkeras.graph.macs import macs
from spkeras.graph.vocabulary import MAX_POOLS
from spkeras.keras_files.standins import StandIn
from spkeras.layers.uniform import UniformQuantizer
from spkeras.ops.properties import VALUES_REMEDY, jumps, needs_values
from spkeras.passes.readout import functions_at_the_end

# The rate of a supported layer approaches its function as T, or the levels of a spike, grow.
# A dense layer runs as multiply-accumulates on the values that its neurons have received.
SUPPORTED, DENSE, APPROXIMATE, REFUSED = "supported", "runs dense", "approximate", "refused"

# Reasons with the stronger verdict win; of equal ones the first node's.
_RANK = {SUPPORTED: 0, DENSE: 1, APPROXIMATE: 2, REFUSED: 3}

LINEAR = (SUPPORTED, "linear: spikes pass through it as their sum")
_CURRENT = (SUPPORTED, "the input is a constant current")
_ONCE = (SUPPORTED, "the input is given once, then its changes")
OPEN = (
    UNKNOWN,
    "the sizes of its inputs are unknown; inspect the model again without the refused layers",
)
_IDLE = (SUPPORTED, "nothing to do at inference")
_SENSOR = (SUPPORTED, "rounds the inputs, which arrive here as values, within half a level")
SCALE = (SUPPORTED, "scale: part of the weights where that is exact, else applied to the sum")
_NEURON = (SUPPORTED, "integrate-and-fire neuron")
LOGITS = (SUPPORTED, "the softmax is left out: the outputs are logits")
_READOUT = (SUPPORTED, "read-out function, applied once to the decoded output")
_ACCUMULATED = (SUPPORTED, "neuron on accumulated inputs")
_VALUES = (
    SUPPORTED,
    "neuron on accumulated values: follows the function to the resolution of its spikes",
)
_RECURRENT = (
    DENSE,
    "multiply-accumulates on accumulated values, for the whole sequence at each time step",
)
_JUMPS = (
    APPROXIMATE,
    "neuron on accumulated values; next to a jump of the function the resolution of its inputs "
    "decides",
)
_SIGNED = (
    APPROXIMATE,
    "needs signed spikes; the count follows the function to within half a level (the value "
    f"itself: {VALUES_REMEDY})",
)


@dataclass(frozen=True)
class LayerVerdict:
    """Verdict on one call of one layer.

    Attributes:
        name: The layer's name, with the names of the models around it, and @1, @2, ... for its
            second, third, ... call.
        kind: Name of the Keras class.
        verdict: "supported", "runs dense", "approximate" or "refused", for the given code; "unknown"
            after a layer that cannot be read.
        reason: Reason, in one sentence.
        shape: Output shape in Keras's order, without the batch axis.
        parameters: Number of weights of the layer; None if the layer cannot be read.
        macs: Multiply-accumulates for one sample, counted by actual fan-in; None if unknown.
    """

    name: str
    kind: str
    verdict: str
    reason: str
    shape: tuple[int | None, ...] = ()
    parameters: int | None = 0
    macs: int | None = 0


@dataclass(frozen=True)
class Judge:
    """What decides about the layers of a model: each result is a verdict and its reason.

    Attributes:
        node: Judges a node of the graph.
        kind: Judges a Keras class where the sizes of a layer are unknown.
    """

    node: Callable[[Node], tuple[str, str]]
    kind: Callable[[str], tuple[str, str]]


def inspect_layers(model: keras.Model, spike_code: str = "rate") -> tuple[LayerVerdict, ...]:
    """Return one verdict per layer call, in the order of computation; no layer raises.

    Args:
        model: The Keras model. One that cannot be read at all (subclassed, not built, open
            input shape) gives one refused verdict under its own name.
        spike_code: Code of the spikes: "rate" (recipe "ecc"), or "delta" (recipe "sigma_delta") or
            "differential", under which neurons hold values. See `spkeras.ops.code`.
    """
    return judged(model, lambda walked: _judge_of(walked.graph, spike_code))


def judged(model: keras.Model, judges: Callable[[Walk], Judge]) -> tuple[LayerVerdict, ...]:
    """Return one verdict per layer call, in the order of computation.

    Args:
        model: As for `inspect_layers`.
        judges: Function that returns the judge of a walked model's nodes.
    """
    try:
        walked = walk(model)
    except UnsupportedLayerError as error:
        name, kind = getattr(model, "name", "model"), type(model).__name__
        return tuple(
            LayerVerdict(name=name, kind=kind, verdict=REFUSED, reason=problem)
            for problem in error.problems
        )
    counts, judge = macs(walked.graph), judges(walked)
    return tuple(_verdict(visit, walked.graph, counts, judge) for visit in walked.visits)


def all_problems(walked: Walk, spike_code: str) -> tuple[str, ...]:
    """Return every problem of a model once, in its order: of reading, of conversion, of the code.

    Args:
        walked: The walked model.
        spike_code: Code of the spikes; see `inspect_layers`.
    """
    found = []
    judge = _judge_of(walked.graph, spike_code)
    for visit in walked.visits:
        verdict, reason = _judge(visit, walked.graph, judge)
        if verdict == REFUSED:
            found.append(visit.problem or f"{visit.name} ({visit.kind}): {reason}")
    return tuple(dict.fromkeys(found))


def _verdict(visit: Visit, graph: Graph, counts: dict[str, int], judge: Judge) -> LayerVerdict:
    verdict, reason = _judge(visit, graph, judge)
    mode = precision(visit.operation)
    if mode and verdict != REFUSED:
        reason += f"; {mode} weights read as numbers, inputs not rounded"
    return LayerVerdict(
        name=visit.name,
        kind=visit.kind,
        verdict=verdict,
        reason=reason,
        shape=visit.shape,
        parameters=_parameters(visit.operation),
        macs=sum(counts[name] for name in visit.nodes) if visit.sizes == KNOWN else None,
    )


def _parameters(operation: keras.Operation) -> int | None:
    """Return the number of weights; operators have none."""
    if isinstance(operation, StandIn):
        return None
    return sum(int(math.prod(weight.shape)) for weight in getattr(operation, "weights", ()))


def _judge(visit: Visit, graph: Graph, judge: Judge) -> tuple[str, str]:
    if visit.problem:
        return REFUSED, visit.problem
    if visit.sizes == UNKNOWN:
        return judge.kind(visit.kind)
    without = _SENSOR if isinstance(visit.operation, UniformQuantizer) else _IDLE
    found = [judge.node(graph[name]) for name in visit.nodes] or [without]
    telling = [pair for pair in found if pair is not LINEAR] or found
    return max(telling, key=lambda pair: _RANK[pair[0]])


def _judge_of(graph: Graph, spike_code: str) -> Judge:
    rate = spike_code == "rate"

    def kind(name: str) -> tuple[str, str]:
        what = needs_values(OF_VALUES.get(name, ""))
        return _refused(what) if what and rate else OPEN

    return Judge(node=lambda node: _judge_node(node, graph, rate), kind=kind)


def _judge_node(node: Node, graph: Graph, rate: bool) -> tuple[str, str]:
    if node.op == "input":
        return _CURRENT if rate else _ONCE
    if node.op == "scale":
        return SCALE
    if node.operation.linear:
        return LINEAR
    function = node.attributes.get("function", "")
    for output in graph.outputs:
        closing = functions_at_the_end(graph, output)
        if node in closing:
            dropped = function in ("softmax", "log_softmax") and node is closing[0]
            return LOGITS if dropped else _READOUT
    return _judge_rate(node, function) if rate else _judge_values(node, function)


def _judge_rate(node: Node, function: str) -> tuple[str, str]:
    """Return the verdict on a function inside the network, of running means of spikes."""
    what = needs_values(node.op, function)
    if what:
        return _refused(what)
    if node.op in MAX_POOLS:
        return _ACCUMULATED
    if function in ("relu6", "quantized_relu") or (
        function == "relu" and not node["negative_slope"]
    ):
        return _NEURON
    return _SIGNED


def _refused(what: str) -> tuple[str, str]:
    return REFUSED, f"{what}, which needs values and not rates; {VALUES_REMEDY}"


def _judge_values(node: Node, function: str) -> tuple[str, str]:
    """Return the verdict on a function of values, which the spikes of its inputs add up to."""
    if function == "recurrent":
        return _RECURRENT
    return _JUMPS if jumps(function, node.attributes) else _VALUES
