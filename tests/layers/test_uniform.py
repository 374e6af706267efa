"""The uniform quantiser: its roundings, its neurons, and what it refuses."""

import keras
import numpy as np
import pytest

import spkeras
from spkeras.errors import OptionError
from spkeras.frontend.walk import read_graph
from spkeras.layers import UniformQuantizer
from spkeras.passes.learned import trained_steps
from tests.oracle_layers import difference

X = np.float32([-9, -1.25, -0.75, -0.25, 0, 0.25, 0.6, 0.75, 1.25, 9])
ROUNDED = {
    "even": [-1, -1, -1, 0, 0, 0, 0.5, 1, 1, 1.5],
    "up": [-1, -1, -0.5, 0, 0, 0.5, 0.5, 1, 1.5, 1.5],
    "away": [-1, -1, -1, -0.5, 0, 0.5, 0.5, 1, 1.5, 1.5],
    "down": [-1, -1, -1, -0.5, 0, 0, 0.5, 0.5, 1, 1.5],
    "next": [-1, -1, -0.5, 0, 0.5, 0.5, 1, 1, 1.5, 1.5],
}


@pytest.mark.parametrize("rounding", ROUNDED)
def test_ties_of_every_rounding(rounding):
    layer = UniformQuantizer(0.5, -2, 3, rounding)
    np.testing.assert_array_equal(np.asarray(layer(X)), ROUNDED[rounding])
    again = UniformQuantizer.from_config(layer.get_config())
    np.testing.assert_array_equal(np.asarray(again(X)), ROUNDED[rounding])


@pytest.mark.parametrize(
    "arguments", [(0, 0, 3), (0.5, 3, 3), (0.5, 0, 3, "nearest")], ids=["step", "ends", "rounding"]
)
def test_what_it_refuses(arguments):
    with pytest.raises(OptionError):
        UniformQuantizer(*arguments)


def network(*arguments, pool=False):
    layers = [keras.layers.MaxPooling1D(2)] if pool else []
    layers += [keras.layers.Flatten(), keras.layers.Dense(3)]
    net = keras.Sequential(
        [
            keras.Input((4, 2)),
            keras.layers.Conv1D(4, 2, padding="same"),
            UniformQuantizer(*arguments),
            keras.layers.Rescaling(2.0, -1.0),
            *layers,
        ]
    )
    rng = np.random.default_rng(0)
    for weight in net.weights:
        weight.assign(rng.normal(size=weight.shape))
    return net


@pytest.mark.parametrize(
    "arguments, steps",
    [
        ((0.3, 0, 7), 7),
        ((0.3, 2, 7, "up"), 5),
        ((0.3, -4, 3, "down"), 4),
        ((0.3, -3, 6, "away"), 6),
        ((1.0, 0, 1, "next"), 1),
    ],
)
def test_as_many_spikes_as_levels(arguments, steps):
    """The graph computes the layer, and T of the trained network gives the same classes."""
    net = network(*arguments, pool=True)
    graph = read_graph(net)
    assert difference(graph, net) < 1e-4
    assert trained_steps(graph) == steps
    x = np.random.default_rng(1).normal(size=(60, 4, 2)).astype("float32")
    snn = spkeras.convert(net, x, "cq", insist=True, schedule="layer_synchronous")
    np.testing.assert_allclose(snn.predict(x, verbose=0), net.predict(x, verbose=0), atol=1e-3)


def test_one_neuron_where_no_value_is_negative():
    x = inputs = keras.Input((4,))
    x = keras.layers.Dense(4, activation="relu")(x)
    x = UniformQuantizer(0.5, -3, 4)(keras.layers.Add()([x, keras.layers.ReLU()(inputs)]))
    graph = read_graph(keras.Model(inputs, keras.layers.Dense(2)(x)))
    functions = [node["function"] for node in graph.of("activation")]
    assert functions == ["relu", "relu", "quantized_relu"]
    x = UniformQuantizer(0.5, -3, 4)(keras.layers.Subtract()([inputs, inputs]))
    graph = read_graph(keras.Model(inputs, keras.layers.Dense(2)(x)))
    assert graph.of("activation")[0]["function"] == "quantized"


def test_a_fine_quantiser_of_the_input_is_left_out():
    def functions(low, high):
        inputs = keras.Input((4,))
        x = keras.layers.Dense(2)(UniformQuantizer(0.01, low, high)(inputs))
        return len(read_graph(keras.Model(inputs, x)).of("activation"))

    assert functions(0, 255) == functions(-64, 63) == 0
    assert functions(0, 15) == functions(-62, 63) == 1
