"""The computations of a graph as functional Keras models that share one set of layers.

A graph falls into three regions. The *drive* depends on the inputs alone, so that under a
constant input current it is the same at every step; the *body* holds the neurons and
whatever depends on them; the *head* follows a read-out and runs once, at the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import keras

from spkeras.graph import Graph, Node
from spkeras.graph.node import parameters_of
from spkeras.graph.vocabulary import CONSTANT_INPUTS
from spkeras.layers import FiringRate, IntegrateFire, SpikeCount
from spkeras.ops.functional import functional
from spkeras.ops.names import keras_name
from spkeras.ops.precision import computing_in
from spkeras.ops.types import Tensor
from spkeras.snn.linear import WindowSum
from spkeras.snn.synapse import load_arrays, read_arrays, silence, synapse
from spkeras.snn.timing import frontier_of

Tensors = dict[str, Any]


class Network:
    """The Keras layers of a graph, and models that share them.

    Args:
        graph: Any graph; with neurons for `step` and `rates`, without for `ann`.
        shared: Layers of another network to use for the nodes of these names.

    Attributes:
        graph: As given; `current_graph` has the arrays that the layers hold now.
        layers: Keras layer by node name, for all nodes but inputs without a unit.
    """

    @computing_in("float32")
    def __init__(
        self, graph: Graph, shared: Mapping[str, keras.layers.Layer] = MappingProxyType({})
    ) -> None:
        self.graph = graph
        self.neurons = graph.of("neuron")
        self.readouts = graph.of("readout")
        self._split()
        self.layers: dict[str, keras.layers.Layer] = {
            node.name: shared.get(node.name) or self._layer(node)
            for node in graph.nodes
            if node.op != "input" or "scale" in node.arrays
        }

    @property
    def spike_code(self) -> str:
        """The spike code; see `spkeras.ops.code`."""
        return self.readouts[0]["spike_code"] if self.readouts else "rate"

    def _split(self) -> None:
        self.drive_nodes, self.body_nodes, self.head_nodes = (
            [node for node in self.graph.nodes if node.name in names]
            for names in (self.graph.drive, self.graph.body, self.graph.head)
        )
        self.frontier = frontier_of(self.graph)

    def _layer(self, node: Node) -> keras.layers.Layer:
        if node.op != "neuron":
            return synapse(node)
        shapes = {name: array.shape for name, array in node.arrays.items()}
        return IntegrateFire(
            **{name: node[name] for name in node.operation.attributes},
            parameters={name: node[name] for name in parameters_of(node["function"])},
            current_shapes=[self.graph[name].shape for name in node.inputs],
            threshold_shape=shapes["threshold"],
            slope_shape=shapes.get("slope"),
            weight_shape=shapes.get("weight"),
            ceiling_shape=shapes.get("ceiling"),
            constant_input_shapes=[
                shapes.get(name) for name in CONSTANT_INPUTS[: len(node.inputs)]
            ],
            spikes_shape=node.shape,
            name=keras_name(node.name),
        )

    def load(self, graph: Graph | None = None) -> None:
        """Load the arrays of `graph` (default: its own one) into the layers."""
        for node in (graph or self.graph).nodes:
            if node.name in self.layers:
                load_arrays(self.layers[node.name], node)

    def current_graph(self) -> Graph:
        """Return the graph with the arrays that the layers hold now."""
        arrays = {
            node.name: node.with_arrays(**read_arrays(self.layers[node.name], node))
            for node in self.graph.nodes
            if node.name in self.layers and node.arrays
        }
        return self.graph.updated(arrays)

    def inputs(self) -> Tensors:
        """Return a symbolic tensor per input of the graph."""
        return {
            node.name: keras.Input(node.shape, name=keras_name(node.name))
            for node in self.graph.of("input")
        }

    def apply(self, nodes: Iterable[Node], tensors: Tensors) -> Tensors:
        """Add the values of these nodes to `tensors` by name, and return them."""
        for node in nodes:
            if node.name not in tensors:
                values = [tensors[name] for name in node.inputs]
                tensors[node.name] = self.layers[node.name](
                    values if len(values) > 1 else values[0]
                )
        return tensors

    @cached_property
    @computing_in("float32")
    def drive(self) -> keras.Model:
        """Model from the inputs (in units of their scale) to the tensors at the frontier."""
        inputs = self.inputs()
        tensors = self.apply(self.drive_nodes, dict(inputs))
        outputs = [tensors[node.name] for node in self.frontier]
        return functional(as_given(inputs), outputs, name="drive")

    def _frontier_inputs(self) -> Tensors:
        return {node.name: keras.Input(node.shape) for node in self.frontier}

    @cached_property
    @computing_in("float32")
    def step(self) -> keras.Model:
        """Model of one time step: [*frontier, *states, clock] to [*read-outs, *states, *spikes]."""
        frontier = self._frontier_inputs()
        states = [keras.Input(shape) for shape in self.state_shapes]
        clock = keras.Input(batch_shape=(2,), name="clock")
        tensors, remaining, after = dict(frontier), list(states), []
        for node in self.body_nodes:
            if node.op != "neuron":
                self.apply([node], tensors)
                continue
            layer = self.layers[node.name]
            own = [remaining.pop(0) for _ in layer.state_shapes]
            spikes, *new = layer([*(tensors[name] for name in node.inputs), *own, clock])
            tensors[node.name] = spikes
            after += new
        outputs = [tensors[node.inputs[0]] for node in self.readouts]
        spikes = [tensors[node.name] for node in self.neurons]
        inputs = [*frontier.values(), *states, clock]
        return functional(inputs, [*outputs, *after, *spikes], name="step")

    @property
    def state_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all states, in the order in which `step` takes them."""
        layers = [self.layers[node.name] for node in self.neurons]
        return [shape for layer in layers for shape in layer.state_shapes]

    def initial_states(self, batch_size: Tensor) -> list[Tensor]:
        """Return all states before the first step."""
        layers = [self.layers[node.name] for node in self.neurons]
        return [state for layer in layers for state in layer.get_initial_state(batch_size)]

    @computing_in("float32")
    def rates(self, mode: str) -> keras.Model:
        """Return the model on mean currents, or values, to [*read-outs, *rates].

        Its inputs are [*frontier, timesteps].

        Args:
            mode: As `spkeras.layers.FiringRate`.
        """
        frontier = self._frontier_inputs()
        timesteps = keras.Input(batch_shape=(1,), name="timesteps")
        tensors = dict(frontier)
        for node in self.body_nodes:
            if node.op == "neuron":
                layer = FiringRate(self.layers[node.name], mode)
                currents = [tensors[name] for name in node.inputs]
                tensors[node.name] = layer([*currents, timesteps])
            else:
                self.apply([node], tensors)
        inputs = [*frontier.values(), timesteps]
        return functional(inputs, self._ends(tensors), name=mode)

    def _ends(self, tensors: Tensors) -> list[Tensor]:
        outputs = [tensors[node.inputs[0]] for node in self.readouts]
        return [*outputs, *(tensors[node.name] for node in self.neurons)]

    @computing_in("float32")
    def values(self, names: Sequence[str]) -> keras.Model:
        """Return the model from [*inputs, timesteps] to the values of nodes at mean rates.

        Args:
            names: Nodes of the drive and the body; neurons have the rates that spikes can carry.
        """
        inputs = self.inputs()
        timesteps = keras.Input(batch_shape=(1,), name="timesteps")
        tensors = dict(inputs)
        for node in (*self.drive_nodes, *self.body_nodes):
            if node.op == "neuron":
                layer = FiringRate(self.layers[node.name], "clipped")
                currents = [tensors[name] for name in node.inputs]
                tensors[node.name] = layer([*currents, timesteps])
            else:
                self.apply([node], tensors)
        outputs = [tensors[name] for name in names]
        return functional([*inputs.values(), timesteps], outputs, name="values")

    @cached_property
    @computing_in("float32")
    def window(self) -> keras.Model:
        """Model of the layer-synchronous network in closed form.

        [*inputs, timesteps] to [*read-outs, *counts], all of them sums over the window.
        """
        inputs = self.inputs()
        timesteps = keras.Input(batch_shape=(1,), name="timesteps")
        tensors = dict(inputs)
        for node in (*self.drive_nodes, *self.body_nodes):
            if node.name in tensors:
                continue
            layer = self.layers[node.name]
            summing = SpikeCount(layer) if node.op == "neuron" else WindowSum(layer)
            tensors[node.name] = summing([*(tensors[name] for name in node.inputs), timesteps])
        return functional([*inputs.values(), timesteps], self._ends(tensors), name="window")

    @computing_in("float32")
    def standing(self, names: Sequence[str]) -> keras.Model:
        """Return the model from the frontier to the values of these nodes while no neuron fires."""
        frontier = self._frontier_inputs()
        tensors = dict(frontier)
        first = next(iter(frontier.values()))
        for node in self.body_nodes:
            if node.op == "neuron":
                tensors[node.name] = silence(node)(first)
            else:
                self.apply([node], tensors)
        inputs = list(frontier.values())
        outputs = [tensors[name] for name in names]
        return functional(inputs if len(inputs) > 1 else inputs[0], outputs, name="standing")

    @computing_in("float32")
    def segment(self, node: Node) -> tuple[keras.Model, list[str]]:
        """Return the model from earlier spikes and the frontier to one node's input.

        Returns:
            The model, and the names of the frontier and neuron nodes that it reads.
        """
        needed, todo, sources = set(), [node.inputs[0]], []
        ends = {n.name for n in (*self.frontier, *self.neurons)}
        while todo:
            name = todo.pop()
            if name in ends:
                sources.append(name)
            elif name not in needed:
                needed.add(name)
                todo += self.graph[name].inputs
        tensors = {name: keras.Input(self.graph[name].shape) for name in dict.fromkeys(sources)}
        inputs = list(tensors.values())
        names = list(tensors)
        self.apply((n for n in self.body_nodes if n.name in needed), tensors)
        return functional(inputs, tensors[node.inputs[0]]), names

    @cached_property
    @computing_in("float32")
    def head(self) -> keras.Model:
        """Model from the mean values of the read-outs to the outputs of the network."""
        means = {node.name: keras.Input(node.shape) for node in self.readouts}
        tensors: Tensors = {}
        for node in self.readouts:
            tensors[node.name] = self.layers[node.name](means[node.name])
        self.apply(self.head_nodes, tensors)
        outputs = [tensors[name] for name in self.graph.outputs]
        return functional(as_given(means), outputs, name="head")

    def decode(self, means: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs of the network from the mean values of its read-outs."""
        return as_list(self.head(list(means) if len(means) > 1 else means[0]))


def as_list(value: Tensor) -> list[Tensor]:
    """Return the outputs of a Keras model as a list; a single one is returned without."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def as_given(tensors: Tensors) -> Tensor:
    """Return a single tensor without a list, as Keras expects; several as a list."""
    values = list(tensors.values())
    return values if len(values) > 1 else values[0]
