"""The network of first spikes as an ordinary Keras model, to predict, save and load with."""

from typing import Any

import keras

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.layers.first_spike import EarliestSpike, FirstSpike, SpikeValue
from spkeras.passes.fold import fold_scales
from spkeras.passes.readout import attach_readouts
from spkeras.snn.synapse import keras_name, load_arrays, synapse
from spkeras.ttfs.lower import check_coded
from spkeras.ttfs.timing import Timing

_POOLS = ("max_pool", "global_max_pool")


def first_spike_model(graph: Graph, start: int | None = None) -> keras.Model:
    """A Keras model whose neurons fire at most once, read out as membrane potentials.

    Args:
        graph: As the frontend reads it from a model trained with TTFS activations.
        start: S, steps between the beginnings of two firing windows of T steps. None for T: a
            layer waits for its whole input, and the model computes what the trained one does.
            Less is early firing: faster, and only nearly the same.

    Returns:
        A functional model: inputs as the trained one's, outputs its logits. Layers named after
        the activations give the first-spike times.

    Raises:
        UnsupportedLayerError: the network was not trained for it.
        OptionError: a start outside 1 ... T.
    """
    check_coded(graph)
    return _Builder(attach_readouts(fold_scales(graph)), start).model()


def spike_time_model(model: keras.Model) -> keras.Model:
    """The same model, returning the first-spike times of every layer by name."""
    layers = [layer for layer in model.layers if isinstance(layer, FirstSpike | EarliestSpike)]
    return keras.Model(model.inputs, {layer.name: layer.output for layer in layers})


class _Builder:
    """The tensors of a model under construction.

    A value that a layer receives depends on when that layer's window opens, so that a linear node
    is applied once for each depth at which it is read; the Keras layers are shared.
    """

    def __init__(self, graph: Graph, start: int | None) -> None:
        self.graph = graph
        first = next(node for node in graph.of("activation") if node["function"] == "ttfs")
        self.timesteps = int(first["timesteps"])
        self.start = self.timesteps if start is None else start
        if not 1 <= self.start <= self.timesteps:
            raise OptionError(f"start={start!r}; allowed: 1 to {self.timesteps}, the window")
        self.times: dict[str, Any] = {}
        self.depths: dict[str, int] = {}
        self.kernels: dict[str, dict[str, Any]] = {}
        self.values: dict[tuple[str, int], Any] = {}
        self.synapses: dict[str, keras.layers.Layer] = {}

    def model(self) -> keras.Model:
        """The whole model."""
        (given,) = self.graph.of("input")
        inputs = keras.Input(given.shape, name=keras_name(given.name), dtype=given["dtype"])
        for node in self.graph.nodes:
            if node.op == "activation":
                self._fires(node, inputs)
            elif node.op in _POOLS and self._sends(node.inputs[0]):
                self._earliest(node, node.inputs[0], node.name)
        (output,) = self.graph.outputs
        before = self.graph[output].inputs[0]
        depth = 1 + self._depth(before)
        logits = self._value(before, depth, last=True)
        model = keras.Model(inputs, logits, name=f"{self.graph.name}_first_spikes")
        for node in self.graph.nodes:
            if node.name in self.synapses:
                load_arrays(self.synapses[node.name], node)
        return model

    def timing(self) -> Timing:
        """When the windows lie."""
        return Timing(max(self.depths.values()) + 1, self.timesteps, self.start)

    def _sends(self, name: str) -> bool:
        return name in self.times

    def _fires(self, node: Node, inputs: Any) -> None:
        before = self.graph[node.inputs[0]]
        kernel = {name: node[name] for name in ("timesteps", "tau", "theta0")}
        if before.op == "input":
            self.depths[node.name], self.kernels[node.name] = 0, kernel
            self.times[node.name] = FirstSpike(**kernel, name=keras_name(node.name))(inputs)
            return
        pooled = before.op in _POOLS and not self._sends(before.name)
        source = before.inputs[0] if pooled else before.name
        name = f"{node.name}:before_pooling" if pooled else node.name
        self.depths[name] = depth = 1 + self._depth(source)
        self.kernels[name] = kernel
        layer = FirstSpike(**kernel, stages=self._stages, name=keras_name(name))
        self.times[name] = layer(self._value(source, depth))
        if pooled:
            # Rounding down never changes an order: neurons may fire first and be pooled then.
            self._earliest(before, name, node.name)

    def _earliest(self, node: Node, source: str, name: str) -> None:
        keys = (
            ("keepdims",) if "keepdims" in node.attributes else ("pool_size", "strides", "padding")
        )
        layer = EarliestSpike(
            {key: node[key] for key in keys}, self.timesteps, name=keras_name(name)
        )
        self.times[name] = layer(self.times[source])
        self.depths[name], self.kernels[name] = self.depths[source], self.kernels[source]

    @property
    def _stages(self) -> int:
        return self.timesteps - self.start + 1

    def _depth(self, name: str) -> int:
        """The largest depth of all layers whose spikes a node adds up."""
        if name in self.depths:
            return self.depths[name]
        return max(self._depth(source) for source in self.graph[name].inputs)

    def _value(self, name: str, depth: int, last: bool = False) -> Any:
        """What a node passes to a layer of that depth, in all stages of arrival."""
        key = (name, -1 if last else depth)
        if key not in self.values:
            self.values[key] = self._made(name, depth, last)
        return self.values[key]

    def _made(self, name: str, depth: int, last: bool) -> Any:
        node = self.graph[name]
        if self._sends(name):
            stages = 1 if last else self._stages
            arrived = (depth - self.depths[name]) * self.start
            label = keras_name(f"{name}:value{'' if last else depth}")
            kernel = self.kernels[name]
            return SpikeValue(**kernel, stages=stages, arrived=arrived, name=label)(
                self.times[name]
            )
        given = [self._value(source, depth, last) for source in node.inputs]
        if name not in self.synapses:
            rank = len(self.graph[node.inputs[0]].shape) - 1
            self.synapses[name] = _synapse(node, rank)
        return self.synapses[name](given if len(given) > 1 else given[0])


def _synapse(node: Node, rank: int) -> keras.layers.Layer:
    """The Keras layer of a linear node, of a class that a file can name."""
    if node.op != "global_average_pool":
        return synapse(node)
    pooling = getattr(keras.layers, f"GlobalAveragePooling{rank}D")
    return pooling(keepdims=node["keepdims"], name=keras_name(node.name))
