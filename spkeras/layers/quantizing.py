"""Quantizing activations for training: the value that the spikes of a window carry.

Each gives exactly the values that an integrate-and-fire neuron sends in a window of T steps, so
that the conversion adds no error. All of them divide by a `scale` first and multiply by it at
the end. In the papers, activations lie in [0, 1]; a trained CNN has other ranges. A scale for each
layer is equivalent to rescaling weights and batch norm to [0, 1], since everything between two
activations is linear. The conversion folds the scales into the weights.
"""

from typing import Any

import keras

from spkeras.errors import OptionError
from spkeras.layers.base import Configured, Elementwise
from spkeras.ops.straight_through import TOLERANCE, clamp, counted
from spkeras.ops.types import Tensor


class _Bounded(Configured, Elementwise):
    """Base class: float32 under any policy, and an output of the input's shape.

    bfloat16 could not tell apart the levels of T = 600.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    @property
    def ceiling(self) -> float:
        """Largest value, in units of the input."""
        raise NotImplementedError


def check_positive(name: str, value: float) -> None:
    """Refuse a value that is not above zero.

    Raises:
        OptionError: the value is not above 0.
    """
    if not value > 0:
        raise OptionError(f"{name}={value!r}; allowed: numbers above 0")


def check_count(name: str, value: float) -> None:
    """Refuse a value that is not a whole number from 1.

    Raises:
        OptionError: the value is not a whole number from 1.
    """
    if value < 1 or int(value) != value:
        raise OptionError(f"{name}={value!r}; allowed: whole numbers from 1")


@keras.saving.register_keras_serializable(package="spkeras")
class Clamp(_Bounded):
    """min(max(x, 0), high): the activation of the second stage of training.

    Args:
        high: float. Upper bound, in units of the input.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient is 1 for 0 <= x <= high, both ends included, and 0 elsewhere.

    Raises:
        OptionError: high is not above 0.

    Reference:
        Yan, Zhou, Wong 2021, "Near lossless transfer learning for spiking neural networks", AAAI.

    Example:
        >>> Clamp()(keras.ops.array([-1.0, 0.5, 2.0])).numpy()
        array([0. , 0.5, 1. ], dtype=float32)
    """

    def __init__(self, high: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive("high", high)
        self.high = high

    @property
    def ceiling(self) -> float:
        """Upper bound `high`."""
        return self.high

    def call(self, x: Tensor) -> Tensor:
        """Return the clamped values."""
        return clamp(x, self.high)


class _Counting(_Bounded):
    """Base class: scale / N floor(clamp(x / scale, 0, T / N) N + shift), the counts of T steps."""

    former = {"unit": "scale"}

    def __init__(
        self, timesteps: int, levels: float, scale: float, shift: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_count("timesteps", timesteps)
        check_positive("levels", levels)
        check_positive("scale", scale)
        if not 0 <= shift < 1:
            raise OptionError(f"shift={shift!r}; allowed: from 0 to below 1")
        self.timesteps, self.scale, self.shift = timesteps, scale, shift
        self._levels = levels

    @property
    def ceiling(self) -> float:
        """Largest value, T / N scales."""
        return self.scale * self.timesteps / self._levels

    @property
    def initial_potential(self) -> float:
        """Initial potential as a fraction of a level, with the rounding tolerance."""
        return self.shift + TOLERANCE

    def call(self, x: Tensor) -> Tensor:
        """Return the quantized values."""
        high = self.timesteps / self._levels
        return counted(x / self.scale, high, self._levels, self.shift) * self.scale


@keras.saving.register_keras_serializable(package="spkeras")
class ClampQuantize(_Counting):
    """floor(clamp(x, 0, 1) T) / T: the counts of an integrate-and-fire neuron in T steps.

    Args:
        timesteps: int. T, the steps of the spiking network.
        scale: float. Value that is scaled to 1, in units of the input.
        shift: float. Initial potential as a fraction of a level, 0 <= shift < 1. 0 rounds down,
            0.5 to nearest, as in the first published code.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The incoming gradient, limited to +-1 element by element (for x / scale), where
        0 <= x <= scale; 0 elsewhere.

    Raises:
        OptionError: an argument is out of its range.

    Reference:
        Yan, Zhou, Wong 2021 (AAAI, CQ) and 2023 (TPAMI, CQ+).

    Example:
        >>> ClampQuantize(4)(keras.ops.array([-1.0, 0.3, 0.5, 2.0])).numpy()
        array([0.  , 0.25, 0.5 , 1.  ], dtype=float32)
    """

    def __init__(
        self, timesteps: int, scale: float = 1.0, shift: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(timesteps, timesteps, scale, shift, **kwargs)

    def set_timesteps(self, timesteps: int) -> None:
        """Set T; the number of levels changes with it."""
        check_count("timesteps", timesteps)
        self.timesteps = self._levels = timesteps


@keras.saving.register_keras_serializable(package="spkeras")
class ValueRange(_Counting):
    """clamp(floor(x N) / N, 0, T / N): T + 1 levels, N of them per scale.

    With T < N the range is cut for finer steps, which helps when T is small; with T > N it is
    widened.

    Args:
        timesteps: int. T, the steps of the spiking network.
        levels: float. N, levels per scale.
        scale: float. Value that is scaled to 1, in units of the input.
        shift: float. Initial potential as a fraction of a level, 0 <= shift < 1.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The incoming gradient, limited to +-1 element by element (for x / scale), where
        0 <= x <= scale T / N; 0 elsewhere.

    Raises:
        OptionError: an argument is out of its range.

    Reference:
        Yan, Zhou, Wong 2022, "Low latency conversion of artificial neural network models to
        rate-encoded spiking neural networks", arXiv:2211.08410 (value-range encoding).

    Example:
        >>> ValueRange(2, 4)(keras.ops.array([-1.0, 0.3, 0.5, 2.0])).numpy()
        array([0.  , 0.25, 0.5 , 0.5 ], dtype=float32)
    """

    def __init__(
        self, timesteps: int, levels: float, scale: float = 1.0, shift: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(timesteps, levels, scale, shift, **kwargs)

    @property
    def levels(self) -> float:
        """N, levels per scale."""
        return self._levels

    def set_timesteps(self, timesteps: int) -> None:
        """Set T; N changes in proportion, so that the range is kept."""
        check_count("timesteps", timesteps)
        self._levels *= timesteps / self.timesteps
        self.timesteps = timesteps
