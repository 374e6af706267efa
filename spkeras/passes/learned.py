"""What a spike stands for in a network that was trained for spikes."""

from collections.abc import Mapping

import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.graph.stats import ActivationStats
from spkeras.passes.scales import Scales

# Attributes of a neuron's function that say how large its values become.
_BOUND = "max_value"


def learned_scales(graph: Graph, stats: Mapping[str, ActivationStats]) -> Scales:
    """The largest value of each activation: one spike a step, all the time, stands for it.

    With W' = W lambda_before / lambda and b' = b / lambda (`normalize`) this gives the papers'
    networks: thresholds 1 and plain weights for CQ; weights times T / N, biases as they are and
    thresholds T / N for value ranges; lambda, lambda / 2 in advance for QCFS; each up to a
    common factor of a layer, which changes no spike.

    Args:
        graph: With neurons.
        stats: Of the inputs alone.

    Returns:
        Arrays of shape (). Neurons whose spikes meet in an addition keep their own scales: an
        identity synapse then has a weight, where they differ.

    Raises:
        UnsupportedLayerError: neurons whose activation has no bound; all at once.
    """
    problems = [
        f"{node.source or node.name}: {_what(node)} has no range of its own; train the CNN for "
        "spikes first (spkeras.training.prepare, or `spkeras finetune`), or use recipe 'ecc'"
        for node in graph.of("neuron")
        if node.attributes.get(_BOUND) is None
    ]
    if problems:
        raise UnsupportedLayerError(list(dict.fromkeys(problems)))
    scales = {node.name: np.float32(node[_BOUND]) for node in graph.of("neuron")}
    for node in graph.of("input"):
        largest = float(stats[node.name].maximum.max())
        scales[node.name] = np.float32(largest if largest > 0 else 1.0)
    return {name: np.asarray(scale, np.float32) for name, scale in scales.items()}


def _what(node: Node) -> str:
    return "max pooling" if node["pool"] and node["function"] == "linear" else node["function"]


def trained_steps(graph: Graph) -> int | None:
    """T for which a network was trained; None for one without levels.

    Args:
        graph: As the frontend gives it, or with neurons.
    """
    steps = [node["steps"] for node in graph.nodes if node.attributes.get("steps")]
    return max(steps, default=None)
