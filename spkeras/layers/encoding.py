"""Layers that turn a real input into counts of input spikes, and trainable pooling."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.quantizing import _Bounded, check_count, check_positive
from spkeras.ops.straight_through import TOLERANCE, clamp, rounded
from spkeras.ops.types import ShapeLike, Tensor


class _Encoder(_Bounded):
    """Base class of the encoders."""

    timesteps: int

    @property
    def initial_potential(self) -> float:
        """Initial potential as a fraction of a level; only the rounding tolerance."""
        return TOLERANCE


@keras.saving.register_keras_serializable(package="spkeras")
class InputQuantizer(_Encoder):
    """min(floor(x T / theta), T) / T: the input spikes that a constant input causes in T steps.

    In the spiking network an integrate-and-fire neuron of threshold theta receives the input as
    a constant current (parameterised input encoding); its spikes have weight 1.

    Args:
        timesteps: int. T.
        threshold: float. theta, in units of the input; above 0. Below the largest input it
            resolves small values better and clips large ones.

    Input shape:
        Any; values >= 0 (negative ones give no spikes).

    Output shape:
        The same.

    Raises:
        OptionError: an argument is out of its range.

    Reference:
        Yan, Zhou, Wong 2023, "CQ+ training", TPAMI. That theta is the parameter of the paper's
        input encoding follows from the published code.

    Example:
        >>> InputQuantizer(4, threshold=0.5)(ops.array([0.1, 0.3, 0.9])).numpy()
        array([0. , 0.5, 1. ], dtype=float32)
    """

    def __init__(self, timesteps: int, threshold: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("timesteps", timesteps)
        check_positive("threshold", threshold)
        self.timesteps, self.threshold = timesteps, threshold

    @property
    def ceiling(self) -> float:
        """theta."""
        return self.threshold

    def set_timesteps(self, timesteps: int) -> None:
        """Set T."""
        check_count("timesteps", timesteps)
        self.timesteps = timesteps

    def call(self, x: Tensor) -> Tensor:
        """Return the quantized input."""
        return rounded(clamp(x / self.threshold), self.timesteps)


@keras.saving.register_keras_serializable(package="spkeras")
class ChannelExpansion(_Encoder):
    """Six quantized copies of each input channel: min(floor(x M), T) / N, twice for each M.

    M takes the values N - 1, N and N + 1. Their steps lie at different places, so that the three
    together resolve an input better than one of them with as many time steps.

    Args:
        timesteps: int. T.
        levels: float. N, levels in a unit of the input; above 1.
        order: three int. Offsets added to N, in the order of the copies. Published code: -1, 1, 0
            for CIFAR-10; 0, 1, -1 for CIFAR-100 and MNIST.

    Input shape:
        (batch, ..., channels); values >= 0.

    Output shape:
        (batch, ..., 6 channels): all channels for the first M, then for the second, ...

    Raises:
        OptionError: an argument is out of its range.

    Reference:
        Yan, Zhou, Wong 2022, arXiv:2211.08410 (input channel expansion).

    Example:
        >>> ChannelExpansion(2, 4)(ops.array([[0.3]])).numpy()
        array([[0.  , 0.25, 0.25, 0.  , 0.25, 0.25]], dtype=float32)
    """

    def __init__(
        self, timesteps: int, levels: float, order: Sequence[int] = (-1, 1, 0), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_count("timesteps", timesteps)
        if not levels > 1:
            raise OptionError(f"levels={levels!r}; allowed: numbers above 1")
        if sorted(order) != [-1, 0, 1]:
            raise OptionError(f"order={order!r}; allowed: -1, 0 and 1 in any order")
        self.timesteps, self.levels, self.order = timesteps, levels, list(order)

    @property
    def copies(self) -> list[float]:
        """M of each copy."""
        return [self.levels + added for added in (*self.order, *self.order)]

    @property
    def ceiling(self) -> float:
        """Largest value of any copy."""
        return self.timesteps / self.levels

    def set_timesteps(self, timesteps: int) -> None:
        """Set T; N changes in proportion, so that the range is kept."""
        check_count("timesteps", timesteps)
        self.levels *= timesteps / self.timesteps
        self.timesteps = timesteps

    def call(self, x: Tensor) -> Tensor:
        """Return the expanded input."""
        parts = [
            rounded(clamp(x, self.timesteps / steps), steps) * (steps / self.levels)
            for steps in self.copies[:3]
        ]
        return ops.concatenate([*parts, *parts], axis=-1)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """Return the input shape with six times the channels."""
        return (*input_shape[:-1], 6 * input_shape[-1])


@keras.saving.register_keras_serializable(package="spkeras")
class TrainablePooling2D(keras.layers.DepthwiseConv2D):
    """A depthwise convolution that starts as average pooling: all weights 1 / k^2.

    Args:
        pool_size: int or pair. k, the window and its strides.

    Input shape:
        (batch, height, width, channels).

    Output shape:
        (batch, height // k, width // k, channels).

    Reference:
        Yan, Zhou, Wong 2021 (AAAI): the five trainable poolings of VGG-19.
    """

    def __init__(self, pool_size: int | Sequence[int] = 2, **kwargs: Any) -> None:
        size = tuple(pool_size) if isinstance(pool_size, (list, tuple)) else (pool_size,) * 2
        for argument in ("kernel_size", "strides", "use_bias", "depthwise_initializer"):
            kwargs.pop(argument, None)
        start = keras.initializers.Constant(1 / (size[0] * size[1]))
        super().__init__(size, size, use_bias=False, depthwise_initializer=start, **kwargs)
        self.pool_size = list(size)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "pool_size": self.pool_size}
