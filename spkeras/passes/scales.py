"""Choose the scale of each layer, the value of one spike, from calibration statistics."""

from collections.abc import Callable, Mapping

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.stats import ActivationStats
from spkeras.ops.arrays import Float32Array

Scales = dict[str, Float32Array]


# Largest share of non-zero values of a channel that counts as almost silent: the values seen in
# calibration do not limit those of other samples.
_ALMOST_SILENT = 3e-4

Fit = Callable[[Node, ActivationStats, Float32Array], Float32Array]


def choose_scales(
    graph: Graph,
    stats: Mapping[str, ActivationStats],
    percentile: float = 100.0,
    per_channel: bool = False,
    fit: Fit | None = None,
    levels_above_scale: int = 0,
) -> Scales:
    """Return the activation scale (lambda) of each neuron and input.

    Args:
        graph: With neurons.
        stats: Statistics of the values of each input and neuron, by node name.
        percentile: Share of the values below the scale, in %; 100 is the maximum (Wu et al.
            2022), 99.9 leaves outliers out (Rueckauer et al. 2017). Inputs are always scaled
            by their maximum.
        per_channel: One scale per channel instead of one per layer.
        fit: Improves a neuron's scales, given its statistics and the percentile's scales.
        levels_above_scale: Exponents of a graded spike above the scale; see `_usable`.

    Returns:
        Arrays of shape () or (channels,). A channel that was silent in calibration takes the
        largest scale of its layer, one that was almost silent at least the scale of the layer, a
        silent layer 1. The scale of a bounded ReLU is at most its bound. Neurons whose spikes
        meet in an addition share the largest scale.

    Raises:
        OptionError: the percentile is not in (0, 100].
    """
    if not 0 < percentile <= 100:
        raise OptionError(f"percentile={percentile!r}; allowed: above 0, up to 100")
    scales: Scales = {}
    for node in graph.of("input"):
        scales[node.name] = _positive(stats[node.name].merged().maximum)[0]
    for node in graph.of("neuron"):
        own = stats[node.name] if per_channel else stats[node.name].merged()
        scale = _positive(_statistic(own, percentile))
        scale = scale if fit is None else fit(node, own, scale)
        if percentile < 100 or levels_above_scale:
            layer = _statistic(stats[node.name].merged(), percentile)
            scale = _usable(own, layer, scale, levels_above_scale)
        scale = _bounded(node, scale)
        scales[node.name] = scale if per_channel else scale[0]
    return join_scales(graph, scales)


def _statistic(stats: ActivationStats, percentile: float) -> Float32Array:
    if percentile == 100:
        return stats.maximum
    quantile = stats.quantile(percentile / 100)
    # The quantile is zero if the share of non-zero values is below the share left out.
    # (The lowest bin, which holds the zeros, includes subnormal numbers.)
    return np.where(quantile > np.finfo(np.float32).tiny, quantile, stats.maximum)


def _positive(scale: Float32Array) -> Float32Array:
    largest = scale.max() if scale.max() > 0 else 1.0
    return np.where(scale > 0, scale, largest).astype(np.float32)


def _usable(
    stats: ActivationStats, layer: Float32Array, scale: Float32Array, levels_above_scale: int
) -> Float32Array:
    """Return scales with which every channel can send the values of its layer.

    With h levels above the scale the largest spike of a channel is V = 2^h times its scale. A
    value above V takes several spikes, one per step, and the error falls no faster than 1/t.
    Therefore, with the layer's scale L and the channel's maximum m in calibration,

        V >= L               for a channel that was almost silent,
        V >= m               for h > 0,
        V >= min(L, 4^h m/4) for h > 0: a channel that was weak in calibration can send the values
                             of other channels, as far as its spikes resolve m.
    """
    reach = np.float32(2.0**levels_above_scale)
    active = stats.histogram[:, 1:].sum(-1)
    silent = active < _ALMOST_SILENT * stats.histogram.sum(-1)
    least = np.where(silent, layer / reach, 0)
    if levels_above_scale:
        weak = np.minimum(layer / reach, stats.maximum * reach / 4)
        least = np.maximum(least, np.maximum(stats.maximum / reach, weak))
    return np.maximum(scale, least).astype(np.float32)


def _bounded(node: Node, scale: Float32Array) -> Float32Array:
    bound = node.attributes.get("max_value")
    return scale if bound is None else np.minimum(scale, np.float32(bound))


def join_scales(graph: Graph, scales: Scales) -> Scales:
    """Return scales in which neurons and inputs that meet in an addition share the largest.

    Spikes of all branches then have the same value and can be added.
    """
    group = {name: name for name in scales}
    carried: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.name in scales:
            carried[node.name] = [node.name]
            continue
        sources = [name for before in node.inputs for name in carried[before]]
        carried[node.name] = sources if node.operation.channelwise else []
        if node.op == "add":
            for name in sources[1:]:
                _join(group, sources[0], name)
    return {name: _largest(scales, group, name) for name in scales}


def _root(group: dict[str, str], name: str) -> str:
    while group[name] != name:
        name = group[name]
    return name


def _join(group: dict[str, str], first: str, second: str) -> None:
    group[_root(group, second)] = _root(group, first)


def _largest(scales: Scales, group: dict[str, str], name: str) -> Float32Array:
    root = _root(group, name)
    members = [scale for other, scale in scales.items() if _root(group, other) == root]
    if len({scale.shape for scale in members if scale.ndim}) > 1:
        members = [scale.max() for scale in members]
    largest = members[0]
    for scale in members[1:]:
        largest = np.maximum(largest, scale)
    return np.asarray(largest, np.float32)
