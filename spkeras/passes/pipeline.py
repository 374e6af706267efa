"""Run the passes in order: from the frontend's graph to one with neurons and thresholds."""

from collections.abc import Callable, Mapping

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.stats import ActivationStats
from spkeras.ops.arrays import Float32Array
from spkeras.passes.coder import Coder
from spkeras.passes.fitted import Moments
from spkeras.passes.fold import fold_scales
from spkeras.passes.learned import learned_scales
from spkeras.passes.normalize import normalize
from spkeras.passes.pooling import separate_poolings
from spkeras.passes.quantize import quantize_weights
from spkeras.passes.readout import attach_readouts, read_from_spikes, with_whole_outputs
from spkeras.passes.relays import place_relays
from spkeras.passes.scales import Fit, Scales, choose_scales
from spkeras.passes.thresholds import fit
from spkeras.recipes import Conversion

# Number of time steps in which each layer of neurons may fire, by its name.
Windows = Mapping[str, int]


def fold(graph: Graph) -> Graph:
    """Attach read-outs and fold scales into weights, the first passes of every conversion.

    The graph then has linear nodes, activations, pooling and read-outs; its function is the CNN's.
    """
    return fold_scales(attach_readouts(graph))


def prepare(graph: Graph, conversion: Conversion) -> Graph:
    """Run the passes that need no data.

    The graph then has linear nodes, activations, pooling and read-outs; its function is the CNN's.
    """
    graph = attach_readouts(graph)
    if conversion.pooling_neurons:
        graph = separate_poolings(graph)
    graph = fold_scales(graph)
    if conversion.relays:
        graph = place_relays(graph)
    spiking = conversion.readout == "spikes"
    return read_from_spikes(graph, conversion.neuron) if spiking else graph


def finish(
    graph: Graph,
    stats: Mapping[str, ActivationStats],
    conversion: Conversion,
    windows: Windows,
    moments: Callable[[Graph], Moments] | None = None,
) -> Graph:
    """Choose scales, normalise currents, round weights.

    Args:
        graph: From `place_neurons`.
        stats: Statistics of its inputs and neurons.
        conversion: Settings chosen for T.
        windows: Number of time steps in which each layer of neurons may fire; thresholds are
            fitted to them.
        moments: Function from the graph with real weights to the mean products of the inputs of its
            kernels, to which weights of n bits are fitted; None rounds them to the nearest.
    """
    scales = _scales(graph, stats, conversion, windows)
    raised = 2.0**conversion.levels_above_scale
    neurons = {node.name for node in graph.of("neuron")}
    scales = {n: np.float32(raised) * s if n in neurons else s for n, s in scales.items()}
    graph = normalize(graph, scales)
    if conversion.readout == "spikes":
        graph = graph.keeping(with_whole_outputs(graph))
    if conversion.weight_bits is not None and not conversion.whole:
        found = None if moments is None else moments(graph)
        graph = quantize_weights(graph, conversion.weight_bits, found)
    return graph


def _scales(
    graph: Graph, stats: Mapping[str, ActivationStats], conversion: Conversion, windows: Windows
) -> Scales:
    """Return the value of one spike of each input and neuron."""
    if conversion.learned:
        return learned_scales(graph, stats)
    search = None if conversion.thresholds == "percentile" else _fit(conversion, windows)
    return choose_scales(
        graph,
        stats,
        conversion.percentile,
        conversion.per_channel,
        fit=search,
        levels_above_scale=conversion.levels_above_scale,
    )


def _fit(conversion: Conversion, windows: Windows) -> Fit:
    """Return a function that fits thresholds to the values that spikes can carry."""

    def search(node: Node, stats: ActivationStats, start: Float32Array) -> Float32Array:
        initial_potential = conversion.initial_potential
        coder = Coder(
            timesteps=windows[node.name],
            graded=node.neuron.graded,
            rate=node["spike_code"] == "rate",
            initial_potential=0.5 if initial_potential is None else initial_potential,
            max_spikes_per_step=node["max_spikes_per_step"],
            levels=node["levels"] - conversion.levels_above_scale,
            mantissa_bits=node["mantissa_bits"],
        )
        return fit(conversion.thresholds, stats, start, coder)

    return search
