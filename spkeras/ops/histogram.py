"""Counting of values by magnitude, for the histograms of calibration."""

from collections.abc import Callable
from functools import cache

import numpy as np

from spkeras.ops.arrays import Float32Array, Int64Array, UInt32Array

Counter = Callable[[UInt32Array, Int64Array, int], None]

_MAGNITUDE = 0x7FFFFFFF  # all bits of a float32 but its sign
_BLOCK = 1 << 20  # values that NumPy counts at once


def count(values: Float32Array, histogram: Int64Array, shift: int) -> None:
    """Add the number of values of each magnitude in each column to a histogram.

    The bin of a value is the bit pattern of its magnitude without the last `shift` bits.

    Args:
        values: Numbers (rows, channels), float32.
        histogram: Counts (bins, channels), int64, changed in place. Neighbouring channels have
            similar values: this layout keeps their counts close in memory.
        shift: Number of bits that are left out.
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    _counter()(bits, histogram, shift)


@cache
def _counter() -> Counter:
    """Return the counter: compiled where numba is installed, ten times as fast as NumPy."""
    try:
        from numba import njit

        compiled: Counter = njit(nogil=True, cache=True)(_one_by_one)
        return compiled
    except (ImportError, RuntimeError):  # no numba, or no folder for its cache
        return _by_index


def _one_by_one(bits: UInt32Array, histogram: Int64Array, shift: int) -> None:
    for row in range(bits.shape[0]):
        for channel in range(bits.shape[1]):
            histogram[(bits[row, channel] & _MAGNITUDE) >> shift, channel] += 1


def _by_index(bits: UInt32Array, histogram: Int64Array, shift: int) -> None:
    channels = histogram.shape[1]
    # Each block also costs a pass over the histogram: blocks are at least as large.
    rows = max(_BLOCK, histogram.size) // channels
    for start in range(0, len(bits), rows):
        codes = (bits[start : start + rows] & np.uint32(_MAGNITUDE)) >> np.uint32(shift)
        index = codes * np.int64(channels) + np.arange(channels)
        counted = np.bincount(index.reshape(-1), minlength=histogram.size)
        histogram += counted.reshape(histogram.shape)
