"""First-spike networks as ordinary Keras models, which can be saved and loaded."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.layers.first_spike import EarliestInstant, EarliestSpike, FirstSpike, SpikeInstant
from spkeras.passes.fold import fold_scales
from spkeras.passes.readout import attach_readouts
from spkeras.snn.synapse import keras_name, load_arrays, synapse
from spkeras.ttfs.codes import InstantCode, StepCode
from spkeras.ttfs.exact_relu import ExactNetwork
from spkeras.ttfs.lower import check_coded, is_relu, is_ttfs, readout_of
from spkeras.ttfs.plan import READOUT, FirstSpikePlan

_POOLS = ("max_pool", "global_max_pool")
_SPIKING = (FirstSpike, EarliestSpike, SpikeInstant, EarliestInstant)


def first_spike_model(graph: Graph, start: int | None = None) -> keras.Model:
    """Build a Keras model whose neurons fire at most once, read out as membrane potentials.

    Args:
        graph: Graph from the frontend, of a model trained with TTFS activations.
        start: S, steps between the beginnings of two firing windows of T steps. None for T: a
            layer waits for its whole input, and the model computes the same as the trained one.
            Less is early firing: faster, and approximate.

    Returns:
        A functional model with the inputs of the trained one; its outputs are the logits. Layers
        named after the activations output the first-spike times.

    Raises:
        UnsupportedLayerError: the network was not trained with TTFS activations.
        OptionError: `start` is outside 1 ... T.
    """
    check_coded(graph)
    nodes = [node for node in graph.nodes if is_ttfs(node)]
    timesteps = int(nodes[0]["timesteps"])
    kernels = {
        name: {key: node[key] for key in ("timesteps", "tau", "theta0")}
        for node in nodes
        for name in (node.name, _before_pooling(node.name))
    }
    code = StepCode(kernels, timesteps, _start(start, timesteps), is_ttfs)
    return _SpikeTimeBuilder(attach_readouts(fold_scales(graph)), code).model("first_spikes")


def exponential_model(graph: Graph, plan: FirstSpikePlan, start: int | None = None) -> keras.Model:
    """Build a T2FSNN as a Keras model: natural-exponential kernels, one for each layer.

    Args:
        graph: Graph from the frontend, of the network of ReLUs.
        plan: Plan from `spkeras.ttfs.exponential.convert_exponential`, of the same network.
        start: S, as for `first_spike_model`.

    Returns:
        A functional model. Its weights are those of the network; the thresholds contain the
        scales of the layers.

    Raises:
        OptionError: the plan has no kernels or is of another network, or `start` is outside
            1 ... T.

    Reference:
        Park, Kim, Na & Yoon, T2FSNN, DAC 2020.
    """
    if any(layer.kernel is None for layer in plan.layers if layer.kind != READOUT):
        raise OptionError(f"{plan.name}: layers without a kernel; use convert_exponential first")
    kernels = {
        layer.name: {"timesteps": plan.timesteps, "levels": layer.theta0 * np.asarray(layer.kernel)}
        for layer in plan.layers
        if layer.kind != READOUT
    }
    _check_names(graph, kernels)
    code = StepCode(kernels, plan.timesteps, _start(start, plan.timesteps), is_relu)
    return _SpikeTimeBuilder(attach_readouts(fold_scales(graph)), code).model("t2fsnn")


def exact_model(graph: Graph, network: ExactNetwork) -> keras.Model:
    """Build the exact mapping of a network of ReLUs as a Keras model in float64.

    Args:
        graph: Graph from the frontend, of the network of ReLUs.
        network: Network from `spkeras.ttfs.exact_relu.calibrated`, of the same network.

    Returns:
        A functional model. Neurons cannot fire before their windows: activations beyond the
        calibrated range saturate.

    Raises:
        OptionError: the backend has no float64, or the windows are of another network.

    Reference:
        Stanojevic et al., Nature Communications 2024.
    """
    tensor = keras.ops.convert_to_tensor(np.zeros(1), dtype="float64")
    if keras.backend.standardize_dtype(tensor.dtype) != "float64":
        raise OptionError(
            f"backend {keras.backend.backend()!r} computes in float32 here; allowed: one with "
            "float64 (for JAX, set jax_enable_x64 before Keras is imported)"
        )
    _check_names(graph, network.windows)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        code = InstantCode(network.windows, is_relu)
        return _SpikeTimeBuilder(attach_readouts(fold_scales(graph)), code).model("exact")
    finally:
        keras.config.set_dtype_policy(policy)


def spike_time_model(model: keras.Model) -> keras.Model:
    """Return a model with the same layers that outputs the first-spike times of each by name."""
    layers = [layer for layer in model.layers if isinstance(layer, _SPIKING)]
    return keras.Model(model.inputs, {layer.name: layer.output for layer in layers})


def _check_names(graph: Graph, known: Mapping[str, Any]) -> None:
    """Refuse kernels or windows of another network."""
    firing = [node.name for node in graph.nodes if node.op == "input" or is_relu(node)]
    for name in firing:
        if name not in known:
            raise OptionError(
                f"kernels or windows of {len(known)} layers, but none for {name!r}; give those of "
                "the same network"
            )


def _start(start: int | None, timesteps: int) -> int:
    if start is not None and not 1 <= start <= timesteps:
        raise OptionError(f"start={start!r}; allowed: 1 to {timesteps}, the window")
    return timesteps if start is None else start


def _before_pooling(name: str) -> str:
    return f"{name}:before_pooling"


class _SpikeTimeBuilder:
    """The tensors of a model under construction.

    The value that a layer receives depends on the start of its window. A linear node is therefore
    applied once for each depth at which it is read; the Keras layers are shared.
    """

    def __init__(self, graph: Graph, code: StepCode | InstantCode) -> None:
        self.graph, self.code = graph, code
        self.times: dict[str, Any] = {}
        self.depths: dict[str, int] = {}
        self.values: dict[tuple[str, int], Any] = {}
        self.synapses: dict[str, keras.layers.Layer] = {}

    def model(self, suffix: str) -> keras.Model:
        """Build the whole model."""
        inputs = {
            node.name: keras.Input(node.shape, name=keras_name(node.name), dtype=node["dtype"])
            for node in self.graph.of("input")
        }
        for node in self.graph.nodes:
            if node.op == "input":
                self._encodes(node, inputs[node.name])
            elif self.code.fires(node):
                self._fires(node)
            elif node.op in _POOLS and node.inputs[0] in self.times:
                self._earliest(node, node.inputs[0], node.name)
        logits = []
        for output in self.graph.outputs:
            before = readout_of(self.graph, output).inputs[0]
            logits.append(self._value(before, 1 + self._depth(before), last=True))
        name = f"{self.graph.name}_{suffix}"
        model = keras.Model(_single(list(inputs.values())), _single(logits), name=name)
        for node in self.graph.nodes:
            if node.name in self.synapses:
                load_arrays(self.synapses[node.name], node)
        return model

    def _encodes(self, node: Node, given: Any) -> None:
        """Add the encoders of an input: the activations after a coded one, else one for it."""
        coders = [reader for reader in self.graph.consumers[node.name] if is_ttfs(reader)]
        for name in [reader.name for reader in coders] or [node.name]:
            own = keras_name(name) if coders else keras_name(f"{name}:spikes")
            self.depths[name] = 0
            self.times[name] = self._named(self.code.encodes(name), own)(given)

    def _fires(self, node: Node) -> None:
        if node.name in self.times:
            return
        before = self.graph[node.inputs[0]]
        pooled = before.op in _POOLS and before.name not in self.times
        source = before.inputs[0] if pooled else before.name
        name = _before_pooling(node.name) if pooled else node.name
        self.depths[name] = depth = 1 + self._depth(source)
        layer = self._named(self.code.fire(name), keras_name(name))
        self.times[name] = layer(self._value(source, depth))
        if pooled:
            # Rounding down is monotonic: pooling after firing is exact.
            self._earliest(before, name, node.name)

    def _earliest(self, node: Node, source: str, name: str) -> None:
        keys = (
            ("keepdims",) if "keepdims" in node.attributes else ("pool_size", "strides", "padding")
        )
        layer = self.code.earliest({key: node[key] for key in keys}, name, source)
        self.times[name] = self._named(layer, keras_name(name))(self.times[source])
        self.depths[name] = self.depths[source]

    @staticmethod
    def _named(layer: keras.layers.Layer, name: str) -> keras.layers.Layer:
        layer.name = name
        return layer

    def _depth(self, name: str) -> int:
        """Return the largest depth of all layers whose spikes a node sums."""
        if name in self.depths:
            return self.depths[name]
        return max(self._depth(source) for source in self.graph[name].inputs)

    def _value(self, name: str, depth: int, last: bool = False) -> Any:
        """Return the value of a node for a layer of that depth, in all stages of arrival."""
        key = (name, -1 if last else depth)
        if key not in self.values:
            self.values[key] = self._made(name, depth, last)
        return self.values[key]

    def _made(self, name: str, depth: int, last: bool) -> Any:
        if name in self.times:
            label = keras_name(f"{name}:value{'' if last else depth}")
            layer = self.code.value(name, depth - self.depths[name], last)
            return self._named(layer, label)(self.times[name])
        node = self.graph[name]
        given = [self._value(source, depth, last) for source in node.inputs]
        if name not in self.synapses:
            rank = len(self.graph[node.inputs[0]].shape) - 1
            self.synapses[name] = _synapse(node, rank)
        return self.synapses[name](given if len(given) > 1 else given[0])


def _single(values: list[Any]) -> Any:
    """Return the only value, or the list of several, as Keras expects inputs and outputs."""
    return values if len(values) > 1 else values[0]


def _synapse(node: Node, rank: int) -> keras.layers.Layer:
    """Return the Keras layer of a linear node, of a class that Keras can load from a file."""
    if node.op not in ("global_average_pool", "global_max_pool"):
        return synapse(node)
    kind = "Average" if node.op == "global_average_pool" else "Max"
    pooling = getattr(keras.layers, f"Global{kind}Pooling{rank}D")
    return pooling(keepdims=node["keepdims"], name=keras_name(node.name))
