"""Where an average pooling gets neurons of its own."""

import keras
import pytest
from keras import layers

from spkeras.frontend.walk import read_graph
from spkeras.passes.pooling import separate_poolings
from spkeras.passes.readout import attach_readouts
from tests import oracle_layers


def separated(*parts):
    net = keras.Sequential([keras.Input((8, 8, 2)), *parts, layers.Flatten(), layers.Dense(2)])
    graph = attach_readouts(read_graph(oracle_layers.randomize(net, 1)))
    found = separate_poolings(graph)
    assert len({node.name for node in found.nodes}) == len(found.nodes)
    return graph, found


def added(graph, found):
    """Poolings that have an activation more, by name."""
    new = [node for node in found.nodes if node.name not in graph.by_name]
    relu = {"function": "relu", "max_value": None, "negative_slope": 0.0, "threshold": 0.0}
    assert all(node.op == "activation" and dict(node.attributes) == relu for node in new)
    for node in new:
        (pool,) = node.inputs
        assert found[pool].op.endswith("average_pool") and node.source == found[pool].source
        assert [reader.name for reader in found.consumers[pool]] == [node.name]
        assert node.shape == found[pool].shape
    return [node.inputs[0] for node in new]


RELU = [layers.Conv2D(3, 1), layers.ReLU()]
POOL = layers.AveragePooling2D(2, name="pool")


@pytest.mark.parametrize(
    "parts, wanted",
    [
        ([*RELU, POOL, layers.Conv2D(2, 1)], ["pool"]),
        (
            [*RELU, layers.GlobalAveragePooling2D(keepdims=True, name="pool"), layers.Conv2D(2, 1)],
            ["pool"],
        ),
        ([layers.Conv2D(3, 1), layers.ReLU(6.0), POOL, layers.Conv2D(2, 1)], ["pool"]),
        ([*RELU, layers.MaxPooling2D(2), POOL, layers.Conv2D(2, 1)], ["pool"]),
        ([*RELU, layers.Permute((2, 1, 3)), POOL, layers.Conv2D(2, 1)], ["pool"]),
        (
            [
                *RELU,
                layers.Dropout(0),
                POOL,
                layers.AveragePooling2D(2, name="second"),
                layers.Conv2D(2, 1),
            ],
            ["pool", "second"],
        ),
        # Zeros, positions left out and means of neighbours keep values non-negative.
        ([*RELU, layers.ZeroPadding2D(1), POOL, layers.Conv2D(2, 1)], ["pool"]),
        ([*RELU, layers.Cropping2D(1), POOL, layers.Conv2D(2, 1)], ["pool"]),
        ([*RELU, layers.UpSampling2D(2), POOL, layers.Conv2D(2, 1)], ["pool"]),
        ([*RELU, layers.UpSampling2D(2, interpolation="bicubic"), POOL, layers.Conv2D(2, 1)], []),
        # Followed by an activation anyway, or of values that may be negative.
        ([*RELU, POOL, layers.ReLU(), layers.Conv2D(2, 1)], []),
        ([layers.Conv2D(3, 1), POOL, layers.Conv2D(2, 1)], []),
        ([layers.Conv2D(3, 1), layers.LeakyReLU(0.1), POOL, layers.Conv2D(2, 1)], []),
        ([layers.Conv2D(3, 1), layers.Activation("tanh"), POOL, layers.Conv2D(2, 1)], []),
        ([POOL, layers.Conv2D(2, 1)], []),
    ],
)
def test_poolings_of_rectified_values(parts, wanted):
    graph, found = separated(*[type(p).from_config(p.get_config()) for p in parts])
    assert added(graph, found) == wanted


def test_a_pooling_at_the_end_and_one_that_two_read():
    x = keras.Input((8, 8, 2))
    y = layers.Conv2D(3, 1, activation="relu")(x)
    end = layers.GlobalAveragePooling2D(name="end")(y)
    graph = attach_readouts(read_graph(keras.Model(x, end)))
    assert added(graph, separate_poolings(graph)) == []
    pooled = layers.AveragePooling2D(2, name="pool")(y)
    both = [layers.ReLU()(pooled), layers.Conv2D(3, 1)(pooled)]
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Add()(both))))
    graph = attach_readouts(read_graph(model))
    assert added(graph, separate_poolings(graph)) == ["pool"]


@pytest.mark.parametrize("negative", [True, False])
def test_a_sum_is_rectified_where_all_its_branches_are(negative):
    x = keras.Input((8, 8, 2))
    a = layers.Conv2D(3, 1, activation="relu")(x)
    b = layers.Conv2D(3, 1, activation=None if negative else "relu")(x)
    y = layers.AveragePooling2D(2, name="pool")(layers.Add()([a, b]))
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Conv2D(2, 1)(y))))
    graph = attach_readouts(read_graph(model))
    assert added(graph, separate_poolings(graph)) == ([] if negative else ["pool"])
