"""Functions and layers that keep the behaviour of files older than Keras 3.

Importing this module registers them under the package name "spkeras", so that a migrated
model can be saved and loaded again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from spkeras.layers.base import Configured
from spkeras.ops import activation
from spkeras.ops.types import Tensor

hard_sigmoid_keras2 = keras.saving.register_keras_serializable(
    package="spkeras", name="hard_sigmoid_keras2"
)(activation.hard_sigmoid_keras2)


@keras.saving.register_keras_serializable(package="spkeras")
class Slice(Configured):
    """A part of each axis, as ``x[:, 1:7, ::-1]``.

    Args:
        spec: list. One ``[start, stop, step]`` per axis from the batch axis on; None is an open
            end. An int is one index and removes its axis; "..." covers the axes between,
            "newaxis" adds an axis of length 1.

    Input shape:
        Any with at least as many axes as `spec`.

    Output shape:
        The shape of the part.
    """

    def __init__(self, spec: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = [list(part) if isinstance(part, list | tuple) else part for part in spec]

    def call(self, x: Tensor) -> Tensor:
        return x[tuple(self._index(part) for part in self.spec)]

    @staticmethod
    def _index(part: Tensor) -> Tensor:
        if isinstance(part, list):
            return slice(*part)
        return {"...": Ellipsis, "newaxis": None}.get(part, part)


REDUCTIONS = {"mean": ops.mean, "max": ops.max, "min": ops.min, "sum": ops.sum}


@keras.saving.register_keras_serializable(package="spkeras")
class Reduce(Configured):
    """Mean, max, min or sum over axes, as in ``tf.reduce_*``.

    Args:
        reduction: str. "mean", "max", "min" or "sum".
        axis: int or list. Axes to reduce, the batch axis being 0.
        keepdims: bool. Whether reduced axes are kept with length 1.

    Input shape:
        Any.

    Output shape:
        The input shape without the reduced axes, or with 1 in their place.
    """

    def __init__(
        self, reduction: str, axis: int | Sequence[int], keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.reduction = reduction
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.keepdims = keepdims

    def call(self, x: Tensor) -> Tensor:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return REDUCTIONS[self.reduction](x, axis=axis, keepdims=self.keepdims)


@keras.saving.register_keras_serializable(package="spkeras")
class Clip(Configured):
    """Values limited to [minimum, maximum].

    Args:
        minimum: float. Lower bound.
        maximum: float. Upper bound.

    Input shape:
        Any.

    Output shape:
        The same.
    """

    def __init__(self, minimum: float, maximum: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum = minimum
        self.maximum = maximum

    def call(self, x: Tensor) -> Tensor:
        return ops.clip(x, self.minimum, self.maximum)


@keras.saving.register_keras_serializable(package="spkeras")
class BilinearUpSampling(Configured):
    """Bilinear enlargement of images, aligned at their corner, as in TensorFlow 1.

    Output row i is read at row i / size of the input, not at (i + 0.5) / size - 0.5 as in
    TensorFlow 2 and Keras 3; rows beyond the last one repeat it. The same for columns.

    Args:
        size: pair of int. Factors for rows and columns.
        data_format: str. "channels_last" or "channels_first".

    Input shape:
        (batch, height, width, channels), or channels second.

    Output shape:
        The same with height and width multiplied.

    Reference:
        TensorFlow 1.15, ``tf.image.resize_bilinear`` with half_pixel_centers=False.
    """

    def __init__(
        self, size: Sequence[int], data_format: str = "channels_last", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = list(size)
        self.data_format = data_format

    def call(self, x: Tensor) -> Tensor:
        first = 1 if self.data_format == "channels_last" else 2
        for axis, factor in enumerate(self.size, start=first):
            x = self._stretch(x, axis, factor)
        return x

    @staticmethod
    def _stretch(x: Tensor, axis: int, factor: int) -> Tensor:
        length = x.shape[axis]
        low = [i // factor for i in range(length * factor)]
        high = [min(i // factor + 1, length - 1) for i in range(length * factor)]
        shape = [1] * len(x.shape)
        shape[axis] = length * factor
        weights = [(i % factor) / factor for i in range(length * factor)]
        part = ops.reshape(ops.convert_to_tensor(weights, dtype=x.dtype), shape)
        return ops.take(x, low, axis=axis) * (1 - part) + ops.take(x, high, axis=axis) * part


@keras.saving.register_keras_serializable(package="spkeras")
class LocallyConnected(Configured):
    """Convolution with a separate kernel at every position, as in Keras 1 and 2.

    Args:
        filters: int. Values per position of the output.
        kernel_size: one or two int. Window; one for sequences, two for images.
        strides: same length. Step of the window.
        data_format: str. "channels_last" or "channels_first".
        activation: Function applied to the result; None for none.
        use_bias: bool. Whether a bias is added to each output value.

    Input shape:
        (batch, length, channels) or (batch, height, width, channels), or channels second.

    Output shape:
        The same with the positions of the window and `filters` channels; no padding.

    Reference:
        Keras 2.3.1, ``layers/local.py``, implementation 1.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sequence[int],
        strides: Sequence[int] | None = None,
        data_format: str = "channels_last",
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = list(kernel_size)
        self.strides = list(strides) if strides is not None else [1] * len(self.kernel_size)
        self.data_format = data_format
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape: Sequence[int | None]) -> None:
        first = self.data_format == "channels_first"
        sizes = input_shape[2:] if first else input_shape[1:-1]
        if None in sizes:
            raise ValueError(f"{self.name}: needs a fixed input size, received {input_shape}")
        window = zip(sizes, self.kernel_size, self.strides, strict=True)
        self.positions = [(n - k) // s + 1 for n, k, s in window]  # type: ignore[operator]
        channels = int(input_shape[1 if first else -1] or 0)
        shape = (math.prod(self.positions), math.prod(self.kernel_size) * channels, self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape)
        self.bias = None
        if self.use_bias:
            own = (*self.positions, self.filters)
            self.bias = self.add_weight(name="bias", shape=own, initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        if self.data_format == "channels_first":
            x = ops.moveaxis(x, 1, -1)
        flat = len(self.kernel_size) == 1
        x = ops.expand_dims(x, 2) if flat else x
        size, strides = ([*pair, 1] if flat else pair for pair in (self.kernel_size, self.strides))
        patches = ops.image.extract_patches(
            x, tuple(size), tuple(strides), padding="valid", data_format="channels_last"
        )
        patches = ops.reshape(patches, (-1, *self.kernel.shape[:2]))
        y = ops.einsum("bpk,pkf->bpf", patches, self.kernel)
        y = ops.reshape(y, (-1, *self.positions, self.filters))
        y = self.activation(y if self.bias is None else y + self.bias)
        return ops.moveaxis(y, -1, 1) if self.data_format == "channels_first" else y

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}


class _ChannelBias:
    """Mixin that adds the bias of a convolution along the channels, with channels first.

    On TensorFlow, Keras 3.15 adds it along the width if that equals the number of channels:
    ``ops.add`` takes the vector for the bias of the last axis.
    """

    def call(self: Any, inputs: Tensor) -> Tensor:
        activation, self.activation, self.use_bias = self.activation, None, False
        try:
            outputs = super().call(inputs)  # type: ignore[misc]
        finally:
            self.activation, self.use_bias = activation, True
        bias = ops.reshape(self.bias, (1, -1) + (1,) * (len(outputs.shape) - 2))
        outputs = ops.subtract(outputs, ops.negative(bias))
        return outputs if activation is None else activation(outputs)


# Convolutions with channels first and a bias, by the name of the Keras layer.
CHANNEL_BIAS = {
    name: keras.saving.register_keras_serializable(package="spkeras")(
        type(
            f"ChannelBias{name}",
            (_ChannelBias, getattr(keras.layers, name)),
            {"__doc__": f"{name} with channels first; see `_ChannelBias`.", "__module__": __name__},
        )
    )
    for name in (
        *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
        *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
    )
}
