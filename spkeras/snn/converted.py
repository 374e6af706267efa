"""What all converted networks have in common: a Keras model around one layer."""

from typing import Any

import keras

from spkeras.errors import SpkerasError
from spkeras.graph import Graph
from spkeras.ops.names import keras_name
from spkeras.ops.precision import computing_in
from spkeras.ops.types import Tensor
from spkeras.recipes.arguments import check_arguments
from spkeras.snn.kept import Kept


class ConvertedNetwork(keras.layers.Layer):
    """A layer that runs a converted network.

    Attributes:
        changeable: Settings of the simulation that may be changed after the conversion.
        windows: Number of windows of a network whose layers fire one after the other; 0 for a
            spike loop.
        timesteps: T, of the run or of each window; None in continuous time.
        schedule: The schedule's name.
        latency: Time from the first input until the answer stands.
        depth: Layers of neurons in a row, on the longest path.
        settings: Settings in force, for reports.
    """

    changeable: tuple[str, ...] = ()
    windows: int = 0

    @property
    def kept(self) -> Kept:
        """What has been compiled for earlier runs."""
        # Keras would track an attribute.
        kept: Kept = self.__dict__.setdefault("_kept", Kept())
        return kept

    @property
    def graph(self) -> Graph:
        """The graph with the weights that the layer holds now."""
        raise NotImplementedError

    def units(self, inputs: Tensor) -> list[Tensor]:
        """Return the inputs as `reference` takes them."""
        raise NotImplementedError

    def reference(self) -> Any:
        """Return the network that was converted: (inputs, T) to (outputs, values of neurons)."""
        raise NotImplementedError

    def first_step(self, output: str) -> int:
        """Return the number of the first step after which an output has received something."""
        return 1

    def check(self) -> None:
        """Refuse settings out of their range."""

    def load(self, graph: Graph) -> None:
        """Take the arrays of a graph of the same structure."""
        raise NotImplementedError


def converted_of(snn: keras.Model) -> ConvertedNetwork:
    """Return the layer that runs a converted model.

    Raises:
        SpkerasError: the model has none; it is no converted network.
    """
    check_arguments(snn=snn)
    found = [layer for layer in snn.layers if isinstance(layer, ConvertedNetwork)]
    if len(found) != 1:
        raise SpkerasError(
            f"{snn.name}: holds {len(found)} converted networks, one is expected; "
            "convert the CNN first (spkeras.convert, or `spkeras convert`)"
        )
    return found[0]


def model_of(layer: ConvertedNetwork, graph: Graph) -> keras.Model:
    """Return an ordinary Keras model around a layer, with the arrays of a graph."""
    layer.load(graph)
    with computing_in("float32"):
        return _around(layer, graph)


def _around(layer: ConvertedNetwork, graph: Graph) -> keras.Model:
    inputs = [
        keras.Input(node.shape, name=keras_name(node.name), dtype=node["dtype"])
        for node in graph.of("input")
    ]
    given = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(given, layer(given), name=f"{graph.name}_snn")
