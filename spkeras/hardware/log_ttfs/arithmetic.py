"""Multiplication by adding exponents, with tables of whole numbers that are rounded once.

A weight is +-FSR 2^(-q / z), a spike at step k has the value theta0 2^(-k / tau). With
G = max(z, tau), both powers of two, exponents are multiples of 1 / G octave, and a product is

    2^(-d / G) = M[f] 2^(1 - W) 2^-i,   d = o + q G / z + k G / tau,  i = ceil(d / G),  f = -d mod G

in units of the largest full-scale product of its layer (o: distance of the branch below it).
M[f] = round(2^(f / G) 2^(W - 1)) is the mantissa table: G entries of W bits. The accumulator has
X bits below the table's last one, so that a product is M[f] shifted left by X - i, or truncated
on the right where that is negative.

Reference: logarithmic multiplication by Miyashita et al. 2016 (arXiv:1603.01025); for TTFS by Lew
et al. 2022 (arXiv:2208.04494), reconstructed.
"""

import math

import numpy as np

from spkeras.ops.arrays import BoolArray, Int64Array


def root_of_two(numerator: int, denominator: int) -> int:
    """Return floor(2^(numerator / denominator)) exactly; the denominator is a power of two."""
    if numerator < 0:
        return 0
    value = 1 << numerator
    while denominator > 1:
        # Exact, since floor(sqrt(x)) = floor(sqrt(floor(x))).
        value, denominator = math.isqrt(value), denominator // 2
    return value


def ceiling_of_two(numerator: int, denominator: int) -> int:
    """Return ceil(2^(numerator / denominator)) exactly, at least 1."""
    floor = root_of_two(numerator, denominator)
    exact = numerator >= 0 and numerator % denominator == 0
    return floor if exact else floor + 1


def rounded_power(numerator: int, denominator: int) -> int:
    """Return 2^(numerator / denominator) rounded to nearest, exactly."""
    return (root_of_two(numerator + denominator, denominator) + 1) // 2


def mantissa_table(grid: int, width: int) -> Int64Array:
    """Return M[f] = round(2^(f / grid) 2^(width - 1)), int64 (grid,).

    Example:
        >>> mantissa_table(4, 8)
        array([128, 152, 181, 215])
    """
    entries = [rounded_power(f + (width - 1) * grid, grid) for f in range(grid)]
    return np.array(entries, np.int64)


def split(distance: Int64Array, grid: int) -> tuple[Int64Array, Int64Array]:
    """Return shift i = ceil(d / grid) and mantissa index f = -d mod grid of exponents d >= 0."""
    down = -np.asarray(distance, np.int64)
    return -(down // grid), down % grid


def products(distance: Int64Array, mantissa: Int64Array, fraction: int) -> Int64Array:
    """Return products in units of the accumulator's last bit: table look-up, then shift.

    Args:
        distance: Exponents d >= 0, any shape.
        mantissa: Mantissa table M.
        fraction: X, bits of the accumulator below the table's last one.

    Returns:
        int64 of the same shape; bits shifted out on the right are lost.
    """
    shift, index = split(distance, len(mantissa))
    left = fraction - shift
    return mantissa[index] << np.maximum(left, 0) >> np.clip(-left, 0, 63)


def cut(distance: Int64Array, mantissa: Int64Array, fraction: int) -> BoolArray:
    """Return whether each product loses bits that are set, bool."""
    shift, index = split(distance, len(mantissa))
    lost = np.clip(shift - fraction, 0, 62)
    loses: BoolArray = (mantissa[index] & ((np.int64(1) << lost) - 1)) != 0
    return loses


def product_table(
    zero: int, weight_step: int, times: Int64Array, offset: int, mantissa: Int64Array, fraction: int
) -> Int64Array:
    """Return all products of a branch: each weight exponent with each spike time.

    Args:
        zero: Exponent of the weight 0; those of other weights are smaller.
        weight_step: G / z.
        times: k G / tau for each step, (T,).
        offset: o of the branch.
        mantissa: Mantissa table M.
        fraction: X, bits of the accumulator below the table's last one.

    Returns:
        int64 (zero + 1, T + 1); the last row (weight 0) and the last column (no spike) are 0.
    """
    q = np.arange(zero, dtype=np.int64)[:, None] * weight_step
    table = products(offset + q + times[None], mantissa, fraction)
    return np.pad(table, (0, 1))
