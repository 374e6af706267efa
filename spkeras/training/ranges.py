"""The activations of a twin, and the range of each."""

from collections.abc import Mapping

import numpy as np

from spkeras.calibration.statistics import calibrate
from spkeras.data import Source
from spkeras.data.source import inputs
from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Graph, Node
from spkeras.ops.progress import Progress
from spkeras.ops.properties import needs_values
from spkeras.passes.scales import join_scales
from spkeras.snn.ann import ann

Units = Mapping[str, float]
_RECTIFIERS = ("relu", "relu6", "quantized_relu", "ttfs", "phase", "burst")


def refuse_activations(graph: Graph) -> None:
    """Refuse activations inside the network other than ReLU."""
    problems = []
    for node in graph.nodes:
        if node.name in graph.head:
            continue
        if node.op in ("function", "multiply", "maximum", "minimum"):
            what = needs_values(node.op, node.attributes.get("function", ""))
            problems.append(
                f"{node.source}: {what}, which rate-coded spikes cannot compute; convert the CNN "
                "without this training: recipe='sigma_delta'"
            )
        elif node.op == "activation" and (
            node["function"] not in _RECTIFIERS
            or node.attributes.get("negative_slope")
            or node.attributes.get("threshold")
        ):
            problems.append(
                f"{node.source}: activation {node['function']!r}; allowed: ReLU and ReLU6; train "
                "the CNN with one of them"
            )
    if problems:
        raise UnsupportedLayerError(list(dict.fromkeys(problems)))


def places_of(graph: Graph, pooling_neurons: bool) -> dict[str, Node]:
    """Return the nodes that get new activations, by name."""
    kinds = ("activation", "average_pool") if pooling_neurons else ("activation",)
    return {node.name: node for node in graph.of(*kinds) if node.name not in graph.head}


def units_of(
    graph: Graph,
    places: Mapping[str, Node],
    source: Source | None,
    *,
    percentile: float,
    batch_size: int,
    progress: Progress,
) -> Units:
    """Return the range of each layer's activations, by the layer's path."""
    bounds = {name: node.attributes.get("max_value") for name, node in places.items()}
    if source is None or not places:
        return {node.source: 1.0 for node in places.values()}
    names, given = list(places), source
    stats = calibrate(
        ann(graph, names),
        names,
        inputs(given, batch_size),
        lambda done: progress(done, given.expected),
    )
    scales = {}
    for name in names:
        merged = stats[name].merged()
        reach = float(
            merged.maximum[0] if percentile == 100 else merged.quantile(percentile / 100)[0]
        )
        reach = reach if reach > 0 else float(merged.maximum[0]) or 1.0
        bound = bounds[name]
        scales[name] = np.asarray(reach if bound is None else min(reach, bound), np.float32)
    units: dict[str, float] = {}
    for name, scale in join_scales(graph, scales).items():
        # A layer that is called several times has one range.
        path = places[name].source
        units[path] = max(units.get(path, 0.0), float(scale))
    return units
