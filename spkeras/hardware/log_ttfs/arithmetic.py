"""Multiplying by adding exponents: tables of whole numbers, made without rounding twice.

A weight is +-FSR 2^(-q / z), a spike at step k stands for theta0 2^(-k / tau). With G = max(z,
tau), both powers of two, exponents are whole numbers of 1 / G octave, and a product is

    2^(-d / G) = M[f] 2^(1 - W) 2^-i,   d = o + q G / z + k G / tau,  i = ceil(d / G),  f = -d mod G

in units of the largest full-scale product of its layer (o: how far a branch stays below it).
M[f] = round(2^(f / G) 2^(W - 1)) is the mantissa table: G entries of W bits. The accumulator has
X bits below the table's last one, so that a product is M[f] shifted left by X - i, or cut off on
the right where that is negative.

Reference: logarithmic multiplication by Miyashita et al. 2016 (arXiv:1603.01025); for TTFS by Lew
et al. 2022 (arXiv:2208.04494), reconstructed.
"""

import math

import numpy as np


def root_of_two(numerator: int, denominator: int) -> int:
    """floor(2^(numerator / denominator)), exactly, for a denominator that is a power of two."""
    if numerator < 0:
        return 0
    value = 1 << numerator
    while denominator > 1:
        # The floor of a root is the root of a floor.
        value, denominator = math.isqrt(value), denominator // 2
    return value


def ceiling_of_two(numerator: int, denominator: int) -> int:
    """ceil(2^(numerator / denominator)), exactly, at least 1."""
    floor = root_of_two(numerator, denominator)
    exact = numerator >= 0 and numerator % denominator == 0
    return floor if exact else floor + 1


def rounded_power(numerator: int, denominator: int) -> int:
    """2^(numerator / denominator) to the nearest whole number, exactly."""
    return (root_of_two(numerator + denominator, denominator) + 1) // 2


def mantissa_table(grid: int, width: int) -> np.ndarray:
    """M[f] = round(2^(f / grid) 2^(width - 1)), int64 (grid,).

    Example:
        >>> mantissa_table(4, 8)
        array([128, 152, 181, 215])
    """
    entries = [rounded_power(f + (width - 1) * grid, grid) for f in range(grid)]
    return np.array(entries, np.int64)


def split(distance: np.ndarray, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Shift i = ceil(d / grid) and mantissa index f = -d mod grid of exponents d >= 0."""
    down = -np.asarray(distance, np.int64)
    return -(down // grid), down % grid


def products(distance: np.ndarray, mantissa: np.ndarray, fraction: int) -> np.ndarray:
    """Products in units of the accumulator's last bit: table, then shift.

    Args:
        distance: Exponents d >= 0, any shape.
        mantissa: The table M.
        fraction: X, bits of the accumulator below the table's last one.

    Returns:
        int64 of the same shape; bits shifted out on the right are lost.
    """
    shift, index = split(distance, len(mantissa))
    left = fraction - shift
    return mantissa[index] << np.maximum(left, 0) >> np.clip(-left, 0, 63)


def cut(distance: np.ndarray, mantissa: np.ndarray, fraction: int) -> np.ndarray:
    """Whether a product loses bits that are set, bool."""
    shift, index = split(distance, len(mantissa))
    lost = np.clip(shift - fraction, 0, 62)
    return (mantissa[index] & ((np.int64(1) << lost) - 1)) != 0


def product_table(
    zero: int, weight_step: int, times: np.ndarray, offset: int, mantissa: np.ndarray, fraction: int
) -> np.ndarray:
    """All products of a branch: of each weight exponent with each spike time.

    Args:
        zero: The exponent that stands for the weight 0; those of other weights lie below it.
        weight_step: G / z.
        times: k G / tau for each step, (T,).
        offset: o of the branch.
        mantissa: The table M.
        fraction: X.

    Returns:
        int64 (zero + 1, T + 1); the last row (weight 0) and the last column (silence) are 0.
    """
    q = np.arange(zero, dtype=np.int64)[:, None] * weight_step
    table = products(offset + q + times[None], mantissa, fraction)
    return np.pad(table, (0, 1))
