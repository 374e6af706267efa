"""The converted CNN inside a network, computed on real values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from spkeras.graph import Graph
from spkeras.ops.memory import given, unset, values_of
from spkeras.ops.names import keras_name
from spkeras.ops.types import Tensor
from spkeras.snn.network import Network, as_list
from spkeras.snn.synapse import load_arrays


@keras.saving.register_keras_serializable(package="spkeras")
class Originals(keras.layers.Layer):
    """The arrays of the converted CNN, where the network's own differ.

    Args:
        graph: Its `originals` give the shapes.
    """

    def __init__(self, graph: Graph, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.arrays = {
            name: {
                key: self.add_weight(
                    array.shape, unset, trainable=False, name=f"{keras_name(name)}--{key}"
                )
                for key, array in own.arrays.items()
                if array is not None
            }
            for name, own in (graph.originals or {}).items()
        }
        self.built = True

    def load(self, graph: Graph) -> None:
        """Load the originals of a graph."""
        originals = graph.originals or {}
        for name, variables in self.arrays.items():
            for key, variable in variables.items():
                array = originals[name].arrays[key]
                assert array is not None
                variable.assign(given(array))

    def put(self, graph: Graph) -> Graph:
        """Return the graph with these arrays in its originals."""
        values = {
            name: own.with_arrays({key: values_of(held) for key, held in self.arrays[name].items()})
            for name, own in (graph.originals or {}).items()
        }
        return replace(graph, originals=values)


class Reference:
    """The converted CNN on real values instead of spikes.

    Layers that are the network's own are shared with it.

    Args:
        network: Of a graph with neurons.
        graph: The same graph with its arrays.

    Attributes:
        drive, model, head: From the inputs to the frontier, on to rates, and to the outputs.
        variables: All variables that it reads.
    """

    def __init__(self, network: Network, graph: Graph) -> None:
        self.network, changed = network, set(graph.originals or ())
        former = graph.reference()
        if changed:
            shared = {n: layer for n, layer in network.layers.items() if n not in changed}
            self.network = Network(former, shared)
        # Layers are built where a model first calls them, and can be loaded from then on.
        self.drive, self.head = self.network.drive, self.network.head
        self.model = self.network.rates("ann")
        for name in changed:
            load_arrays(self.network.layers[name], former[name])
        layers = self.network.layers.values()
        self.variables = [variable for layer in layers for variable in layer.variables]

    def __call__(
        self, scaled: Sequence[Tensor], timesteps: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the outputs, and the rate or value of each layer of neurons.

        Args:
            scaled: Inputs in units of their scale.
            timesteps: T, (1,); the values do not depend on it.
        """
        frontier = as_list(self.drive(list(scaled) if len(scaled) > 1 else scaled[0]))
        answer = as_list(self.model([*frontier, timesteps]))
        cut = len(self.network.readouts)
        return self.network.decode(answer[:cut]), answer[cut:]
