"""Spikes and operations of a run, layer by layer, next to the CNN's multiply-accumulates."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.macs import fan_out, macs
from spkeras.graph.node import parameters_of
from spkeras.ops.names import GRADED
from spkeras.trace import Trace

# What additions and comparisons compute.
_COMPARING = ("linear", "relu", "relu6", "quantized_relu", "maximum", "minimum")


@dataclass(frozen=True)
class LayerActivity:
    """What one layer of neurons did, on average over the samples.

    What the size of graded spikes decides (accumulates, shift_adds, exponents) is estimated
    where the trace has looked at the size in some of the samples only; their number is exact.

    Attributes:
        name: The layer's name.
        neurons: Number of neurons.
        spikes: Spikes per sample over the whole run (of either sign).
        spikes_per_neuron: The same per neuron.
        firing_rate: Spikes per neuron and time step.
        silent: Share of the neurons that never fired on any sample.
        synaptic_operations: Events at synapses per sample: each spike times the synapses
            it really reaches (borders, strides and groups counted).
        accumulates: Plain additions at synapses per sample: all of a one-bit spike's, and
            those of a graded spike of size 1.
        shift_adds: Additions of shifted weights per sample: one for each bit that is set in a
            graded spike, at every synapse that it reaches.
        exponents: Spikes per sample of size 2^-k, k = 0, 1, ...; empty where spikes are not
            graded.
        payload_bits: Bits per sample that spikes carry beside their address: a sign where a
            neuron has one, and for graded spikes exponent and mantissa.
        function_evaluations: Per sample, how often a neuron computes more than sums and
            comparisons: a product, swish, a normalisation; or the weight 1 / t of the
            differential code. At each step in turn until the sample settles.
        function_macs: Multiply-accumulates within them, per sample (matrix products of
            attention).
    """

    name: str
    neurons: int
    spikes: float
    spikes_per_neuron: float
    firing_rate: float
    silent: float
    synaptic_operations: float
    accumulates: float = 0.0
    shift_adds: float = 0.0
    exponents: tuple[float, ...] = ()
    payload_bits: float = 0.0
    function_evaluations: float = 0.0
    function_macs: float = 0.0


@dataclass(frozen=True)
class Activity:
    """Spikes and operations of a run per sample; sums over the layers unless said otherwise.

    Attributes:
        layers: One entry per layer of neurons.
        spikes: Spikes per sample.
        spikes_per_neuron: Mean over all neurons, over the whole run.
        synaptic_operations: Events at synapses, per sample.
        input_macs: Multiply-accumulates of the layers that read the input before any neuron
            does. Under a constant current they are needed once per sample, not once per step.
        cnn_macs: Multiply-accumulates of the CNN.
        accumulates: Plain additions at synapses.
        shift_adds: Additions of shifted weights at synapses.
        exponents: Spikes by exponent.
        payload_bits: Bits that spikes carry beside their address.
        function_evaluations: How often neurons compute more than sums and comparisons.
        function_macs: Multiply-accumulates within them.
        steps: Steps that a sample takes: T, or fewer where samples settle before.
    """

    layers: tuple[LayerActivity, ...]
    spikes: float
    spikes_per_neuron: float
    synaptic_operations: float
    input_macs: int
    cnn_macs: int
    accumulates: float = 0.0
    shift_adds: float = 0.0
    exponents: tuple[float, ...] = ()
    payload_bits: float = 0.0
    function_evaluations: float = 0.0
    function_macs: float = 0.0
    steps: float = 0.0

    @property
    def graded(self) -> bool:
        """Whether spikes carry exponents."""
        return bool(self.exponents)


_SUMS = ("accumulates", "shift_adds", "payload_bits", "function_evaluations", "function_macs")


def activity(graph: Graph, trace: Trace) -> Activity:
    """Count the spikes of a trace and what they cause in a graph with neurons."""
    products = macs(graph)
    steps = _steps(trace)
    evaluations = 1.0 if trace.schedule == "layer_synchronous" else steps
    layers = tuple(
        _layer(graph, graph[name], trace, evaluations, products[name]) for name in trace.spikes
    )
    total = sum(layer.spikes for layer in layers)
    early = _before_neurons(graph)
    return Activity(
        layers,
        total,
        total / max(sum(layer.neurons for layer in layers), 1),
        sum(layer.synaptic_operations for layer in layers),
        int(sum(count for name, count in products.items() if name in early)),
        int(np.sum(list(products.values()), dtype=np.int64)),
        exponents=_added(layer.exponents for layer in layers),
        steps=steps,
        **{name: float(sum(getattr(layer, name) for layer in layers)) for name in _SUMS},
    )


def _layer(
    graph: Graph, node: Node, trace: Trace, evaluations: float, products: int
) -> LayerActivity:
    samples = max(trace.samples, 1)
    spikes, reach = trace.spikes[node.name], fan_out(graph, node.name)
    total = float(spikes.sum()) / samples
    plain, shifted, exponents = _by_size(node.name, trace, spikes)
    times = evaluations if _takes_more_than_sums(node) else 0.0
    return LayerActivity(
        node.name,
        spikes.size,
        total,
        total / spikes.size,
        total / spikes.size / trace.timesteps,
        float((spikes == 0).mean()),
        float((spikes * reach).sum()) / samples,
        float((plain * reach).sum()) / samples,
        float((shifted * reach).sum()) / samples,
        tuple((exponents / samples).tolist()),
        total * _payload(node),
        times * spikes.size,
        times * products,
    )


def _by_size(
    name: str, trace: Trace, spikes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Plain and shifted additions of each neuron at one synapse, and spikes by exponent."""
    exponents = trace.exponents.get(name)
    if exponents is None:
        return spikes, np.zeros_like(spikes), np.zeros(0)
    # To the number of spikes that there were, where only some were looked at.
    share = float(spikes.sum()) / max(float(exponents.sum()), 1.0)
    plain, bits = trace.unit_spikes[name], trace.bits[name]
    # A spike of size 1 has one bit set: nothing is shifted.
    return share * plain, share * (bits - plain), share * exponents


def _payload(node: Node) -> int:
    """Bits of one spike beside its address."""
    if node["model"] in GRADED:
        return 1 + math.ceil(math.log2(node["levels"])) + int(node["mantissa_bits"])
    return int("signed" in node["model"])


def _takes_more_than_sums(node: Node) -> bool:
    if node["code"] == "differential" or node["function"] not in _COMPARING:
        return True
    sloped = "negative_slope" in parameters_of(node["function"]) and node["negative_slope"]
    return bool(sloped)


def _steps(trace: Trace) -> float:
    """Steps of a sample: the one after its last spike is the first in which nobody sends."""
    if trace.settled is None or not trace.samples:
        return float(trace.timesteps)
    return float(np.minimum(trace.settled + 1, trace.timesteps).mean())


def _added(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    """Sums of the columns; rows may end early."""
    return tuple(float(sum(column)) for column in zip_longest(*rows, fillvalue=0.0))


def _before_neurons(graph: Graph) -> set[str]:
    early: set[str] = set()
    for node in graph.nodes:
        if node.op != "neuron" and all(name in early for name in node.inputs):
            early.add(node.name)
    return early
