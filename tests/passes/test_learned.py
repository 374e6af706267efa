"""Scales that a network brings along, and what has changed a network since."""

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.layers import ClampQuantize
from spkeras.passes.changes import changes, is_lost, kept
from spkeras.passes.learned import learned_scales
from spkeras.passes.neurons import place_neurons
from spkeras.passes.readout import (
    attach_readouts,
    cut_outputs,
    read_from_spikes,
    with_whole_outputs,
)
from spkeras.recipes import Conversion
from tests.passes.test_scales import stats_of


def placed(*parts, shape=(2,)):
    net = keras.Sequential([keras.Input(shape, name="x"), *parts, layers.Dense(2, name="end")])
    return place_neurons(attach_readouts(read_graph(net)), Conversion())


@pytest.mark.parametrize(
    "seen, scale", [([[0.25, 0.5]], 0.5), ([[3.0, 1.0], [2.0, 7.0]], 7.0), ([[0.0, 0.0]], 1.0)]
)
def test_one_spike_stands_for_the_largest_value_of_an_activation(seen, scale):
    graph = placed(
        layers.Dense(3),
        ClampQuantize(4, 1.5, name="a"),
        layers.Dense(3),
        layers.ReLU(6.0, name="b"),
    )
    found = learned_scales(graph, {"x": stats_of(seen)})
    assert {name: float(value) for name, value in found.items()} == {"x": scale, "a": 1.5, "b": 6.0}
    assert all(value.shape == () and value.dtype == np.float32 for value in found.values())


def test_activations_without_a_bound_are_named_all_at_once():
    graph = placed(
        layers.Conv2D(2, 1),
        layers.ReLU(6.0),
        layers.Conv2D(2, 1),
        layers.ReLU(name="open"),
        layers.Conv2D(2, 1),
        layers.MaxPooling2D(2, name="top"),
        layers.Conv2D(2, 1),
        layers.ReLU(name="both"),
        layers.MaxPooling2D(2),
        layers.Conv2D(2, 1),
        layers.Activation("linear"),
        shape=(8, 8, 2),
    )
    with pytest.raises(UnsupportedLayerError) as error:
        learned_scales(graph, {})
    words = [problem.split(" has no range")[0].split(": ")[1] for problem in error.value.problems]
    assert words == ["relu", "max pooling", "relu"]


def spikes_at_the_end(neuron):
    net = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(3, name="d"),
            layers.ReLU(name="a"),
            layers.Dense(2, name="end"),
        ]
    )
    graph = attach_readouts(read_graph(net))
    return place_neurons(read_from_spikes(graph, neuron), Conversion(neuron=neuron))


def test_outputs_that_are_read_from_binary_spikes_lose_what_is_negative():
    graph = spikes_at_the_end("binary")
    (cut,) = cut_outputs(graph)
    assert cut.name == "end:spikes" and cut.op == "neuron"
    whole = with_whole_outputs(graph.updated({cut.name: cut.with_attributes(reset="zero")}))
    assert (whole[cut.name]["function"], whole[cut.name]["reset"]) == ("linear", "subtract")
    assert whole["a"]["function"] == "relu" and not cut_outputs(whole)
    assert not cut_outputs(spikes_at_the_end("signed"))
    assert not cut_outputs(placed(layers.Dense(2), layers.ReLU()))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, ()),
        ({"weight_bits": None, "correction": None}, ()),
        ({"weight_bits": 4}, ("weights of 4 bits",)),
        ({"threshold_samples": 100}, ("thresholds trained on 100 samples",)),
        ({"weight_bits": 2, "correction": "light"}, ("weights of 2 bits", "light correction")),
    ],
)
def test_what_has_changed_a_network_in_words(settings, words):
    plain = placed(layers.Dense(2), layers.ReLU()).with_settings(**settings)
    assert changes(plain) == words
    cut = spikes_at_the_end("binary").with_settings(**settings)
    assert changes(cut) == (*words, "outputs read from spikes")
    assert is_lost(plain) is bool(words) and is_lost(cut) is True
    known = plain.keeping(plain)
    assert is_lost(known) is False
    assert kept(plain, known).originals == {}
    assert (kept(plain, plain).originals is None) == bool(words)
