"""Activations to train with: what the spikes of a window carry, with a gradient.

Each takes exactly the values that an integrate-and-fire neuron sends in a window of T steps, so
that the network loses nothing when it is converted. All of them divide by a `unit` first and
multiply by it in the end. The papers have their activations in [0, 1]; a trained CNN has other
ranges, and a unit for each layer is the same network as one whose weights and batch norm were
rescaled to [0, 1], since everything between two activations is linear. The conversion puts the
units into the weights.
"""

from typing import Any

import keras

from spkeras.errors import OptionError
from spkeras.ops.straight_through import TOLERANCE, clamp, rounded


class _Bounded(keras.layers.Layer):
    """What they share: float32 whatever the policy, and the shape of what comes in.

    In bfloat16 two levels of T = 600 would be the same number.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    @property
    def ceiling(self) -> float:
        """Largest value, in units of the input."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As the input."""
        return input_shape


def check_positive(name: str, value: float) -> None:
    """Refuse what is not above zero.

    Raises:
        OptionError: names the option and what was received.
    """
    if not value > 0:
        raise OptionError(f"{name}={value!r}; allowed: numbers above 0")


def check_count(name: str, value: float) -> None:
    """Refuse what is no whole number from 1.

    Raises:
        OptionError: names the option and what was received.
    """
    if value < 1 or int(value) != value:
        raise OptionError(f"{name}={value!r}; allowed: whole numbers from 1")


@keras.saving.register_keras_serializable(package="spkeras")
class Clamp(_Bounded):
    """min(max(x, 0), high): the second stage of training.

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
        """high."""
        return self.high

    def call(self, x: Any) -> Any:
        """The clamped values."""
        return clamp(x, self.high)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "high": self.high}


class _Counting(_Bounded):
    """unit / N floor(clamp(x / unit, 0, T / N) N + shift): the counts of T steps."""

    def __init__(
        self, timesteps: int, levels: float, unit: float, shift: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_count("timesteps", timesteps)
        check_positive("levels", levels)
        check_positive("unit", unit)
        if not 0 <= shift < 1:
            raise OptionError(f"shift={shift!r}; allowed: from 0 to below 1")
        self.timesteps, self.unit, self.shift = timesteps, unit, shift
        self._levels = levels

    @property
    def ceiling(self) -> float:
        """T / N units."""
        return self.unit * self.timesteps / self._levels

    @property
    def rounding(self) -> float:
        """Share of a level given in advance."""
        return self.shift + TOLERANCE

    def call(self, x: Any) -> Any:
        """The quantised values."""
        inside = clamp(x / self.unit, self.timesteps / self._levels)
        return rounded(inside, self._levels, self.shift) * self.unit

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, but the levels."""
        own = {"timesteps": self.timesteps, "unit": self.unit, "shift": self.shift}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="spkeras")
class ClampQuantize(_Counting):
    """floor(clamp(x, 0, 1) T) / T: the counts of an integrate-and-fire neuron in T steps.

    Args:
        timesteps: int. T, the steps of the spiking network.
        unit: float. What stands for 1, in units of the input.
        shift: float. Share of a level given in advance, 0 <= shift < 1: 0 rounds down, 1/2 to
            the nearest level (as the first published code did).

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient from above, cut to +-1 element by element (for values in units), where
        0 <= x <= 1 unit; 0 elsewhere.

    Raises:
        OptionError: an argument is out of its range.

    Reference:
        Yan, Zhou, Wong 2021 (AAAI, CQ) and 2023 (TPAMI, CQ+).

    Example:
        >>> ClampQuantize(4)(keras.ops.array([-1.0, 0.3, 0.5, 2.0])).numpy()
        array([0.  , 0.25, 0.5 , 1.  ], dtype=float32)
    """

    def __init__(
        self, timesteps: int, unit: float = 1.0, shift: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(timesteps, timesteps, unit, shift, **kwargs)

    def set_timesteps(self, timesteps: int) -> None:
        """Another T; the levels change with it."""
        check_count("timesteps", timesteps)
        self.timesteps = self._levels = timesteps


@keras.saving.register_keras_serializable(package="spkeras")
class ValueRange(_Counting):
    """clamp(floor(x N) / N, 0, T / N): T + 1 levels, N of them in a unit.

    With T < N the range is cut for finer steps, which pays when T is small; with T > N it is
    widened.

    Args:
        timesteps: int. T, the steps of the spiking network.
        levels: float. N, levels in a unit.
        unit: float. What stands for 1, in units of the input.
        shift: float. Share of a level given in advance, 0 <= shift < 1.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient from above, cut to +-1 element by element (for values in units), where
        0 <= x <= T / N units; 0 elsewhere.

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
        self,
        timesteps: int,
        levels: float,
        unit: float = 1.0,
        shift: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(timesteps, levels, unit, shift, **kwargs)

    @property
    def levels(self) -> float:
        """N."""
        return self._levels

    def set_timesteps(self, timesteps: int) -> None:
        """Another T; N changes with it, so that the range stays."""
        check_count("timesteps", timesteps)
        self._levels *= timesteps / self.timesteps
        self.timesteps = timesteps

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "levels": self._levels}
