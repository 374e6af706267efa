"""Operations at the synapses of a run, by the cheaper of two ways through each region.

Additions are exact for all spikes, including those that a layer receives before it starts, which
hardware may omit. Multiply-accumulates in the loop are an upper bound: a trace has the number of
spikes of each layer in each step, without the sums that they change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spkeras.graph import Graph
from spkeras.graph.reach import Fan
from spkeras.graph.synapses import LaterLayer, Region, regions
from spkeras.ops.arrays import Float64Array
from spkeras.trace import Trace

DIRECT, COMPOSED, FACTORED = "direct", "composed", "factored"


@dataclass
class Synapses:
    """Operations at synapses that the spikes of one layer cause, per sample.

    Attributes:
        loop_course: Multiply-accumulates in the loop up to each of the trace's steps, of the
            linear layers for which it is the last source.
        ways: Names of the ways through the regions that its spikes enter.
        operations: Synaptic operations.
        accumulates: Plain additions.
        shift_adds: Additions of shifted weights.
        loop_macs: Multiply-accumulates in the loop over the whole run.
    """

    loop_course: Float64Array
    ways: list[str] = field(default_factory=list)
    operations: float = 0.0
    accumulates: float = 0.0
    shift_adds: float = 0.0
    loop_macs: float = 0.0


@dataclass(frozen=True, eq=False)
class Sent:
    """The spikes of one layer, per sample.

    Attributes:
        spikes: Spikes of each neuron.
        plain: Plain additions of each neuron at one synapse.
        shifted: Additions of shifted weights of each neuron at one synapse.
        course: Spikes of the whole layer in each step.
    """

    spikes: Float64Array
    plain: Float64Array
    shifted: Float64Array
    course: Float64Array


def synaptic_costs(graph: Graph, trace: Trace) -> dict[str, Synapses]:
    """Return the operations at synapses of each layer's spikes in a trace, by name."""
    sent = {name: _sent(name, trace) for name in trace.spikes}
    costs = {name: Synapses(np.zeros(len(trace.steps))) for name in sent}
    for region in regions(graph, tuple(sent)):
        _add_region(region, sent, costs, trace)
    return costs


def _sent(name: str, trace: Trace) -> Sent:
    spikes, samples = trace.spikes[name], max(trace.samples, 1)
    plain, shifted, _ = by_size(name, trace)
    course = trace.layer_spikes[name]
    if trace.schedule == "clock_driven":
        course = np.diff(course, prepend=0.0)
    return Sent(spikes / samples, plain / samples, shifted / samples, course)


def by_size(name: str, trace: Trace) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return plain and shifted additions of each neuron at one synapse, and spikes by exponent.

    These are sums over all samples. Where only the sizes of some samples' spikes are known, they
    are scaled to the number of all spikes.
    """
    spikes, exponents = trace.spikes[name], trace.exponents.get(name)
    if exponents is None:
        return spikes, np.zeros_like(spikes), np.zeros(0)
    share = float(spikes.sum()) / max(float(exponents.sum()), 1.0)
    plain, bits = trace.unit_spikes[name], trace.bits[name]
    # A spike of size 1 has one bit set: nothing is shifted.
    return share * plain, share * (bits - plain), share * exponents


def _add_region(
    region: Region, sent: Mapping[str, Sent], costs: Mapping[str, Synapses], trace: Trace
) -> None:
    loops = {layer.name: _loop(layer, sent, trace) for layer in region.later}
    totals = [
        sum(
            float(((sent[name].plain + sent[name].shifted) * fan.array()).sum())
            for name, fan in fans.items()
        )
        for fans in (region.composed, region.factored)
    ]
    totals[1] += sum(float(course[-1]) for course in loops.values())
    factored = totals[1] < totals[0]
    chosen = region.factored if factored else region.composed
    for name, fan in chosen.items():
        _add_spikes(sent[name], fan.array(), costs[name])
        way = (FACTORED if factored else COMPOSED) if _differ(region) else DIRECT
        way = way if fan.exact else f"{way} (at most)"
        if way not in costs[name].ways:
            costs[name].ways.append(way)
    for layer in region.later if factored else ():
        last = costs[list(layer.caused)[-1]]
        last.loop_course = last.loop_course + loops[layer.name]
        last.loop_macs = float(last.loop_course[-1])


def _differ(region: Region) -> bool:
    """Return whether the two ways through a region differ."""
    if region.later:
        return True
    pairs = ((fan, region.factored[name]) for name, fan in region.composed.items())
    return any(not _equal(composed, factored) for composed, factored in pairs)


def _equal(one: Fan, other: Fan) -> bool:
    return one is other or bool((one.array() == other.array()).all())


def _add_spikes(sent: Sent, fan: Float64Array, cost: Synapses) -> None:
    cost.operations += float((sent.spikes * fan).sum())
    cost.accumulates += float((sent.plain * fan).sum())
    cost.shift_adds += float((sent.shifted * fan).sum())


def _loop(layer: LaterLayer, sent: Mapping[str, Sent], trace: Trace) -> Float64Array:
    """Return upper bounds of a later layer's multiply-accumulates up to each of the trace's steps.

    There are three bounds. In each step: all multiply-accumulates of the layer, and those of the
    step's spikes if each changes different sums and has the largest fan-out. Over the run: those
    of the neurons' spikes one by one. Means over samples keep these bounds. A layer-synchronous
    run sums a whole window first and computes the layer once.
    """
    steps, caused = np.zeros(len(trace.steps)), 0.0
    for name, fan in layer.caused.items():
        numbers = fan.array()
        steps = steps + sent[name].course * numbers.max()
        caused += float((sent[name].spikes * numbers).sum())
    steps = np.minimum(steps, layer.dense)
    if trace.schedule != "clock_driven":
        return _at_most(steps, caused)
    start = min((trace.starts.get(name, 0) for name in layer.targets), default=0)
    return _at_most(np.where(trace.steps > start, steps, 0.0).cumsum(), caused)


def _at_most(course: Float64Array, total: float) -> Float64Array:
    return np.minimum(course, total)
