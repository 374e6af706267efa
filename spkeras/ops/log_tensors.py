"""Logarithmic weights on `keras.ops`, for training with the values of their codes."""

import numpy as np
from keras import ops

from spkeras.errors import OptionError
from spkeras.ops.log_weights import SLACK, LogFormat
from spkeras.ops.types import Tensor

# Lower bound of magnitudes: backends disagree about logarithms of smaller ones.
_TINY = float(np.finfo(np.float32).tiny)


def straight_through(weights: Tensor, form: LogFormat, full_scale: int | None = None) -> Tensor:
    """Return quantised weights, with the gradient of the weights that were not quantised.

    Rounding is in the logarithmic domain. Without `full_scale` the range follows the largest
    weight of the tensor ("ceil", whatever the format's rule): the rule "mse" needs a search.

    Args:
        weights: Tensor of floats.
        form: The format; its rounding must be "log".
        full_scale: n of the full-scale range, fixed for the training.

    Returns:
        The same values as `spkeras.ops.log_weights.log_quantize` (in float32), dtype as received.

    Raises:
        OptionError: the format's rounding is linear.
    """
    if form.rounding != "log":
        raise OptionError(f"rounding={form.rounding!r} in training; allowed: 'log'")
    dtype = weights.dtype
    weights = ops.cast(weights, "float32")
    sizes = ops.maximum(ops.abs(weights), _TINY)
    octaves = form.steps / float(np.log(2.0))
    if full_scale is None:
        some = ops.any(weights != 0)
        full_scale = ops.where(some, ops.ceil(octaves * ops.log(ops.max(sizes)) - SLACK), 0.0)
    top = ops.stop_gradient(ops.cast(full_scale, "float32"))
    q = ops.clip(ops.floor(top - octaves * ops.log(sizes) + 0.5), 0.0, float(form.zero_exponent))
    levels = ops.power(2.0, (top - ops.minimum(q, float(form.largest))) / form.steps)
    if form.zero:
        levels = ops.where(q > form.largest, 0.0, levels)
    quantized = ops.where(weights < 0, -levels, levels)
    # The exact value, plus an exact zero that has the gradient of the weights.
    result = ops.stop_gradient(quantized) + (weights - ops.stop_gradient(weights))
    return ops.cast(result, dtype)
