"""Small nets of the papers' topologies, with dyadic weights: every sum is exact in float32."""

import keras
from keras import layers

from tests.networks import dyadic


def _conv(x, width, name, kernel=3, strides=1, relu=True, bound=None):
    x = layers.Conv2D(width, kernel, strides, padding="same", name=name)(x)
    return layers.ReLU(bound, name=f"{name}_relu")(x) if relu else x


def vgg():
    x = inputs = keras.Input((8, 8, 2), name="image")
    x = _conv(_conv(x, 4, "a1"), 4, "a2")
    x = layers.AveragePooling2D(2, name="pool1")(x)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="b1")(x)
    x = layers.AveragePooling2D(2, name="pool2")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(8, activation="relu", name="fc")(x)
    return dyadic(keras.Model(inputs, layers.Dense(4, name="out")(x), name="vgg"))


def resnet():
    """An identity shortcut, then one with a projection that spikes."""
    x = inputs = keras.Input((6, 6, 2), name="image")
    x = start = _conv(x, 4, "stem")
    x = _conv(_conv(x, 4, "a1"), 4, "a2", relu=False)
    x = layers.ReLU(name="a_relu")(layers.Add(name="a_add")([x, start]))
    short = _conv(x, 6, "b_short", kernel=1, strides=2)
    x = _conv(_conv(x, 6, "b1", strides=2), 6, "b2", relu=False)
    x = layers.ReLU(name="b_relu")(layers.Add(name="b_add")([x, short]))
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return dyadic(keras.Model(inputs, layers.Dense(4, name="out")(x), name="resnet"))


def mobilenet_v2():
    x = inputs = keras.Input((8, 8, 2), name="image")
    x = start = _conv(x, 4, "stem", strides=2, bound=6.0)
    x = _conv(x, 8, "expand", kernel=1, bound=6.0)
    x = layers.DepthwiseConv2D(3, padding="same", name="deep")(x)
    x = layers.ReLU(6.0, name="deep_relu")(x)
    x = _conv(x, 4, "project", kernel=1, relu=False)
    x = layers.Add(name="add")([start, x])
    x = _conv(x, 6, "top", kernel=1, bound=6.0)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return dyadic(keras.Model(inputs, layers.Dense(4, name="out")(x), name="mobilenet_v2"))


def densenet():
    x = inputs = keras.Input((6, 6, 2), name="image")
    x = _conv(x, 4, "stem")
    for index in range(3):
        x = layers.Concatenate(name=f"cat{index}")([x, _conv(x, 2, f"grow{index}")])
    x = _conv(x, 4, "transition", kernel=1)
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flat")(x)
    return dyadic(keras.Model(inputs, layers.Dense(4, name="out")(x), name="densenet"))


NETS = {"vgg": vgg, "resnet": resnet, "mobilenet_v2": mobilenet_v2, "densenet": densenet}
