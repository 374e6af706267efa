"""Spikes and operations of a run, layer by layer, next to the CNN's multiply-accumulates."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.macs import macs
from spkeras.graph.node import parameters_of
from spkeras.graph.synapses import constant_macs
from spkeras.metrics.membrane import potentials, running_steps, window_elements
from spkeras.metrics.storage import Storage, storage
from spkeras.metrics.synaptic import Synapses, by_size, synaptic_costs
from spkeras.trace import Trace

# Functions that additions and comparisons compute.
_COMPARING = ("linear", "relu", "relu6", "quantized_relu", "maximum", "minimum")


@dataclass(frozen=True)
class LayerActivity:
    """Spikes and operations of one layer of neurons, as means over the samples.

    Figures that depend on the size of graded spikes (accumulates, shift_adds, exponents) are
    estimates where the trace has the sizes of only some samples; the number of spikes is exact.

    Attributes:
        name: The layer's name.
        neurons: Number of neurons.
        spikes: Spikes per sample over the whole run (of either sign).
        spikes_per_neuron: The same per neuron.
        firing_rate: Spikes per neuron and time step.
        silent: Share of the neurons that fire on no sample.
        synaptic_operations: Synaptic operations (SOPs) per sample: the sum of the fan-outs of all
            spikes, where borders, strides and groups count. The cheaper of two ways through the
            linear layers up to the next neurons is taken; see `spkeras.graph.synapses`.
        accumulates: Plain additions at synapses per sample: of all spikes that are not graded,
            and of graded spikes of size 1.
        shift_adds: Additions of shifted weights per sample: for each synapse that a graded spike
            reaches, one for each bit that is set in it.
        exponents: Spikes per sample of size 2^-k, k = 0, 1, ...; empty where spikes are not
            graded.
        payload_bits: Bits per sample of the contents of spikes, without addresses: a sign for
            signed neurons; exponent and mantissa for graded spikes.
        function_evaluations: Evaluations per sample of neurons that compute more than sums and
            comparisons (a product, swish, a normalisation), or that weigh with the 1 / t of the
            differential code. One per neuron and step, until the sample settles.
        function_macs: Multiply-accumulates of these evaluations, per sample (matrix products of
            attention).
        synapses: Ways of its spikes: "direct" (at most one weighted layer), "composed" or
            "factored"; several names where they differ by region. "(at most)" marks numbers that
            are upper bounds.
        loop_macs: Multiply-accumulates in the loop per sample, of the later linear layers of
            factored synapses; an upper bound. A linear layer that several layers of neurons
            reach counts once, for the last of them.
        membrane_updates: Additions to membrane potentials per sample: potentials times the steps
            in which the layer runs. A pooling neuron has a potential for each element that it
            pools. A layer-synchronous layer runs T steps.
        comparisons: Comparisons of pooling neurons per sample: elements of each window in each
            of these steps.
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
    synapses: str = ""
    loop_macs: float = 0.0
    membrane_updates: float = 0.0
    comparisons: float = 0.0


@dataclass(frozen=True)
class Activity:
    """Spikes and operations of a run per sample, as sums over the layers unless noted.

    Attributes:
        layers: One entry per layer of neurons.
        spikes: Spikes per sample.
        spikes_per_neuron: Mean over all neurons, over the whole run.
        synaptic_operations: Synaptic operations (SOPs).
        input_macs: Multiply-accumulates on values that depend on the input without a neuron
            between. They count once per sample for a constant current and for a
            layer-synchronous run, and once per step for another input encoding.
        cnn_macs: Multiply-accumulates of the CNN.
        accumulates: Plain additions at synapses.
        shift_adds: Additions of shifted weights at synapses.
        exponents: Spikes by exponent.
        payload_bits: Bits of the contents of spikes, without addresses.
        function_evaluations: Evaluations of neurons that compute more than sums and comparisons.
        function_macs: Multiply-accumulates of these evaluations.
        steps: Mean number of steps of a sample: T, or fewer where samples settle before.
        loop_macs: Multiply-accumulates in the loop: of the later linear layers of factored
            synapses; an upper bound.
        membrane_updates: Additions to membrane potentials.
        comparisons: Comparisons of pooling neurons.
        courses: `synaptic_operations`, `loop_macs` and `membrane_updates` up to each step of the
            run, by name. Synaptic operations before the last step are estimated: each layer's
            mean fan-out times its spikes so far.
        storage: Sizes of the memories that the network and its CNN need.
        dense_once: Whether the multiply-accumulates at the input are computed once per sample.
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
    loop_macs: float = 0.0
    membrane_updates: float = 0.0
    comparisons: float = 0.0
    courses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    storage: Storage = Storage()
    dense_once: bool = True

    @property
    def additions(self) -> float:
        """Additions at synapses: one for each bit that is set in a spike."""
        return self.accumulates + self.shift_adds

    @property
    def macs(self) -> float:
        """All multiply-accumulates: at the input, in the loop and within neurons."""
        return self.input_macs + self.loop_macs + self.function_macs

    @property
    def per_cnn_mac(self) -> dict[str, float]:
        """Operations per multiply-accumulate of the CNN; empty for a CNN without any."""
        if not self.cnn_macs:
            return {}
        names = "synaptic_operations additions macs loop_macs membrane_updates comparisons".split()
        return {name: getattr(self, name) / self.cnn_macs for name in names}

    @property
    def neurobench(self) -> dict[str, float]:
        """Operations per sample under NeuroBench's names and definitions (its version 2.3).

        A spike of another size than one weight is a multiply-accumulate there, and "Dense" counts
        every synapse in every step. Two counts are of another kind: NeuroBench leaves out input
        values that are 0, and updates that leave a potential as it was.
        """
        once = self.input_macs if self.dense_once else 0
        return {
            "Effective_MACs": self.macs + (self.synaptic_operations if self.graded else 0.0),
            "Effective_ACs": 0.0 if self.graded else self.accumulates,
            "Dense": once + self.steps * (self.cnn_macs - once),
            "MembraneUpdates": self.membrane_updates,
        }

    @property
    def graded(self) -> bool:
        """Whether spikes have exponents."""
        return bool(self.exponents)


_SUMS = (
    "accumulates shift_adds payload_bits function_evaluations function_macs loop_macs "
    "membrane_updates comparisons".split()
)


def activity(graph: Graph, trace: Trace) -> Activity:
    """Count the spikes of a trace and their operations in a graph with neurons."""
    products, costs = macs(graph), synaptic_costs(graph, trace)
    steps = _steps(trace)
    layers = tuple(
        _layer(graph, graph[name], trace, products=products[name], cost=costs[name])
        for name in trace.spikes
    )
    total, neurons = (sum(getattr(layer, n) for layer in layers) for n in ("spikes", "neurons"))
    held = sum(potentials(graph, graph[layer.name]) for layer in layers)
    once = trace.input_encoding == "constant" or trace.schedule == "layer_synchronous"
    return Activity(
        layers=layers,
        spikes=total,
        spikes_per_neuron=total / max(neurons, 1),
        synaptic_operations=sum(layer.synaptic_operations for layer in layers),
        input_macs=constant_macs(graph) * (1 if once else trace.timesteps),
        cnn_macs=int(np.sum(list(products.values()), dtype=np.int64)),
        exponents=_added(layer.exponents for layer in layers),
        steps=steps,
        courses=_courses(graph, trace, costs),
        storage=storage(graph, neurons, held),
        dense_once=once,
        **{name: float(sum(getattr(layer, name) for layer in layers)) for name in _SUMS},
    )


def _layer(graph: Graph, node: Node, trace: Trace, products: int, cost: Synapses) -> LayerActivity:
    samples, spikes = max(trace.samples, 1), trace.spikes[node.name]
    total = float(spikes.sum()) / samples
    once = trace.schedule == "layer_synchronous"
    times = (1.0 if once else _steps(trace)) if _takes_more_than_sums(node) else 0.0
    running = running_steps(trace, node.name, trace.timesteps)
    return LayerActivity(
        name=node.name,
        neurons=spikes.size,
        spikes=total,
        spikes_per_neuron=total / spikes.size,
        firing_rate=total / spikes.size / trace.timesteps,
        silent=float((spikes == 0).mean()),
        synaptic_operations=cost.operations,
        accumulates=cost.accumulates,
        shift_adds=cost.shift_adds,
        exponents=tuple((by_size(node.name, trace)[2] / samples).tolist()),
        payload_bits=total * _payload(node),
        function_evaluations=times * spikes.size,
        function_macs=times * products,
        synapses=", ".join(cost.ways),
        loop_macs=cost.loop_macs,
        membrane_updates=running * potentials(graph, node),
        comparisons=running * window_elements(graph, node),
    )


def _courses(
    graph: Graph, trace: Trace, costs: Mapping[str, Synapses]
) -> dict[str, tuple[float, ...]]:
    """Return the operations of a run up to each of its steps, by name."""
    synaptic, loop, membrane = (np.zeros(len(trace.steps)) for _ in range(3))
    for name, cost in costs.items():
        spikes = trace.spikes[name].sum() / max(trace.samples, 1)
        synaptic += cost.operations / max(spikes, 1e-300) * trace.layer_spikes[name]
        loop += cost.loop_course
        running = [running_steps(trace, name, int(step)) for step in trace.steps]
        membrane += potentials(graph, graph[name]) * np.array(running)
    found = {"synaptic_operations": synaptic, "loop_macs": loop, "membrane_updates": membrane}
    return {name: tuple(course.tolist()) for name, course in found.items()}


def _payload(node: Node) -> int:
    """Return the bits of the contents of one spike, without its address."""
    if node.neuron.graded:
        return 1 + math.ceil(math.log2(node["levels"])) + int(node["mantissa_bits"])
    return int(node.neuron.signed)


def _takes_more_than_sums(node: Node) -> bool:
    if node["spike_code"] == "differential" or node["function"] not in _COMPARING:
        return True
    sloped = "negative_slope" in parameters_of(node["function"]) and node["negative_slope"]
    return bool(sloped)


def _steps(trace: Trace) -> float:
    """Return the mean number of steps of a sample, up to the first step in which no neuron fires."""
    if trace.settled is None or not trace.samples:
        return float(trace.timesteps)
    return float(np.minimum(trace.settled + 1, trace.timesteps).mean())


def _added(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the sums of the columns; missing values at the ends of rows are 0."""
    return tuple(float(sum(column)) for column in zip_longest(*rows, fillvalue=0.0))
