"""The uniform quantiser: activations of networks that other packages quantised."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.base import Configured, Elementwise
from spkeras.layers.quantizing import check_positive
from spkeras.ops.types import Tensor

# Number of steps of a value, from the quotient of value and step.
ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "even": ops.round,
    "up": lambda x: ops.floor(x + 0.5),
    "down": ops.floor,
    "away": lambda x: ops.sign(x) * ops.floor(ops.abs(x) + 0.5),
    "next": lambda x: ops.floor(x) + 1.0,
}


@keras.saving.register_keras_serializable(package="spkeras")
class UniformQuantizer(Configured, Elementwise):
    """step * clip(round(x / step), low, high), for the rounding of the package that trained it.

    Args:
        step: float. Distance of two levels, in units of the input.
        low: int. Smallest number of steps; negative for a signed activation.
        high: int. Largest number of steps: 2^n - 1 for n bits without a sign.
        rounding: "even" (nearest, ties to even: QKeras), "up" (nearest, ties up: TensorFlow),
            "away" (nearest, ties away from 0), "down" or "next" (the step above: 1 for x >= 0
            and high = 1).

    Input shape:
        Any.

    Output shape:
        The same.

    Training:
        The gradient is 0: the layer reads trained networks.

    Raises:
        OptionError: an argument is out of its range.

    Example:
        >>> UniformQuantizer(0.5, 0, 3)(ops.array([-1.0, 0.7, 1.3, 9.0])).numpy()
        array([0. , 0.5, 1.5, 1.5], dtype=float32)
    """

    def __init__(
        self, step: float, low: int, high: int, rounding: str = "even", **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        check_positive("step", step)
        if not low < high:
            raise OptionError(f"low={low!r}, high={high!r}; allowed: low below high")
        if rounding not in ROUNDINGS:
            raise OptionError(f"rounding={rounding!r}; allowed: {', '.join(ROUNDINGS)}")
        self.step, self.low, self.high, self.rounding = step, low, high, rounding

    def call(self, x: Tensor) -> Tensor:
        """Return the quantised values."""
        return ops.clip(ROUNDINGS[self.rounding](x / self.step), self.low, self.high) * self.step
