"""Networks without spikes as Keras models: of a graph, and of the biases behind its neurons."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from spkeras.graph import Graph
from spkeras.ops.precision import computing_in
from spkeras.passes.constant_inputs import resting_points
from spkeras.snn.network import Network, as_given, as_list
from spkeras.snn.synapse import keras_name


@computing_in("float32")
def ann(graph: Graph, names: Sequence[str] | None = None) -> keras.Model:
    """Return a graph without neurons as a Keras model with its arrays loaded.

    Args:
        graph: A graph of linear nodes and activations.
        names: Nodes whose values the model returns; default: the outputs.
    """
    network = Network(graph)
    inputs = network.inputs()
    tensors = network.apply(graph.nodes, dict(inputs))
    outputs = [tensors[name] for name in names or graph.outputs]
    model = keras.Model(as_given(inputs), outputs, name=keras_name(graph.name))
    network.load()
    return model


def bias_currents(graph: Graph) -> dict[str, np.ndarray]:
    """Return what each neuron and read-out receives while no neuron fires: biases on the way.

    Args:
        graph: With neurons, normalised.

    Returns:
        Values without the batch, by the name of the node that is read.
    """
    cut = resting_points(graph)
    silence = [np.zeros((1, *node.shape), np.float32) for node in cut.of("input")]
    values = as_list(ann(cut)(silence if len(silence) > 1 else silence[0]))
    return {
        name: ops.convert_to_numpy(value)[0]
        for name, value in zip(cut.outputs, values, strict=True)
    }
