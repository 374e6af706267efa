"""A small network around a layer of Keras, and the version of Keras that its files begin with."""

import inspect
from typing import Any

import keras

# Arguments that a layer needs, by the name of its constructor's parameter, then by layer.
_NEEDED: dict[str, Any] = {
    "axes": 2,
    "cell": lambda: keras.layers.LSTMCell(4),
    "dims": (2, 1),
    "equation": "abc,cd->abd",
    "factor": 4,
    "filters": 4,
    "function": lambda: abs,
    "head_dim": 4,
    "height": 4,
    "kernel_size": 3,
    "key_dim": 4,
    "n": 3,
    "num_heads": 2,
    "num_key_value_heads": 1,
    "num_query_heads": 2,
    "output_shape": (8, 4),
    "output_size": 2,
    "pool_size": 2,
    "rate": 0.5,
    "scale": 0.5,
    "stddev": 0.5,
    "target_shape": (16, 2),
    "units": 4,
    "width": 4,
}
_OWN: dict[str, dict[str, Any]] = {
    "Bidirectional": {"layer": lambda: keras.layers.LSTM(4)},
    "GroupNormalization": {"groups": 2},
    "Normalization": {"mean": 0.5, "variance": 2.0},
}
_SHAPES = {0: (4,), 1: (8, 4), 2: (8, 8, 4), 3: (4, 4, 4, 4)}
# Axes of the input but the batch and the channels, where the name does not state them.
_RANKS = {"CenterCrop": 2, "RepeatVector": 0, "Resizing": 2}
_PAIRS = "Add Average Concatenate Dot Maximum Minimum Multiply Subtract".split()
_ATTENTION = "AdditiveAttention Attention".split()
_QUERIES = "GroupQueryAttention MultiHeadAttention".split()


def example(name: str, activation: str | None = None) -> keras.Model:
    """Return a network with the layer between two others, which is named "it".

    Args:
        name: Name of a class in `keras.layers`.
        activation: Its activation, or that of the layer inside it, where it has one.
    """
    layer = _made(name, activation)
    inputs = keras.Input(_shape(name))
    x = keras.layers.Dense(4, activation="relu")(inputs)
    y = keras.layers.Dense(4, activation="relu")(inputs)
    if name in _PAIRS or name in _ATTENTION:
        x = layer([x, y])
    elif name in _QUERIES:
        x = layer(x, y)
    else:
        x = layer(x)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))


def _shape(name: str) -> tuple[int, ...]:
    rank = next((int(sign) for sign in name if sign in "123"), _RANKS.get(name, 1))
    return (3, *_SHAPES[rank]) if name.startswith("ConvLSTM") else _SHAPES[rank]


def _made(name: str, activation: str | None) -> keras.layers.Layer:
    layer = getattr(keras.layers, name)
    if name == "Activation":
        activation = activation or "relu"
    own = {"activation": activation, "layer": lambda: keras.layers.Dense(4, activation)}
    own |= _OWN.get(name, {})
    given = {}
    for parameter in inspect.signature(layer.__init__).parameters.values():
        needed = parameter.default is parameter.empty and parameter.kind is (
            parameter.POSITIONAL_OR_KEYWORD
        )
        if parameter.name in own or (needed and parameter.name != "self"):
            value = own[parameter.name] if parameter.name in own else _NEEDED[parameter.name]
            given[parameter.name] = value() if callable(value) else value
    return layer(**given, name="it")


# Layers by the version of Keras in which they first appeared under this name or an older one.
_KERAS_1 = frozenset(
    "Activation ActivityRegularization Add Average AveragePooling1D AveragePooling2D "
    "AveragePooling3D BatchNormalization Bidirectional Concatenate Conv1D Conv2D Conv2DTranspose "
    "Conv3D ConvLSTM2D Cropping1D Cropping2D Cropping3D Dense Dot Dropout ELU Flatten GRU "
    "GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D "
    "GlobalMaxPooling1D GlobalMaxPooling2D LSTM LeakyReLU MaxPooling1D MaxPooling2D MaxPooling3D "
    "Maximum Multiply PReLU Permute RepeatVector Reshape SeparableConv2D SimpleRNN "
    "SpatialDropout1D SpatialDropout2D SpatialDropout3D TimeDistributed UpSampling1D UpSampling2D "
    "UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D".split()
)
_KERAS_3 = frozenset(
    "AugMix CutMix GroupQueryAttention MixUp RMSNormalization RandAugment RandomColorDegeneration "
    "RandomColorJitter RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale "
    "RandomHue RandomInvert RandomPerspective RandomPosterization RandomSaturation "
    "RandomSharpness RandomShear".split()
)


def since(name: str) -> str:
    """Return the first version of Keras whose files may hold a layer.

    Args:
        name: Name of its class in Keras 3.
    """
    if name in _KERAS_1:
        return "1"
    return "3" if name in _KERAS_3 or name.startswith("Adaptive") else "2"
