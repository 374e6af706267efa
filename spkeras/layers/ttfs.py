"""Activations for conversion-aware training: the value that the later spikes carry.

In training, each computes exactly the value that the spikes of its code carry, so that the
conversion adds no error. The gradient passes inside the code's range, including its dead zone at
the bottom, because units there could not recover otherwise; elsewhere it is 0.
"""

from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.base import Configured, Elementwise
from spkeras.ops.phase_burst import burst_value, phase_value
from spkeras.ops.ttfs import check_kernel, kernel_table
from spkeras.ops.ttfs_tensors import rounded_down
from spkeras.ops.types import Tensor


class _CodedActivation(Configured, Elementwise):
    """Base class with the precision and the straight-through gradient."""

    def call(self, x: Tensor) -> Tensor:
        # bfloat16 cannot tell neighbouring levels apart, and the converted network compares in
        # float32.
        wide = x if keras.backend.standardize_dtype(x.dtype) == "float64" else _float32(x)
        inside = ops.clip(wide, 0.0, self.largest)
        # The exact value, plus an exact zero with the gradient of the clip.
        value = self.coded(ops.stop_gradient(wide)) + (inside - ops.stop_gradient(inside))
        return ops.cast(value, self.compute_dtype)

    @property
    def largest(self) -> float:
        """Value from which the code is saturated."""
        raise NotImplementedError

    def coded(self, x: Tensor) -> Tensor:
        """Return the value that the code's spikes carry for x."""
        raise NotImplementedError


def _float32(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


@keras.saving.register_keras_serializable(package="spkeras")
class TTFSActivation(_CodedActivation):
    """x rounded down to a value of a time-to-first-spike code with a base-2 kernel.

        y = theta0 2^(-k / tau),  k the first of 0 ... T - 1 with x >= theta0 2^(-k / tau)

    and 0 where there is none. Levels are compared in float32 under any policy (float64 inputs in
    float64) with the table of `spkeras.ops.ttfs`, which the spiking network and the hardware use.

    Args:
        timesteps: int. T, steps of the firing window, 1 to 255.
        tau: float. Steps in which the threshold halves, above 0. The levels cover
            (T - 1) / tau octaves in steps of 2^(1 / tau).
        theta0: float. Largest value, in units of the input.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient is 1 inside (0, theta0), including values below the last level; 0 outside.

    Raises:
        OptionError: a parameter is out of range.

    Reference:
        Lew, Lee & Park 2022, DAC, arXiv:2208.04494 (reconstructed; T = 24 and tau = 4 are this
        project's defaults).

    Example:
        >>> TTFSActivation(timesteps=3, tau=1)(ops.array([2.0, 0.7, 0.25, 0.2])).numpy()
        array([1.  , 0.5 , 0.25, 0.  ], dtype=float32)
    """

    def __init__(
        self, timesteps: int = 24, tau: float = 4, theta0: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_kernel(timesteps, tau, theta0)
        self.timesteps = timesteps
        self.tau = tau
        self.theta0 = theta0

    @property
    def largest(self) -> float:
        """Largest level, theta0."""
        return self.theta0

    def coded(self, x: Tensor) -> Tensor:
        """Return the largest level that is at most x."""
        return rounded_down(x, kernel_table(self.timesteps, self.tau, self.theta0))


@keras.saving.register_keras_serializable(package="spkeras")
class PhaseActivation(_CodedActivation):
    """x rounded down to a value of a phase code: spikes weigh theta0 / 2, / 4, ... / 2^bits.

        y = theta0 min(floor(x 2^bits / theta0) 2^-bits, 1 - 2^-bits), not below 0

    Args:
        bits: int. Steps of a period, 1 to 16.
        theta0: float. Limit of the sum of all spikes for many bits, in units of the input.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient is 1 inside (0, theta0 (1 - 2^-bits)), 0 outside.

    Raises:
        OptionError: a parameter is out of range.

    Reference:
        The guideline of Lew et al. 2024 (IEEE TETC) for other codes, reconstructed; weighted
        spikes as in Park et al. 2020 (T2FSNN's reference code).

    Example:
        >>> PhaseActivation(bits=2)(ops.array([-1.0, 0.3, 0.5, 2.0])).numpy()
        array([0.  , 0.25, 0.5 , 0.75], dtype=float32)
    """

    def __init__(self, bits: int = 8, theta0: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if bits not in range(1, 17):
            raise OptionError(f"bits={bits!r}: a period has 1 to 16 whole steps")
        check_kernel(1, 1, theta0)
        self.bits = bits
        self.theta0 = theta0

    @property
    def largest(self) -> float:
        """Sum of all spikes of a period."""
        return self.theta0 * (1.0 - 2.0**-self.bits)

    def coded(self, x: Tensor) -> Tensor:
        """Return the largest multiple of the last spike's weight that is at most x."""
        return phase_value(x, self.bits, self.theta0)


@keras.saving.register_keras_serializable(package="spkeras")
class BurstActivation(_CodedActivation):
    """The value that T steps of burst spikes carry; weights double within a burst.

    With the potential v = x before the first step, at each step

        s = [v >= theta 2^j];  v <- v - s theta 2^j;  j <- j + 1 after a spike, else 0

    and y is the sum of all theta 2^j sent.

    Args:
        timesteps: int. T, steps of the window, 1 to 16.
        theta: float. Weight of a burst's first spike, in units of the input.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient is 1 inside (0, theta (2^T - 1)), 0 outside.

    Raises:
        OptionError: a parameter is out of range.

    Reference:
        The guideline of Lew et al. 2024 (IEEE TETC) for other codes, reconstructed; burst spikes
        as in Park et al. 2019 (DAC), from T2FSNN's reference code.

    Example:
        >>> BurstActivation(timesteps=4, theta=0.5)(ops.array([0.4, 0.6, 2.5])).numpy()
        array([0. , 0.5, 2. ], dtype=float32)
    """

    def __init__(self, timesteps: int = 8, theta: float = 0.125, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if timesteps not in range(1, 17):
            raise OptionError(f"timesteps={timesteps!r}: a burst window has 1 to 16 whole steps")
        check_kernel(1, 1, theta)
        self.timesteps = timesteps
        self.theta = theta

    @property
    def largest(self) -> float:
        """Value of one burst over the whole window."""
        return self.theta * (2.0**self.timesteps - 1.0)

    def coded(self, x: Tensor) -> Tensor:
        """Return the sum of the spikes of all steps."""
        return burst_value(x, self.timesteps, self.theta)
