"""Layers and functions of the user that consist of operators and layers of Keras."""

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.verdict import inspect_layers
from spkeras.frontend.walk import read_graph
from tests.oracle_layers import difference, randomize


class Gain(L.Layer):
    """x times a power of a weight."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor**2 + 1.0


class Block(L.Layer):
    """A residual block with layers of its own, and an option for training."""

    def __init__(self, filters=3, **kwargs):
        super().__init__(**kwargs)
        self.conv = L.Conv1D(filters, 3, padding="same", activation="relu")
        self.drop, self.norm = L.Dropout(0.5), L.BatchNormalization()

    def build(self, shape):
        self.conv.build(shape)
        self.norm.build(shape)

    def call(self, x, training=None):
        return x + self.norm(self.drop(self.conv(x), training=training), training=training)


class Pair(L.Layer):
    """Two inputs, one by keyword, and two outputs."""

    def call(self, x, scale=1.0, *, other=None):
        return scale * x + other, ops.maximum(x, other)


class Outer(L.Layer):
    """A layer of the user inside another one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Gain(name="inner")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return ops.relu(self.inner(x))


def bounded(x):
    return ops.minimum(ops.relu(x), 0.5)


NETWORKS = {
    "weight": lambda x: Gain()(x),
    "layers": lambda x: Block()(x),
    "nested": lambda x: Outer()(x),
    "tensors": lambda x: L.Concatenate()(Pair()(x, scale=2.0, other=Gain()(x))),
    "twice": lambda x: (lambda layer: layer(layer(x)))(Gain()),
    "lambda": lambda x: L.Lambda(lambda v, by: v / by, arguments={"by": 4.0})(x),
    "identity": lambda x: L.Lambda(lambda v: v)(x),
    "activation": lambda x: L.Conv1D(2, 3, activation=bounded)(x),
    "activation, channels first": lambda x: L.Conv1D(
        4, 2, activation=lambda v: ops.relu(v) - 0.25, data_format="channels_first"
    )(x),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_its_operators_compute_the_layer(name):
    inputs = keras.Input((5, 3))
    model = randomize(keras.Model(inputs, L.Flatten()(NETWORKS[name](inputs))))
    assert difference(read_graph(model), model) < 1e-5


def test_verdicts_name_the_operators_inside():
    inputs = keras.Input((5, 3))
    net = keras.Model(inputs, Outer(name="mine")(Block(name="block")(inputs)))
    found = [v.name.split("_")[0] for v in inspect_layers(net, "rate")]
    assert found[1:5] == ["block/conv1d", "block/dropout", "block/batch", "block/add"]
    assert found[-1] == "mine/relu"


class Counter(L.Layer):
    """Has a state that a call changes."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x + self.count


class Outside(L.Layer):
    """Computes with NumPy."""

    def call(self, x):
        return ops.convert_to_tensor(np.sort(ops.convert_to_numpy(x)))

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


@pytest.mark.parametrize("layer", [Counter, Outside])
def test_what_operators_do_not_say_is_refused(layer):
    net = keras.Sequential([keras.Input((4,)), layer(name="it"), L.Dense(2)])
    with pytest.raises(UnsupportedLayerError, match="it .*whose call.. cannot be read"):
        read_graph(net)


def test_reading_changes_no_state():
    net = keras.Sequential([keras.Input((4,)), Counter(name="it")])
    with pytest.raises(UnsupportedLayerError):
        read_graph(net)
    assert float(net.layers[0].count) == 0
