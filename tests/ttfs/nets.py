"""Small networks with TTFS activations, and data for them."""

import keras
import numpy as np
from keras import layers

from spkeras.layers import TTFSActivation
from spkeras.ops.log_weights import LogFormat, log_quantize
from spkeras.snn.converted import converted_of


def branched(timesteps=12, tau=2, seed=0):
    """Every kind of layer that is lowered: padding, strides, pools, residual, concatenation."""
    keras.utils.set_random_seed(seed)

    def code(name, theta0=1.0):
        return TTFSActivation(timesteps, tau, theta0, name=name)

    inputs = keras.Input((8, 8, 3))
    x = code("code")(inputs)
    x = layers.ZeroPadding2D(1)(x)
    x = first = code("first")(layers.BatchNormalization()(layers.Conv2D(6, 3)(x)))
    x = layers.MaxPooling2D(2)(x)
    x = wide = code("wide", 2.0)(layers.Conv2D(6, 3, padding="same")(x))
    shortcut = layers.AveragePooling2D(2)(first)
    x = code("joined")(layers.Add()([layers.Conv2D(6, 3, padding="same")(x), shortcut]))
    x = layers.Concatenate()([x, wide])
    x = code("pooled")(layers.MaxPooling2D(2)(layers.Conv2D(5, 3)(x)))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(4, activation="softmax")(x)
    return shaken(keras.Model(inputs, x, name="branched"))


def chain(timesteps=8, tau=4, seed=0, widths=(5, 6), pool=2):
    """Two convolutions with an average between them, and a flattened end."""
    keras.utils.set_random_seed(seed)
    net = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            TTFSActivation(timesteps, tau, name="code"),
            layers.Conv2D(widths[0], 3, padding="same"),
            TTFSActivation(timesteps, tau, name="first"),
            layers.AveragePooling2D(pool),
            layers.Conv2D(widths[1], 3, padding="same"),
            TTFSActivation(timesteps, tau, name="second"),
            layers.Flatten(),
            layers.Dense(4),
        ],
        name="chain",
    )
    return shaken(net)


def shaken(model, seed=0):
    """The model with weights and biases that let neurons fire at many different times."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if isinstance(layer, layers.BatchNormalization):
            size = weights[0].shape
            weights = [
                rng.uniform(0.5, 1, size),
                rng.normal(0, 0.1, size),
                rng.normal(0, 0.1, size),
                rng.uniform(0.5, 2, size),
            ]
        else:
            weights = [
                (
                    rng.normal(0.05, 0.05, w.shape)
                    if w.ndim == 1
                    else rng.normal(0.02, 1.2 / np.prod(w.shape[:-1]) ** 0.5, w.shape)
                )
                for w in weights
            ]
        layer.set_weights(weights)
    return model


def dyadic(model, bits=4):
    """The model with powers of two as weights and small fractions as biases: sums are exact."""
    form = LogFormat(bits, 1)
    for layer in model.layers:
        weights = layer.get_weights()
        if weights:
            layer.set_weights([log_quantize(weights[0], form), np.round(weights[1] * 64) / 64])
    return model


def spikes_of(network, x):
    """Spikes of all layers of a converted network by name: times, or words of bits."""
    layer = converted_of(network)
    _, spikes = layer.run([keras.ops.convert_to_tensor(x)])
    return dict(zip(layer.neurons, map(keras.ops.convert_to_numpy, spikes), strict=True))


def pixels(shape, samples=5, seed=1):
    """Images as an input port takes them, 0 to 255."""
    return np.random.default_rng(seed).integers(0, 256, (samples, *shape))


def activations(model, inputs, dtype="float32"):
    """Outputs of all TTFS activations by name, and of the last layer, in a precision."""
    if dtype != "float32":
        wide = keras.models.clone_model(model, clone_function=lambda layer: _wide(layer, dtype))
        wide.set_weights(model.get_weights())
        model = wide
    coded = [layer for layer in model.layers if isinstance(layer, TTFSActivation)]
    probe = keras.Model(model.inputs, [layer.output for layer in coded] + [model.layers[-1].output])
    *values, last = probe.predict(inputs.astype(dtype), verbose=0)
    return {layer.name: value for layer, value in zip(coded, values, strict=True)}, last


def _wide(layer, dtype):
    return type(layer).from_config({**layer.get_config(), "dtype": dtype})
