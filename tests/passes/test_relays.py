"""Relays: no path between neurons has two layers with weights, and no output changes."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.frontend.walk import read_graph
from spkeras.graph.synapses import regions
from spkeras.passes.fold import fold_scales
from spkeras.passes.relays import place_relays
from spkeras.snn.model import loop_of
from tests import oracle_layers


def separable():
    """Depthwise and pointwise without an activation between, at the input and inside."""
    i = keras.Input((6, 6, 3))
    a = layers.ReLU()(layers.SeparableConv2D(5, 3, padding="same")(i))
    return keras.Model(i, layers.SeparableConv2D(4, 3, depth_multiplier=2)(a))


def bottlenecks():
    """Linear bottlenecks with an addition between, each read twice."""
    i = keras.Input((6, 6, 3))
    a = layers.Conv2D(2, 1)(layers.Conv2D(12, 3, activation="relu")(i))
    b = layers.Conv2D(2, 1)(layers.Conv2D(12, 1, activation="relu")(a))
    c = layers.Add()([a, b])
    d = layers.Conv2D(2, 1)(layers.Conv2D(12, 1, activation="relu")(c))
    e = layers.Conv2D(12, 1)(layers.Add()([c, d]))
    return keras.Model(i, layers.Dense(3)(layers.GlobalAveragePooling2D()(e)))


def pyramid():
    """Upsampled sums, added, pooled and concatenated."""
    i = keras.Input((8, 8, 2))
    a = layers.Conv2D(3, 3, padding="same", activation="relu")(i)
    b = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(a)
    low = layers.Conv2D(3, 1)(b)
    top = layers.Add()([layers.Conv2D(3, 1)(a), layers.UpSampling2D(2)(low)])
    c = layers.Conv2D(3, 3, padding="same")(top)
    d = layers.Concatenate()([layers.AveragePooling2D(2)(c), low])
    return keras.Model(i, layers.Conv2D(2, 3)(layers.ZeroPadding2D(1)(d)))


def preactivated():
    """Batch norm after a sum that a shortcut reads, and between a ReLU and a padded layer."""
    i = keras.Input((6, 6, 3))
    a = layers.Conv2D(4, 3, padding="same")(i)
    for _ in range(2):
        b = layers.ReLU()(layers.BatchNormalization()(a))
        a = layers.Add()([a, layers.Conv2D(4, 3, padding="same")(b)])
    b = layers.BatchNormalization()(layers.ReLU()(a))
    c = layers.Subtract()([layers.Conv2D(4, 3, padding="same")(b), a])
    return keras.Model(i, layers.Dense(3)(layers.Flatten()(c)))


# Number of relays: of sums, not of their readers.
NETS = {separable: 2, bottlenecks: 4, pyramid: 3, preactivated: 5}


@pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__)
def test_a_synapse_has_one_weight(make):
    keras.utils.set_random_seed(1)
    model = oracle_layers.randomize(make())
    graph = fold_scales(read_graph(model))
    changed = place_relays(graph)
    assert oracle_layers.difference(changed, model) < 1e-6
    relays = [node.name for node in changed.nodes if node.name.endswith(":relay")]
    assert len(relays) == NETS[make], relays
    sources = [node.name for node in changed.nodes if not node.operation.linear]
    assert not any(region.later for region in regions(changed, sources))
    assert place_relays(changed).nodes == changed.nodes
    assert graph.notes != changed.notes


def test_two_layers_become_one_where_that_has_fewer_connections():
    """20 -> 5 -> 3 by one layer of 60 connections instead of two of 115; 20 -> 2 -> 20 stays."""
    for sizes, kernels in (((20, 5, 3), 1), ((20, 2, 20), 2)):
        first, middle, last = sizes
        parts = [layers.Dense(middle), layers.Dense(last, activation="relu"), layers.Dense(2)]
        model = oracle_layers.randomize(keras.Sequential([keras.Input((first,)), *parts]))
        graph = place_relays(read_graph(model))
        assert len(graph.of("dense")) == kernels + 1
        assert oracle_layers.difference(graph, model) < 1e-6


@pytest.mark.parametrize(
    "parts",
    [
        [layers.Conv2D(8, 1), layers.Conv2D(2, 3, padding="same")],
        [layers.Conv2D(8, 1, use_bias=False), layers.Conv2D(2, 3, padding="same")],
        [layers.Conv2D(8, 1), layers.Conv2D(2, 3, strides=2)],
        [layers.Conv2D(8, 3, strides=2, padding="same", groups=2), layers.Conv2D(2, 1)],
        [layers.DepthwiseConv2D(3, depth_multiplier=4), layers.Conv2D(1, 1)],
        [layers.Conv2D(8, 3), layers.Dense(2)],
    ],
)
def test_a_product_of_convolutions_is_exact(parts):
    """Only a bias that would meet zero padding keeps the layers apart."""
    model = oracle_layers.randomize(keras.Sequential([keras.Input((6, 6, 4)), *parts]))
    graph = place_relays(read_graph(model))
    apart = parts[0].use_bias and getattr(parts[1], "padding", "valid") == "same"
    apart = apart and getattr(parts[1], "kernel_size", (1, 1)) != (1, 1)
    assert len(graph.of("conv", "depthwise_conv", "dense")) == 1 + apart
    assert oracle_layers.difference(graph, model) < 1e-6


def test_relays_convert_evaluate_and_verify(tmp_path):
    """Under both codes; the CNN is known again, although two of its layers became one."""
    keras.utils.set_random_seed(2)
    net = bottlenecks()
    out = layers.Dense(2, name="second")(net.output)
    net, x = keras.Model(net.input, out), np.random.default_rng(2).random((40, 6, 6, 3))
    for recipe, steps in (("ecc", 256), ("sigma_delta", 8)):
        snn = spkeras.convert(
            net, x, recipe, timesteps=steps, relays=True, stagger=0, verbose=0, insist=True
        )
        graph = loop_of(snn).graph
        assert not any(region.later for region in regions(graph)) and graph.settings["relays"]
        wanted = "signed" if recipe == "ecc" else "sigma_delta"
        relays = [node for node in graph.of("neuron") if node.name.endswith(":relay")]
        assert len(relays) == 4 and {node["model"] for node in relays} == {wanted}
        snn.save(tmp_path / "snn.keras")
        found = spkeras.verify(net, keras.models.load_model(tmp_path / "snn.keras"), x, verbose=0)
        assert found.faithful
        np.testing.assert_allclose(snn.predict(x, verbose=0), net.predict(x, verbose=0), atol=0.02)
