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


def several():
    """A vector, a map and a signal; one input is read by two layers, one of them a sum of inputs."""
    keras.utils.set_random_seed(6)
    numbers, image, signal = (keras.Input(shape) for shape in ((5,), (6, 7, 2), (8, 2)))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Add()([x, layers.Conv2D(4, 1)(image)])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(x))
    z = layers.Conv1D(3, 3, activation="relu")(signal)
    z = layers.Dense(4, activation="relu")(layers.Flatten()(z))
    x = layers.Concatenate()([numbers, x, z])
    x = layers.Dense(9, activation="relu")(x)
    return keras.Model([numbers, image, signal], layers.Dense(4)(x), name="several")


def pair():
    """A vector beside a map."""
    keras.utils.set_random_seed(8)
    numbers, image = keras.Input((5,), name="numbers"), keras.Input((6, 7, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Flatten()(layers.Conv2D(6, 3, strides=2, activation="relu")(x))
    x = layers.Concatenate()([x, layers.Dense(9, activation="relu")(numbers)])
    return keras.Model([numbers, image], layers.Dense(4)(x), name="pair")


def images(model, count=4, seed=0):
    """Samples k / 256: an array, or a list of them for several inputs."""
    random = np.random.default_rng(seed)
    found = [
        (random.integers(0, 257, (count, *tensor.shape[1:])) / 256).astype("float32")
        for tensor in model.inputs
    ]
    return found if len(found) > 1 else found[0]


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
