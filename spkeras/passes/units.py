"""The unit of potentials: the real value of a 1 in each group of layers that sum together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.integers import Integers
from spkeras.ops.arrays import Float64Array
from spkeras.passes.divisors import divided_kernel
from spkeras.passes.fold import channel_vector
from spkeras.passes.relays import summed
from spkeras.passes.whole_checks import POOLS

# Operations whose channels are those of their inputs.
_CHANNELWISE = ("add", "subtract", "pad", "crop", "upsample", *POOLS)
# Candidates for the largest weight that is not clipped, as a share of the largest weight.
_SHARES = np.linspace(1.0, 0.4, 25)
# Error of weights that are multiples of a unit, as a share of their mean square.
_EXACT = 1e-10


@dataclass(frozen=True, eq=False)
class Group:
    """Layers whose results are summed in the same potentials.

    Attributes:
        nodes: Names of the nodes with weights.
        targets: Names of the neurons and read-outs.
        channels: Number of channels of them all; None where they differ or change places.
    """

    nodes: tuple[str, ...]
    targets: tuple[str, ...]
    channels: int | None


def groups(graph: Graph) -> list[Group]:
    """Return the groups of a graph with identity synapses."""
    sums = summed(graph)
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for node in graph.nodes:
        if node.name in graph.head and node.op != "readout":
            continue
        if node.op in ("neuron", "readout") or (sums[node.name] and not node.operation.weighted):
            for name in node.inputs:
                leader[find(name)] = find(f"into {node.name}" if _ends(node) else node.name)
        elif node.operation.weighted:
            find(node.name)
    members: dict[str, list[Node]] = {}
    for name in leader:
        members.setdefault(find(name), []).append(graph[name.removeprefix("into ")])
    return [_group(graph, own) for own in members.values()]


def _ends(node: Node) -> bool:
    return node.op in ("neuron", "readout")


def _group(graph: Graph, own: Iterable[Node]) -> Group:
    order = {node.name: place for place, node in enumerate(graph.nodes)}
    members = sorted(own, key=lambda node: order[node.name])
    weighted = [node for node in members if node.operation.weighted]
    targets = [node for node in members if _ends(node)]
    alike = all(
        node.op in _CHANNELWISE or node.op == "neuron" or node.operation.weighted
        for node in members
    )
    sizes = {node.shape[-1:] for node in members}
    vectors = all(
        channel_vector(node.arrays["scale"], node.shape[-1]) is not None
        for node in weighted
        if node.op == "scale"
    )
    one = alike and vectors and len(sizes) == 1
    return Group(
        nodes=tuple(node.name for node in weighted),
        targets=tuple(node.name for node in targets),
        channels=members[0].shape[-1] if one else None,
    )


def unit_of(
    graph: Graph, group: Group, steps: Mapping[str, Float64Array], form: Integers
) -> Float64Array:
    """Return the unit of a group's potentials, shape () or (channels,).

    Kernels have `weight_bits`. Their largest code is that of the weight that gives the least mean
    square error of all weights of the channel, among units of which the threshold is a multiple.
    Thresholds and identity synapses have `threshold_bits`. Without a kernel the unit is the smallest
    of these numbers if all are multiples of it and only spikes arrive; else the largest one has the
    largest code.
    """
    by_channel = form.per_channel and group.channels is not None
    kernels = [
        _rows(divided_kernel(graph[name], steps[name]), by_channel)
        for name in group.nodes
        if graph[name].op != "scale"
    ]
    wide = [
        _largest(np.abs(array), group.channels if by_channel else None)
        for array in _wide(graph, group, steps)
    ]
    most = (1 << (form.threshold_bits or 0)) - 1
    least = np.max(np.broadcast_arrays(*wide), axis=0) / most
    if not kernels:
        return np.asarray(least) if _receives_reals(graph, group) else _of_identities(wide, least)
    threshold = np.max([np.zeros(least.shape), *_thresholds(graph, group, least.shape)], axis=0)
    found = _fitted(np.concatenate(kernels), (1 << (form.weight_bits - 1)) - 1, threshold)
    unit: Float64Array = np.maximum(found if by_channel else found[0], least)
    return unit


def _receives_reals(graph: Graph, group: Group) -> bool:
    """Return whether constant currents, which are rounded to the unit, reach a group."""
    arrays = [graph[name].array("offset") for name in group.nodes]
    arrays += [graph[name].array("constant_input0") for name in group.targets]
    given = any(array is not None and array.any() for array in arrays)
    return given or not graph.drive.isdisjoint(group.nodes)


def _wide(graph: Graph, group: Group, steps: Mapping[str, Float64Array]) -> Iterable[np.ndarray]:
    """Yield the numbers of a group that have the width of a threshold."""
    for name in group.nodes:
        if graph[name].op == "scale":
            yield graph[name].arrays["scale"] / steps[name]
    for name in group.targets:
        if graph[name].op == "neuron":
            yield graph[name].arrays["threshold"]
    yield np.zeros(())


def _thresholds(graph: Graph, group: Group, shape: tuple[int, ...]) -> Iterable[Float64Array]:
    """Yield the largest threshold of each channel, or of the layer, of each layer of neurons."""
    for name in group.targets:
        if graph[name].op == "neuron":
            yield _largest(graph[name].arrays["threshold"], shape[0] if shape else None)


def _rows(kernel: np.ndarray, by_channel: bool) -> Float64Array:
    """Return the weights of each channel as a column, or all of them as one column."""
    return kernel.astype(np.float64).reshape(-1, kernel.shape[-1] if by_channel else 1)


def _largest(array: np.ndarray, channels: int | None) -> Float64Array:
    if channels is None or array.size == 1:
        return np.asarray(array.max(), np.float64)
    return np.broadcast_to(array.reshape(-1, array.shape[-1]).max(axis=0), (channels,))


def _of_identities(wide: list[Float64Array], least: Float64Array) -> Float64Array:
    """Return the unit of a group without kernels: its smallest number where all are multiples."""
    stacked = np.stack(np.broadcast_arrays(*wide[:-1]))
    smallest = np.where(stacked > 0, stacked, np.inf).min(axis=0)
    ratios = stacked / smallest
    exact = (np.abs(ratios - np.rint(ratios)) < 1e-6).all(axis=0) & (smallest >= least)
    unit: Float64Array = np.where(exact, smallest, least)
    return unit


def _fitted(weights: Float64Array, most: int, threshold: Float64Array) -> Float64Array:
    """Return the unit of each column with the least square error of its codes of up to `most`.

    Args:
        weights: (weights, channels).
        most: Largest code.
        threshold: A multiple of the unit; 0 for none.
    """
    largest = np.abs(weights).max(axis=0)
    largest = np.where(largest > 0, largest, largest.max() or 1.0)
    best, least = largest / most, np.full(largest.shape, np.inf)
    # Weights that were trained as multiples of a unit have this one again.
    exact = [most / code for code in range(most, max(most - 9, most // 2), -1)]
    for place, share in enumerate([*exact, *_SHARES]):
        unit = _dividing(threshold, share * largest / most)
        error = ((np.clip(np.rint(weights / unit), -most, most) * unit - weights) ** 2).sum(axis=0)
        bound = _EXACT * (weights**2).sum(axis=0) if place < len(exact) else least
        better = error < np.minimum(bound, least)
        best, least = np.where(better, unit, best), np.where(better, error, least)
    return best


def _dividing(threshold: Float64Array, unit: Float64Array) -> Float64Array:
    """Return the unit next to a given one of which the threshold is a multiple."""
    count = np.maximum(np.rint(threshold / unit), 1)
    divided: Float64Array = np.where(threshold > 0, threshold / count, unit)
    return divided
