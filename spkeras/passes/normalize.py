"""Current normalisation: one spike becomes 1, and almost every threshold becomes 1."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.connections import index_map
from spkeras.graph.node import parameters_of
from spkeras.graph.operations import WITH_KERNEL
from spkeras.ops.properties import is_homogeneous
from spkeras.passes.fold import channel_vector, scale_both

Array = np.ndarray
_ONE = np.ones((), np.float64)


def normalize(graph: Graph, scales: Mapping[str, Array]) -> Graph:
    """Rewrite weights so that a spike is 1 and a neuron fires at the scale of its layer.

    With the scales lambda of a layer and of the one before it (Wu et al. 2022, eq. for current
    normalisation; their amplification factor cancels):

        W' = W lambda_before / lambda,   b' = b / lambda,   V = 1.

    Where a layer's current is the sum of branches, the branches share one unit u, and V is
    lambda / u. A branch without weights that can contain the unit gets an additional scale (an
    identity synapse with a weight).

    Before: linear nodes, neurons and read-outs; activations only after read-outs.
    After: the same network in other units, given by `unit` of inputs, `scale` of read-outs and
        `threshold` of neurons.
    Args:
        graph: The graph.
        scales: lambda of each input (shape ()) and neuron (shape () or (channels,)).
    Preserves: firing rates and outputs, up to float rounding.
    """
    return _Normalizer(graph, scales).run()


class _Normalizer:
    """One pass over the nodes in order; `unit` is the value of 1 at the output of each node."""

    def __init__(self, graph: Graph, scales: Mapping[str, Array]) -> None:
        self.graph, self.scales = graph, scales
        self.unit: dict[str, Array] = {}
        self.nodes: list[Node] = []

    def run(self) -> Graph:
        for node in self.graph.nodes:
            if node.name in self.graph.head and node.op != "readout":
                self.nodes.append(node)
            else:
                self._normalize(node)
        return self.graph.with_nodes(self.nodes)

    def _put(self, node: Node, unit: Array) -> None:
        self.nodes.append(node)
        self.unit[node.name] = np.asarray(unit, np.float64)

    def _normalize(self, node: Node) -> None:
        if node.op == "input":
            scale = self.scales[node.name]
            self._put(node.with_arrays(scale=np.asarray(scale, np.float32)), scale)
        elif node.op == "neuron":
            self._neuron(node)
        elif node.op == "readout":
            unit = self.unit[node.inputs[0]]
            plain = (unit == 1).all()
            self.nodes.append(node.with_arrays(scale=None if plain else unit.astype(np.float32)))
        elif node.op in WITH_KERNEL:
            self._weighted(node)
        elif node.op == "scale":
            self._scale(node)
        elif node.op in ("add", "subtract"):
            self._sum(node)
        else:
            self._carry(node)

    def _neuron(self, node: Node) -> None:
        bound = None
        if node.is_plain and node["max_spikes_per_step"] == 1:
            # One spike per step cannot exceed the scale, which is at most the bound: only the
            # real-valued rate needs the bound, as `ceiling`.
            bound, node = node["max_value"], node.with_attributes(max_value=None)
        before = node.inputs[0]
        unit = self.unit[before]
        if not self._may_scale(node) or channel_vector(unit, self.graph[before].shape[-1]) is None:
            inputs = tuple(self._rescaled(name, _ONE, node) for name in node.inputs)
            node, unit = replace(node, inputs=inputs), _ONE
        threshold = _compact(np.asarray(self.scales[node.name] / unit, np.float32))
        ceiling = None if bound is None else np.asarray(bound / unit, np.float32)
        node = node.with_arrays(threshold=threshold, ceiling=ceiling)
        self._put(node, self.scales[node.name])

    @staticmethod
    def _may_scale(node: Node) -> bool:
        numbers = {name: node[name] for name in parameters_of(node["function"])}
        bounded = node.is_plain and node["max_spikes_per_step"] == 1
        return bounded or is_homogeneous(node["function"], numbers)

    def _wanted(self, name: str) -> Array:
        """Return the unit for a weighted node's output that its reader needs; 1 for any unit."""
        reader = self.graph.sole_consumer(name)
        if reader is None:
            return _ONE
        if reader.op == "neuron" and self._may_scale(reader):
            scale = np.asarray(self.scales[reader.name], np.float64)
            channels = self.graph[name].shape[-1]
            return scale if scale.size in (1, channels) else _ONE
        return self._sum_unit(reader) if reader.op in ("add", "subtract") else _ONE

    def _sum_unit(self, node: Node) -> Array:
        """Return the unit of a sum: that of a branch of spikes, else that of its reader."""
        if any(self.graph[name].shape[-1:] != node.shape[-1:] for name in node.inputs):
            # One channel is added to many: a unit per channel is not possible.
            return _ONE
        for name in node.inputs:
            unit = self._spike_unit(name)
            if unit is not None:
                return unit
        return self._wanted(node.name)

    def _spike_unit(self, name: str) -> Array | None:
        node = self.graph[name]
        if node.op in ("neuron", "input"):
            scale = np.asarray(self.scales[name], np.float64)
            return scale if scale.size in (1, node.shape[-1]) else None
        if node.operation.channelwise and len(node.inputs) == 1:
            return self._spike_unit(node.inputs[0])
        if node.op not in ("add", "subtract"):
            return None
        units = (self._spike_unit(before) for before in node.inputs)
        return next((unit for unit in units if unit is not None), None)

    def _absorbable(self, node: Node) -> tuple[Node, Array]:
        """Return the node with an input whose unit depends only on the channel, and that unit."""
        before = node.inputs[0]
        channels = self.graph[before].shape[-1]
        vector = channel_vector(self.unit[before], channels)
        if vector is None:
            node = replace(node, inputs=(self._rescaled(before, _ONE, node),))
            vector = np.ones(channels)
        return node, vector

    def _weighted(self, node: Node) -> None:
        node, unit = self._absorbable(node)
        wanted = self._wanted(node.name)
        channels = np.broadcast_to(wanted, node.shape[-1:])
        self._put(scale_both(node, unit, 1 / channels), wanted)

    def _scale(self, node: Node) -> None:
        wanted, unit = self._wanted(node.name), self.unit[node.inputs[0]]
        scale = node.arrays["scale"] * unit / wanted
        offset = node.arrays.get("offset")
        self._put(
            node.with_arrays(
                scale=scale.astype(np.float32),
                offset=None if offset is None else (offset / wanted).astype(np.float32),
            ),
            wanted,
        )

    def _sum(self, node: Node) -> None:
        unit = self._sum_unit(node)
        inputs = tuple(self._rescaled(name, unit, node) for name in node.inputs)
        self._put(replace(node, inputs=inputs), unit)

    def _rescaled(self, name: str, unit: Array, reader: Node) -> str:
        """Return the name of a node with the value of `name` in another unit, added if missing."""
        own = self.unit[name]
        if (own == unit).all():
            return name
        rescaled = f"{name}:unit:{reader.name}"
        if rescaled not in self.unit:
            ratio = (own / unit).astype(np.float32)
            before = self.graph[name]
            self._put(
                Node(
                    name=rescaled,
                    op="scale",
                    inputs=(name,),
                    shape=before.shape,
                    attributes={},
                    arrays={"scale": ratio},
                ),
                unit,
            )
        return rescaled

    def _carry(self, node: Node) -> None:
        """Add any other linear node; the unit follows where elements only move."""
        if node.operation.rearranged is None and node.op != "concatenate":
            self._put(*self._commuted(node))
            return
        shapes = [self.graph[name].shape for name in node.inputs]
        units = np.ones(node.shape)
        for name, shape, index in zip(node.inputs, shapes, index_map(node, shapes), strict=True):
            units.reshape(-1)[index] = np.broadcast_to(self.unit[name], shape)
        self._put(node, _compact(units))

    def _commuted(self, node: Node) -> tuple[Node, Array]:
        """Return a linear node whose inputs have a unit that commutes with it, and that unit."""
        unit = self.unit[node.inputs[0]]
        shared = all(np.array_equal(self.unit[name], unit) for name in node.inputs)
        # A unit that varies over positions does not commute with windows.
        if not shared or unit.ndim > int(node.operation.channelwise):
            inputs = tuple(self._rescaled(name, _ONE, node) for name in node.inputs)
            node, unit = replace(node, inputs=inputs), _ONE
        if "bias" in node.arrays:
            node = node.with_arrays(bias=(node.arrays["bias"] / unit).astype(np.float32))
        return node, unit


def _compact(unit: Array) -> Array:
    """Return the same unit as a scalar or a vector of channels where possible."""
    if unit.size and (unit == unit.reshape(-1)[0]).all():
        return unit.reshape(-1)[:1].reshape(())
    vector = channel_vector(unit, unit.shape[-1])
    return unit if vector is None else vector
