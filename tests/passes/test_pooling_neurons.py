"""Neurons after average poolings: where they belong, and where they would change the network."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import OptionError
from spkeras.snn.model import loop_of


def net(*middle):
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", name="conv"),
            *middle,
            layers.Flatten(),
            layers.Dense(3, name="out"),
        ]
    )


CASES = {
    "after ReLU": ([layers.ReLU(name="act"), layers.AveragePooling2D(2, name="pool")], 2),
    "after ReLU and maximum": (
        [layers.ReLU(name="act"), layers.MaxPooling2D(2), layers.AveragePooling2D(2)],
        2,
    ),
    "before ReLU": ([layers.AveragePooling2D(2, name="pool"), layers.ReLU(name="act")], 1),
    "before batch norm": (
        [layers.AveragePooling2D(2), layers.BatchNormalization(), layers.ReLU()],
        1,
    ),
    "of signed values": (
        [
            layers.ReLU(),
            layers.Conv2D(4, 1),
            layers.AveragePooling2D(2),
            layers.Conv2D(4, 1),
            layers.ReLU(),
        ],
        2,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_network_stays_what_it_is(case):
    middle, neurons = CASES[case]
    model = net(*[type(layer).from_config(layer.get_config()) for layer in middle])
    x = np.random.default_rng(3).random((20, 8, 8, 2)).astype("float32")
    snn = spkeras.convert(
        model,
        x,
        pooling_neurons=True,
        percentile=100,
        timesteps=4096,
        simulation=spkeras.Simulation(schedule="layer_synchronous"),
    )
    assert len(loop_of(snn).graph.of("neuron")) == neurons
    wanted = model.predict(x, verbose=0)
    assert abs(snn.predict(x, verbose=0) - wanted).max() < 0.01 * abs(wanted).max()


def test_nets_trained_for_spikes_have_them_in_their_layers():
    with pytest.raises(OptionError, match="pooling_neurons=True"):
        spkeras.convert(net(), np.ones((2, 8, 8, 2)), recipe="cq", pooling_neurons=True)
