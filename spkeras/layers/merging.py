"""Layers of several tensors that replace code in files, by the name that the user gives."""

from collections.abc import Sequence

import keras
from keras import ops

from spkeras.layers.base import Configured
from spkeras.ops.types import ShapeLike, Tensor


@keras.saving.register_keras_serializable(package="spkeras")
class AbsoluteDifference(keras.layers.Layer):
    """|a - b| of two tensors, element by element.

    Input shape:
        Two tensors of one shape, or of shapes that broadcast.

    Output shape:
        That of the difference.
    """

    def call(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the absolute difference."""
        return ops.abs(ops.subtract(*tensors))


@keras.saving.register_keras_serializable(package="spkeras")
class EuclideanDistance(Configured):
    """sqrt(max(sum (a - b)^2, epsilon)) of two tensors, over the last axis.

    Args:
        epsilon: float. Least value below the root, as in the Siamese network of the Keras examples.

    Input shape:
        Two tensors of one shape.

    Output shape:
        The same, with a last axis of size 1.
    """

    def __init__(self, epsilon: float = 1e-7, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the distance."""
        square = ops.sum(ops.square(ops.subtract(*tensors)), axis=-1, keepdims=True)
        return ops.sqrt(ops.maximum(square, self.epsilon))


@keras.saving.register_keras_serializable(package="spkeras")
class FirstTensor(keras.layers.Layer):
    """The first of several tensors, such as the mean of a sampling layer.

    Input shape:
        A list of tensors.

    Output shape:
        That of the first one.
    """

    def call(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the first tensor."""
        return tensors[0]

    def compute_output_shape(self, input_shape: Sequence[ShapeLike]) -> ShapeLike:
        """Return the shape of the first tensor."""
        return input_shape[0]
