"""The scales of a network that was trained for spikes."""

from collections.abc import Mapping

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.stats import ActivationStats
from spkeras.passes.relays import is_relay
from spkeras.passes.scales import Scales

# Share of the values of a relay below its scale, in %.
_PERCENTILE = 99.9


def learned_scales(graph: Graph, stats: Mapping[str, ActivationStats]) -> Scales:
    """Return the largest value of each activation, which one spike in every step represents.

    With W' = W lambda_before / lambda and b' = b / lambda (`normalize`) this gives the networks
    of the papers, up to a common factor of a layer, which changes no spike. CQ: thresholds 1 and
    unchanged weights. Value ranges: weights times T / N, unchanged biases and thresholds T / N.
    QCFS: thresholds lambda and initial potentials lambda / 2.

    Args:
        graph: Graph with neurons.
        stats: Statistics of the inputs and relays.

    Returns:
        Scales by name, arrays of shape (). Neurons with a common addition keep their scales;
        where these differ, an identity synapse has a weight.

    Raises:
        UnsupportedLayerError: neurons whose activation has no bound; all at once.
    """
    problems = [
        f"{node.source or node.name}: {_what(node)} has no range; train the CNN for spikes first "
        "(spkeras.training.prepare, or `spkeras finetune`), or use recipe 'ecc'"
        for node in graph.of("neuron")
        if _bound(node) is None and not is_relay(node)
    ]
    if problems:
        raise UnsupportedLayerError(list(dict.fromkeys(problems)))
    scales = {
        node.name: np.float32(_bound(node) or _relayed(stats, node)) for node in graph.of("neuron")
    }
    for node in graph.of("input"):
        largest = float(stats[node.name].maximum.max())
        scales[node.name] = np.float32(largest if largest > 0 else 1.0)
    return {name: np.asarray(scale, np.float32) for name, scale in scales.items()}


def _relayed(stats: Mapping[str, ActivationStats], node: Node) -> float:
    """Return the scale of a relay, which training does not know."""
    merged = stats[node.name].merged()
    return float(merged.quantile(_PERCENTILE / 100)[0] or merged.maximum[0] or 1.0)


def _bound(node: Node) -> float | None:
    """Return the largest value of a neuron's function, without its sign; None if it has none."""
    if node["function"] == "quantized":
        return float(node["level"] * _levels(node))
    bound = node.attributes.get("max_value")
    return None if bound is None else float(bound)


def _levels(node: Node) -> int:
    return int(max(node["high"], -node["low"]))


def _what(node: Node) -> str:
    return "max pooling" if node["pool"] and node["function"] == "linear" else node["function"]


def trained_steps(graph: Graph) -> int | None:
    """Return T of the training of a network; None for one without trained levels.

    Args:
        graph: Graph from the frontend, or with neurons.
    """
    names = ("steps", "timesteps", "bits")
    steps = [node[name] for node in graph.nodes for name in names if node.attributes.get(name)]
    steps += [_levels(n) for n in graph.nodes if n.attributes.get("function") == "quantized"]
    return max(steps, default=None)
