"""Functions of several values by name, on `keras.ops`: normalisations, attention, products.

Neurons that keep values compute them; `spkeras.ops.activation` has the functions of one element.
Every tensor has a batch axis; axes count from 1 for the first one after it.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from spkeras.ops.arrays import BoolArray
from spkeras.ops.recurrent import recurrent
from spkeras.ops.types import Tensor

Axes = Sequence[int]


def apply(function: str, values: Sequence[Tensor], numbers: Mapping[str, Any]) -> Tensor:
    """Compute a function of several values.

    Args:
        function: A key of `spkeras.graph.vocabulary.FUNCTIONS`, or one of its `MERGING`.
        values: Tensors with a batch axis, in the order of the function's arguments.
        numbers: Parameters of the function, and its array "weight" where it has one.

    Returns:
        A tensor with a batch axis.
    """
    return _FUNCTIONS[function](*values, **numbers)


def _centred(x: Tensor, axes: Axes) -> Tensor:
    return x - ops.mean(x, tuple(axes), keepdims=True)


def _over_root_mean_square(x: Tensor, of: Tensor, axes: Axes, epsilon: float) -> Tensor:
    """Return x / sqrt(mean of `of` squared + epsilon)."""
    return x * ops.rsqrt(ops.mean(ops.square(of), tuple(axes), keepdims=True) + epsilon)


def _layer_normalization(x: Tensor, axes: Axes, epsilon: float) -> Tensor:
    centred = _centred(x, axes)
    return _over_root_mean_square(centred, centred, axes, epsilon)


def _variance_normalization(x: Tensor, axes: Axes, epsilon: float) -> Tensor:
    return _over_root_mean_square(x, _centred(x, axes), axes, epsilon)


def _rms_normalization(x: Tensor, axes: Axes, epsilon: float) -> Tensor:
    return _over_root_mean_square(x, x, axes, epsilon)


def _group_normalization(x: Tensor, groups: int, epsilon: float) -> Tensor:
    shape = tuple(x.shape[1:])
    split = ops.reshape(x, (-1, *shape[:-1], groups, shape[-1] // groups))
    axes = (*range(1, len(shape)), len(shape) + 1)
    return ops.reshape(_layer_normalization(split, axes, epsilon), (-1, *shape))


def _unit_normalization(x: Tensor, axes: Axes, epsilon: float) -> Tensor:
    # The reciprocal is bounded, not the square: epsilon squared may underflow in float32.
    inverse = ops.rsqrt(ops.sum(ops.square(x), tuple(axes), keepdims=True))
    return x * ops.minimum(inverse, 1.0 / epsilon)


def _visible(queries: int, keys: int, causal: bool, window: int | None) -> BoolArray | None:
    """Return the mask of the keys (columns) that each query (row) attends to; None for all."""
    if not causal and window is None:
        return None
    ahead = np.arange(keys) - np.arange(queries)[:, None]
    seen = ahead <= 0 if causal else np.ones_like(ahead, bool)
    return seen if window is None else seen & (abs(ahead) < window)


def _attend(scores: Tensor, value: Tensor, causal: bool, window: int | None = None) -> Tensor:
    """Return softmax(scores) value; scores (..., Tq, Tk)."""
    seen = _visible(scores.shape[-2], scores.shape[-1], causal, window)
    if seen is not None:
        scores = ops.where(seen, scores, -math.inf)
    return ops.matmul(ops.softmax(scores, axis=-1), value)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool, window: int | None
) -> Tensor:
    return _attend(ops.matmul(query, ops.swapaxes(key, -1, -2)) * scale, value, causal, window)


def _additive_attention(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, weight: Tensor = None
) -> Tensor:
    sums = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
    weighed = sums if weight is None else ops.multiply(sums, weight)
    return _attend(ops.sum(weighed, -1), value, causal)


def _dot(x: Tensor, y: Tensor, axes: Axes, normalize: float | None) -> Tensor:
    if normalize is not None:
        x = _unit_normalization(x, axes[:1], normalize)
        y = _unit_normalization(y, axes[1:], normalize)
    x, y = ops.moveaxis(x, axes[0], -1), ops.moveaxis(y, axes[1], 1)
    size, left, right = y.shape[1], tuple(x.shape[1:-1]), tuple(y.shape[2:])
    x = ops.reshape(x, (-1, math.prod(left), size))
    y = ops.reshape(y, (-1, size, math.prod(right)))
    return ops.reshape(ops.matmul(x, y), (-1, *((left + right) or (1,))))


def _elementwise(*values: Any, name: str) -> Any:
    return getattr(ops, name)(*values)


def _merge(operation: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Any]:
    return lambda *values: functools.reduce(operation, values)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "additive_attention": _additive_attention,
    "attention": _attention,
    "divide": ops.divide,
    "dot": _dot,
    "elementwise": _elementwise,
    "group_normalization": _group_normalization,
    "layer_normalization": _layer_normalization,
    "matmul": ops.matmul,
    "maximum": _merge(ops.maximum),
    "minimum": _merge(ops.minimum),
    "multiply": _merge(ops.multiply),
    "power": lambda x, exponent: ops.power(x, exponent),
    "recurrent": recurrent,
    "rms_normalization": _rms_normalization,
    "unit_normalization": _unit_normalization,
    "variance_normalization": _variance_normalization,
}
