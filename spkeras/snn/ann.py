"""Networks without spikes as Keras models: of a graph, and of the biases behind its neurons."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from spkeras.graph import Graph
from spkeras.ops.compiled import compiled
from spkeras.ops.functional import functional
from spkeras.ops.names import keras_name
from spkeras.ops.precision import computing_in
from spkeras.passes.constant_inputs import resting_points
from spkeras.snn.network import Network, as_given, as_list


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
    model = functional(as_given(inputs), outputs, name=keras_name(graph.name))
    network.load()
    return model


def inference(model: keras.Model) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """Return a function from a batch, one array per input, to the model's outputs.

    `predict_on_batch` compiles one function for each new model; TensorFlow counts them as traces of
    the same function, and warns of models in a loop.

    Args:
        model: Its variables are read at each call.
    """
    call = compiled(lambda inputs: as_list(model(inputs, training=False)), model.variables)

    def run(batch: Sequence[np.ndarray]) -> list[np.ndarray]:
        outputs = call(list(batch) if len(batch) > 1 else batch[0])
        return [ops.convert_to_numpy(output) for output in outputs]

    return run


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
