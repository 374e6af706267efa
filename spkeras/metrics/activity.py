"""Spikes and operations of a run, layer by layer, next to the CNN's multiply-accumulates."""

from dataclasses import dataclass

import numpy as np

from spkeras.graph import Graph
from spkeras.graph.macs import fan_out, macs
from spkeras.trace import Trace


@dataclass(frozen=True)
class LayerActivity:
    """What one layer of neurons did, on average over the samples.

    Attributes:
        name: The layer's name.
        neurons: Number of neurons.
        spikes: Spikes per sample over the whole run (of either sign).
        spikes_per_neuron: The same per neuron.
        firing_rate: Spikes per neuron and time step.
        silent: Share of the neurons that never fired on any sample.
        synaptic_operations: Additions at synapses per sample: each spike times the synapses
            it really reaches (borders, strides and groups counted).
    """

    name: str
    neurons: int
    spikes: float
    spikes_per_neuron: float
    firing_rate: float
    silent: float
    synaptic_operations: float


@dataclass(frozen=True)
class Activity:
    """Spikes and operations of a run per sample.

    Attributes:
        layers: One entry per layer of neurons.
        spikes: Spikes per sample.
        spikes_per_neuron: Mean over all neurons, over the whole run.
        synaptic_operations: Additions that spikes cause, per sample.
        input_macs: Multiply-accumulates of the layers that read the input before any neuron
            does. Under a constant current they are needed once per sample, not once per step.
        cnn_macs: Multiply-accumulates of the CNN.
    """

    layers: tuple[LayerActivity, ...]
    spikes: float
    spikes_per_neuron: float
    synaptic_operations: float
    input_macs: int
    cnn_macs: int


def activity(graph: Graph, trace: Trace) -> Activity:
    """Count the spikes of a trace and what they cause in a graph with neurons."""
    samples = max(trace.samples, 1)
    layers = []
    for name, spikes in trace.spikes.items():
        total = float(spikes.sum()) / samples
        layers.append(
            LayerActivity(
                name,
                spikes.size,
                total,
                total / spikes.size,
                total / spikes.size / trace.timesteps,
                float((spikes == 0).mean()),
                float((spikes * fan_out(graph, name)).sum()) / samples,
            )
        )
    neurons = sum(layer.neurons for layer in layers)
    total = sum(layer.spikes for layer in layers)
    products = macs(graph)
    early = _before_neurons(graph)
    return Activity(
        tuple(layers),
        total,
        total / max(neurons, 1),
        sum(layer.synaptic_operations for layer in layers),
        int(sum(count for name, count in products.items() if name in early)),
        int(np.sum(list(products.values()), dtype=np.int64)),
    )


def _before_neurons(graph: Graph) -> set[str]:
    early: set[str] = set()
    for node in graph.nodes:
        if node.op != "neuron" and all(name in early for name in node.inputs):
            early.add(node.name)
    return early
