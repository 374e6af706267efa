"""Spikes and operations of networks whose layers fire in windows."""

import numpy as np

from spkeras.graph import Graph
from spkeras.graph.macs import macs
from spkeras.metrics.activity import Activity, LayerActivity
from spkeras.metrics.storage import storage
from spkeras.ops.arrays import Float64Array
from spkeras.trace import Trace
from spkeras.ttfs.checks import is_coded, is_relu
from spkeras.ttfs.lower import plan_of
from spkeras.ttfs.plan import EARLIEST, READOUT, FirstSpikePlan


def window_activity(graph: Graph, trace: Trace) -> Activity:
    """Count the spikes of a trace and their operations.

    A synaptic operation adds a weight times the value of a spike, which is the same for all spikes
    of a step. Pools send on spikes that they receive: they count as synapses, not as neurons.

    Args:
        graph: Folded graph of the network.
        trace: Its spikes, by the names of the layers of its plan.
    """
    trained = graph.settings["kernel"] == "trained"
    plan = plan_of(graph, is_coded if trained else is_relu)
    reached = _operations(plan, trace)
    layers = tuple(
        _layer(name, spikes, max(trace.samples, 1), reached[name])
        for name, spikes in trace.spikes.items()
        if plan.by_name[name].kind != EARLIEST
    )
    total, neurons = (sum(getattr(layer, n) for layer in layers) for n in ("spikes", "neurons"))
    return Activity(
        layers=layers,
        spikes=total,
        spikes_per_neuron=total / max(neurons, 1),
        synaptic_operations=sum(layer.synaptic_operations for layer in layers),
        accumulates=sum(layer.accumulates for layer in layers),
        input_macs=0,
        cnn_macs=int(np.sum(list(macs(graph).values()), dtype=np.int64)),
        storage=storage(graph, neurons, neurons),
    )


def _layer(name: str, spikes: Float64Array, samples: int, operations: float) -> LayerActivity:
    total = float(spikes.sum()) / samples
    return LayerActivity(
        name=name,
        neurons=spikes.size,
        spikes=total,
        spikes_per_neuron=total / spikes.size,
        firing_rate=0.0,
        silent=float((spikes == 0).mean()),
        synaptic_operations=operations,
        accumulates=operations,
    )


def _operations(plan: FirstSpikePlan, trace: Trace) -> dict[str, float]:
    """Return the synaptic operations per sample of each layer of neurons, also through pools."""
    found = {layer.name: 0.0 for layer in plan.layers if layer.kind != READOUT}
    origins: dict[str, str] = {}
    for layer in plan.layers:
        if layer.kind == EARLIEST:
            source = layer.branches[0].source
            origins[layer.name] = origins.get(source, source)
            continue
        for branch in layer.branches:
            sender = plan.by_name[branch.source]
            spikes = trace.spikes[sender.name].reshape(sender.positions, -1).sum(1)
            reach = branch.reach(sender.positions).sum(1)
            channels = branch.kernel.shape[-1] / branch.groups
            origin = origins.get(sender.name, sender.name)
            found[origin] += float(spikes @ reach) * channels / max(trace.samples, 1)
    return found
