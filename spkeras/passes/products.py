"""Products of a kernel and factors in float64, in blocks that are smaller than the kernel."""

from collections.abc import Iterator

import numpy as np

from spkeras.ops.arrays import Float32Array, Float64Array, empty, held

# Weights that are multiplied at once.
_BLOCK = 1 << 20


def times(kernel: np.ndarray, *factors: np.ndarray) -> Float32Array:
    """Return a kernel times factors, one after the other, multiplied in float64.

    Each product is rounded to float32. No copy of the whole kernel is made but the result.
    """
    result: Float32Array = empty(kernel.shape)
    wide = [np.broadcast_to(factor, kernel.shape) for factor in factors]
    for part in _blocks(kernel):
        product = kernel[part]
        for factor in wide:
            result[part] = product.astype(np.float64) * factor[part]
            product = result[part]
    return held(result)


def sums(kernel: np.ndarray, factors: np.ndarray) -> Float64Array:
    """Return the sum of a kernel times factors for each output, row after row in float64."""
    wide = np.broadcast_to(factors, kernel.shape)
    total: Float64Array = np.zeros(kernel.shape[-1])
    for part in _blocks(kernel):
        product = kernel[part].astype(np.float64) * wide[part]
        product[(0,) * (kernel.ndim - 1)] += total
        total = product.sum(tuple(range(kernel.ndim - 1)))
    return total


def _blocks(kernel: np.ndarray) -> Iterator[slice]:
    """Yield the rows of a kernel in blocks."""
    step = max(1, _BLOCK // max(1, kernel[:1].size))
    return (slice(begin, begin + step) for begin in range(0, len(kernel), step))
