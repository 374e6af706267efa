"""Activations for conversion-aware training: what a spiking neuron will send, with a gradient.

Each computes in training exactly the value that the spikes of its code carry afterwards, so that
the conversion has nothing left to lose. The gradient passes where the value may move (inside the
code's range, its dead zone at the bottom included, for units would die there) and nowhere else.
"""

from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.ops.phase_burst import burst_value, phase_value
from spkeras.ops.ttfs import check_kernel, kernel_table
from spkeras.ops.ttfs_tensors import rounded_down


class _CodedActivation(keras.layers.Layer):
    """What the activations share: precision, and the straight-through gradient."""

    def call(self, x: Any) -> Any:
        # Levels are closer together than bfloat16 tells apart, and the network that runs later
        # compares in float32.
        wide = x if keras.backend.standardize_dtype(x.dtype) == "float64" else _float32(x)
        inside = ops.clip(wide, 0.0, self.largest)
        # The value exactly, plus an exact zero that has the gradient of the clip.
        value = self.coded(ops.stop_gradient(wide)) + (inside - ops.stop_gradient(inside))
        return ops.cast(value, self.compute_dtype)

    @property
    def largest(self) -> float:
        """Value from which on the code is saturated."""
        raise NotImplementedError

    def coded(self, x: Any) -> Any:
        """The value that the code's spikes carry for x."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _float32(x: Any) -> Any:
    return ops.cast(x, "float32")


@keras.saving.register_keras_serializable(package="spkeras")
class TTFSActivation(_CodedActivation):
    """Rounds down to the values of a time-to-first-spike code with a base-2 kernel.

        y = theta0 2^(-k / tau),  k the first of 0 ... T - 1 with x >= theta0 2^(-k / tau)

    and 0 where there is none. Levels are compared in float32 under any policy (float64 inputs in
    float64) with the table of `spkeras.ops.ttfs`, which the spiking network and the hardware use.

    Args:
        timesteps: int. T, steps of the firing window, 1 to 255.
        tau: float. Steps in which the threshold halves, above 0. (T - 1) / tau octaves are told
            apart in steps of 2^(1 / tau).
        theta0: float. Largest value, in units of the input.

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient is 1 inside (0, theta0), where nothing fires too, and 0 outside.

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
        """theta0."""
        return self.theta0

    def coded(self, x: Any) -> Any:
        """The largest level that is not above x."""
        return rounded_down(x, kernel_table(self.timesteps, self.tau, self.theta0))

    def get_config(self) -> dict[str, Any]:
        own = {"timesteps": self.timesteps, "tau": self.tau, "theta0": self.theta0}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="spkeras")
class PhaseActivation(_CodedActivation):
    """Rounds down to the values of a phase code: spikes weigh 1/2, 1/4 ... 2^-bits of theta0.

        y = theta0 min(floor(x 2^bits / theta0) 2^-bits, 1 - 2^-bits), not below 0

    Args:
        bits: int. Steps of a period, 1 to 16.
        theta0: float. What all spikes together nearly reach, in units of the input.

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
        """All spikes of a period together."""
        return self.theta0 * (1.0 - 2.0**-self.bits)

    def coded(self, x: Any) -> Any:
        """The multiple of the last spike's weight that is not above x."""
        return phase_value(x, self.bits, self.theta0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bits": self.bits, "theta0": self.theta0}


@keras.saving.register_keras_serializable(package="spkeras")
class BurstActivation(_CodedActivation):
    """The value that T steps of burst spikes carry: each spike of a burst weighs twice the last.

    With the potential v = x before the first step, at each step

        s = [v >= theta 2^j];  v <- v - s theta 2^j;  j <- j + 1 after a spike, 0 after a miss

    and y is the sum of all theta 2^j that were sent.

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
        """One burst over the whole window."""
        return self.theta * (2.0**self.timesteps - 1.0)

    def coded(self, x: Any) -> Any:
        """What the steps send, one after the other."""
        return burst_value(x, self.timesteps, self.theta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "timesteps": self.timesteps, "theta": self.theta}
