"""Counting values by size: what calibration does with every number it sees."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

Counter = Callable[[np.ndarray, np.ndarray], None]


def count(codes: np.ndarray, histogram: np.ndarray) -> None:
    """Add the number of times that each code stands in each column to a histogram.

    Args:
        codes: Whole numbers (rows, channels), uint32.
        histogram: (codes, channels) int64, changed. Neighbouring channels have like values: so
            laid out, what is counted together lies together.
    """
    _counter()(codes, histogram)


@cache
def _counter() -> Counter:
    """Compiled where numba is there: ten times as fast as NumPy's way over one long index."""
    try:
        from numba import njit

        compiled: Counter = njit(nogil=True, cache=True)(_one_by_one)
        return compiled
    except (ImportError, RuntimeError):  # no numba, or no folder for what it compiles
        return _by_index


def _one_by_one(codes: Any, histogram: Any) -> None:
    for row in range(codes.shape[0]):
        for channel in range(codes.shape[1]):
            histogram[codes[row, channel], channel] += 1


def _by_index(codes: np.ndarray, histogram: np.ndarray) -> None:
    channels = histogram.shape[1]
    index = codes * np.int64(channels) + np.arange(channels)
    counted = np.bincount(index.reshape(-1), minlength=histogram.size)
    histogram += counted.reshape(histogram.shape)
