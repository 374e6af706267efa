"""Input encodings: from a real input to the input of each time step, on `keras.ops`.

All three preserve the mean over time. They are pure functions of (value, position, step), so that
the spikes are the same for every backend and every batch size.
"""

import numpy as np
from keras import ops

from spkeras.ops.arrays import Float32Array
from spkeras.ops.types import Tensor

_DRAWS = 1 << 16
# Odd strides modulo a power of two use every draw once before any is repeated.
_ELEMENT_STRIDE, _STEP_STRIDE = 40503, 25173


def regular(x: Tensor, time: Tensor) -> Tensor:
    """Return evenly spread spikes: floor(x t + 1/2) of them in the first t steps.

    Args:
        x: Values in units of the input's scale; cut to [-1, 1]. Spikes of negative ones are -1.
        time: Index of the step, from 0.
    """
    return regular_count(x, time + 1) - regular_count(x, time)


def regular_count(x: Tensor, steps: Tensor) -> Tensor:
    """Return the number of spikes of a `regular` train in the first `steps` steps."""
    return ops.floor(ops.clip(x, -1.0, 1.0) * steps + 0.5)


def draws(seed: int) -> Float32Array:
    """Return uniform draws in [0, 1), float32 (65536,), for `bernoulli`."""
    return np.random.default_rng(seed).random(_DRAWS, dtype=np.float32)


def bernoulli(x: Tensor, time: Tensor, table: Tensor) -> Tensor:
    """Return a spike with probability |x| in each step, with the sign of x.

    The draw depends only on the position in the sample and on the step: a sample has the same
    spikes in any batch, in any order, on any backend.

    Args:
        x: Values in units of the input's scale, (batch, ...).
        time: Index of the step, from 0.
        table: Draws, from `draws`.
    """
    shape = x.shape[1:]
    elements = (np.arange(np.prod(shape), dtype="int64") * _ELEMENT_STRIDE % _DRAWS).astype("int32")
    offset = ops.cast(time, "int32") % _DRAWS * _STEP_STRIDE
    # PyTorch cannot add a NumPy array to a tensor.
    index = (ops.convert_to_tensor(elements) + offset) % _DRAWS
    uniform = ops.reshape(ops.take(table, index), (1, *shape))
    return ops.sign(x) * ops.cast(uniform < ops.abs(x), x.dtype)


def encode(coding: str, x: Tensor, time: Tensor, table: Tensor = None) -> Tensor:
    """Return the input of the network at one step under one of `CODINGS`."""
    if coding == "constant":
        return x
    return regular(x, time) if coding == "regular" else bernoulli(x, time, table)
