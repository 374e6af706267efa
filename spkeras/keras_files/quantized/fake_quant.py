"""Fake quantisation of TensorFlow in NumPy: values rounded to n-bit levels between two ends.

Reference:
    TensorFlow, ``core/kernels/fake_quant_ops_functor.h``; Jacob et al. 2018, "Quantization and
    training of neural networks for efficient integer-arithmetic-only inference", CVPR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
_FLOAT = np.float32


@dataclass(frozen=True)
class Levels:
    """Levels of a range: step * k for low <= k <= high, one set or one per channel."""

    step: Array
    low: Array
    high: Array


def levels(ends: tuple[Array, Array], bits: int, narrow: bool) -> Levels:
    """Return the levels of a range, nudged so that 0 is one of them.

    Args:
        ends: Smallest and largest value, both numbers or both one per channel.
        bits: n.
        narrow: Whether the lowest of the 2^n levels is left out.
    """
    low, high = (np.asarray(end, _FLOAT) for end in ends)
    first, last = _FLOAT(1 if narrow else 0), _FLOAT(2**bits - 1)
    step = (high - low) / (last - first)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.where(step > 0, first - low / step, first)
    zero = np.clip(np.floor(exact + _FLOAT(0.5)), first, last)
    return Levels(step, first - zero, last - zero)


def fake_quantized(values: Array, ends: tuple[Array, Array], bits: int, narrow: bool) -> Array:
    """Return values rounded to the levels of their range; 0 for an empty range.

    Args:
        values: Array whose last axis is that of the channels.
        ends: As for `levels`.
        bits: n.
        narrow: As for `levels`.
    """
    found = levels(ends, bits, narrow)
    step = np.where(found.step > 0, found.step, _FLOAT(1))
    counts = np.floor(np.clip(values / step, found.low, found.high) + _FLOAT(0.5))
    return np.where(found.step > 0, counts * step, 0).astype(_FLOAT)
