"""The uniform quantiser: activations of networks that other packages quantised."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers.base import Configured, Elementwise
from spkeras.ops.types import Tensor

# A number, or one for each element of a sample.
Levels = float | list[Any]
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
        step: float, or nested lists that broadcast against a sample. Distance of two levels, in
            units of the input.
        low: int, or lists. Smallest number of steps; negative for a signed activation.
        high: int, or lists. Largest number of steps: 2^n - 1 for n bits without a sign.
        rounding: "even" (nearest, ties to even: QKeras), "up" (nearest, ties up: TensorFlow),
            "away" (nearest, ties away from 0), "down" or "next" (the step above: 1 for x >= 0
            and high = 1).
        wrap: bool. Whether a number of steps outside the range starts again at its other end, as
            the overflow of integers, instead of staying at this end.

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
        self,
        step: Levels,
        low: Levels,
        high: Levels,
        rounding: str = "even",
        wrap: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if not np.all(np.asarray(step) > 0):
            raise OptionError(f"step={step!r:.60}; allowed: numbers above 0")
        below, equal = np.less(low, high), np.equal(low, high)
        if not (np.all(below | equal) and np.any(below)):
            raise OptionError(f"low={low!r:.60}, high={high!r:.60}; allowed: low below high")
        if rounding not in ROUNDINGS:
            raise OptionError(f"rounding={rounding!r}; allowed: {', '.join(ROUNDINGS)}")
        self.step, self.low, self.high = step, low, high
        self.rounding, self.wrap = rounding, wrap

    def call(self, x: Tensor) -> Tensor:
        """Return the quantised values."""
        step, low, high = (np.asarray(v, "float32") for v in (self.step, self.low, self.high))
        count = ROUNDINGS[self.rounding](x / step)
        if self.wrap:
            return (low + ops.mod(count - low, high - low + 1.0)) * step
        return ops.clip(count, low, high) * step
