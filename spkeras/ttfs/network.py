"""Networks that fire in windows as functional Keras models: spikes of all layers, and outputs."""

import keras
from keras import ops

from spkeras.graph import Graph, Node
from spkeras.graph.vocabulary import MAX_POOLS
from spkeras.ops.functional import functional
from spkeras.ops.names import keras_name
from spkeras.ops.types import Tensor
from spkeras.snn.synapse import synapse
from spkeras.ttfs.checks import is_coded
from spkeras.ttfs.codes import Code
from spkeras.ttfs.lower import before_pooling, readout_of


class WindowNetwork:
    """The Keras layers of a network that fires in windows, and a model of them.

    The value that a layer receives depends on the start of its window. A linear node is therefore
    applied once for each depth at which it is read; the Keras layers are shared.

    Args:
        graph: Folded graph with read-outs, whose activations are layers of neurons.
        code: Code of the spikes.

    Attributes:
        synapses: Keras layers of the linear nodes, by name.
        spikes: Symbolic spikes of each layer, by the names that `spkeras.ttfs.lower` gives.
        senders: Keras layers that send them, by the same names.
        depths: Number of windows before that of each layer, by the same names.
        model: From the inputs to [*outputs, *spikes].
    """

    def __init__(self, graph: Graph, code: Code) -> None:
        self.graph, self.code = graph, code
        self.spikes: dict[str, Tensor] = {}
        self.senders: dict[str, keras.layers.Layer] = {}
        self.depths: dict[str, int] = {}
        self.values: dict[tuple[str, int], Tensor] = {}
        self.synapses: dict[str, keras.layers.Layer] = {}
        self.pools: dict[str, list[str]] = {}
        self.model = self._model()

    def _model(self) -> keras.Model:
        inputs = {
            node.name: keras.Input(node.shape, name=keras_name(node.name), dtype=node["dtype"])
            for node in self.graph.of("input")
        }
        for node in self.graph.nodes:
            if node.op == "input":
                self._encodes(node, inputs[node.name])
            elif self.code.fires(node):
                self._fires(node)
            elif node.op in MAX_POOLS:
                self._pools(node)
        outputs = []
        for output in self.graph.outputs:
            before = readout_of(self.graph, output).inputs[0]
            outputs.append(self._value(before, 1 + self._depth(before), last=True))
        self.windows = 1 + max(self.depths.values())
        return functional(list(inputs.values()), [*outputs, *self.spikes.values()])

    def _encodes(self, node: Node, given: Tensor) -> None:
        """Add the encoders of an input: the activations after a coded one, else one for it."""
        coders = [reader for reader in self.graph.consumers[node.name] if is_coded(reader)]
        for name in [reader.name for reader in coders] or [node.name]:
            self._send(name, self.code.fire(name, encodes=True), given, 0)

    def _fires(self, node: Node) -> None:
        if node.name in self.spikes:
            return
        before = self.graph[node.inputs[0]]
        pooled = before.op in MAX_POOLS and before.name not in self.pools
        source = before.inputs[0] if pooled else before.name
        name = before_pooling(node.name) if pooled else node.name
        depth = 1 + self._depth(source)
        self._send(name, self.code.fire(name), self._value(source, depth), depth)
        if pooled:
            # The codes are monotonic: pooling after firing is exact.
            self._pool(before, name, node.name)

    def _pools(self, node: Node) -> None:
        """Add pools of spikes; what is concatenated is pooled separately."""
        sources = self._sent(node.inputs[0])
        if sources:
            several = len(sources) > 1
            names = [f"{node.name}:{source}" if several else node.name for source in sources]
            for name, source in zip(names, sources, strict=True):
                self._pool(node, source, name)
            self.pools[node.name] = names

    def _sent(self, name: str) -> list[str]:
        """Return the layers whose spikes are a node's value, side by side; none for a sum."""
        node = self.graph[name]
        if name in self.spikes:
            return [name]
        if node.op != "concatenate" or any(
            self.graph[source].shape[:-1] != node.shape[:-1] for source in node.inputs
        ):
            return self.pools.get(name, [])
        parts = [self._sent(source) for source in node.inputs]
        return [source for part in parts for source in part] if all(parts) else []

    def _pool(self, node: Node, source: str, name: str) -> None:
        keys = (
            ("keepdims",) if "keepdims" in node.attributes else ("pool_size", "strides", "padding")
        )
        layer = self.code.pooled({key: node[key] for key in keys}, name, source)
        self._send(name, layer, self.spikes[source], self.depths[source])

    def _send(self, name: str, layer: keras.layers.Layer, given: Tensor, depth: int) -> None:
        layer.name = keras_name(f"{name}:spikes")
        self.spikes[name], self.senders[name], self.depths[name] = layer(given), layer, depth

    def _depth(self, name: str) -> int:
        """Return the largest depth of all layers whose spikes a node sums."""
        if name in self.depths:
            return self.depths[name]
        return max(self._depth(source) for source in self.graph[name].inputs)

    def _value(self, name: str, depth: int, last: bool = False) -> Tensor:
        """Return the value of a node for a layer of that depth, in all stages of arrival."""
        key = (name, -1 if last else depth)
        if key not in self.values:
            self.values[key] = self._made(name, depth, last)
        return self.values[key]

    def _made(self, name: str, depth: int, last: bool) -> Tensor:
        if name in self.spikes:
            layer = self.code.value(name, depth - self.depths[name], last)
            layer.name = keras_name(f"{name}:value{'' if last else depth}")
            return layer(self.spikes[name])
        if name in self.pools:
            return ops.concatenate([self._value(n, depth, last) for n in self.pools[name]], -1)
        node = self.graph[name]
        given = [self._value(source, depth, last) for source in node.inputs]
        if name not in self.synapses:
            self.synapses[name] = synapse(node)
        return self.synapses[name](given if len(given) > 1 else given[0])
