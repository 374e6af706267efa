"""Spiking networks whose numbers are multiples of a power of two."""

import keras
import numpy as np
from keras import layers

import spkeras
from spkeras.snn.model import build, loop_of


def mixed(shape=(9, 8, 3)):
    """Uneven paddings, groups, dilation, a projection beside its block, a concatenation, a transpose."""
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(image)
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    x = layers.ReLU(name="sum")(layers.Add()([y, layers.Conv2D(6, 1)(x)]))
    y = layers.Conv2D(4, 3, dilation_rate=2, padding="same", activation="relu")(x)
    x = layers.Concatenate()([x, y])
    x = layers.ZeroPadding2D(((1, 0), (0, 1)))(x)
    x = layers.Conv2D(8, 3, activation="relu", groups=2)(x)
    x = layers.Flatten()(layers.Permute((2, 1, 3))(layers.AveragePooling2D(2)(x)))
    x = layers.Dense(7, activation="relu")(x)
    return keras.Model(image, layers.Dense(5)(x), name="mixed")


def signal():
    """Convolutions along one axis, one of them causal."""
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((20, 3)),
            layers.Conv1D(5, 4, padding="causal", activation="relu"),
            layers.AveragePooling1D(2),
            layers.Conv1D(4, 3, strides=2, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ]
    )


def vector():
    """Fully connected layers."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(20, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(3),
        ]
    )


def images(model, count=4, seed=0):
    """Samples k / 256."""
    shape = (count, *model.inputs[0].shape[1:])
    return (np.random.default_rng(seed).integers(0, 257, shape) / 256).astype("float32")


def rounded(snn, bits=7):
    """The network with weights, biases and thresholds k / 2^bits, and potentials of half a threshold."""
    loop, step = loop_of(snn), 2.0**-bits

    def near(name, array):
        least = 2 if name == "threshold" else -np.inf
        return (np.maximum(np.round(array / step / 2) * 2, least) * step).astype("float32")

    nodes = {
        node.name: node.with_arrays(**{k: near(k, a) for k, a in node.arrays.items()})
        for node in loop.graph.nodes
        if node.op not in ("input", "readout") and node.arrays
    }
    return build(loop.graph.updated(nodes), loop.simulation)


def spiking(model, timesteps=12, **options):
    """The network of a CNN, rounded; its layers start together."""
    settings = {"stagger": 0, "insist": True, "verbose": 0, **options}
    return rounded(spkeras.convert(model, images(model, 30, 1), timesteps=timesteps, **settings))
