"""Keras layers that no layer of Keras replaces: affine maps, scales of inputs, functions, sums."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from spkeras.layers.base import Configured, Elementwise
from spkeras.ops.types import ShapeLike, Tensor


@keras.saving.register_keras_serializable(package="spkeras")
class Affine(Configured, Elementwise):
    """x * scale + offset, with constants that broadcast against x.

    Args:
        scale_shape: Shape of the scale, or None for no scale.
        offset_shape: Shape of the offset, or None for no offset.
    """

    def __init__(
        self,
        scale_shape: Sequence[int] | None = None,
        offset_shape: Sequence[int] | None = None,
        **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.scale_shape, self.offset_shape = scale_shape, offset_shape
        self.scale = self._constant("scale", scale_shape, "ones")
        self.offset = self._constant("offset", offset_shape, "zeros")
        self.built = True

    def _constant(
        self, name: str, shape: Sequence[int] | None, initializer: str
    ) -> keras.Variable | None:
        if shape is None:
            return None
        return self.add_weight(
            shape=tuple(shape), initializer=initializer, trainable=False, name=name
        )

    def call(self, x: Tensor) -> Tensor:
        """Return x * scale + offset."""
        x = x if self.scale is None else x * self.scale
        return x if self.offset is None else x + self.offset


class Unit(layers.Layer):
    """Division of an input by the value of a full current, or of one spike.

    Its name is part of the layout of .keras files.
    """

    def __init__(self, shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Return x in units of the scale."""
        return ops.cast(x, "float32") / self.scale


class Function(layers.Layer):
    """A function of its inputs without weights, inside a spike loop."""

    def __init__(self, function: Callable[..., Any], shape: tuple[int, ...], name: str) -> None:
        super().__init__(name=name)
        self.function, self.shape = function, shape
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return self.function(x)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (first[0], *self.shape)


class EachPosition(layers.Layer):
    """A linear layer for each position of the leading axes, which join the batch.

    Args:
        layer: The layer.
        count: Number of leading axes.
        shape: Shape of the result, with them.
    """

    def __init__(self, layer: layers.Layer, count: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layer, self.count, self.shape = layer, count, shape

    def build(self, input_shape: ShapeLike) -> None:
        """Build the layer for one position."""
        self.layer.build((input_shape[0], *input_shape[1 + self.count :]))
        self.built = True

    @property
    def kernel(self) -> keras.Variable:
        """The layer's kernel."""
        return self.layer.kernel

    @property
    def bias(self) -> keras.Variable | None:
        """The layer's bias; None if it has none."""
        return getattr(self.layer, "bias", None)

    def call(self, x: Tensor) -> Tensor:
        """Return the layer's results."""
        each = ops.reshape(x, (-1, *x.shape[1 + self.count :]))
        return ops.reshape(self.layer(each), (-1, *self.shape))

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the shape of the result."""
        return (input_shape[0], *self.shape)


class WindowSum(layers.Layer):
    """A linear layer on sums over a window of T steps, whose constant counts once a step.

    Input shape:
        `[*inputs, timesteps]`, the last one (1,).
    """

    def __init__(self, layer: layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Return the layer's sum over the window."""
        *summed, timesteps = inputs
        result = self.layer(summed if len(summed) > 1 else summed[0])
        constant = getattr(self.layer, "offset" if isinstance(self.layer, Affine) else "bias", None)
        return result if constant is None else result + (timesteps - 1) * constant

    def compute_output_spec(self, inputs: list[Tensor]) -> Tensor:
        """Return the shape of the layer's output."""
        *summed, _ = inputs
        return self.layer.compute_output_spec(summed if len(summed) > 1 else summed[0])
