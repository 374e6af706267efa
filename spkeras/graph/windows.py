"""Windows along one axis: the input position under each tap of the window of each output.

A window is a rectangle: one table for each axis describes it, integers (outputs, taps), with
`NOWHERE` where a tap is outside the input. None: the positions of an axis stay.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spkeras.ops.arrays import BoolArray, Int32Array, Int64Array

NOWHERE = -1
# Largest stride, dilation and window: places are 64-bit numbers.
LONGEST = (1 << 31) - 1

# Half width of each interpolation's kernel, in input positions.
SUPPORT = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


def sliding(
    size: int, out: int, *, window: int, stride: int = 1, dilation: int = 1, padding: str = "valid"
) -> Int64Array:
    """Return the table of a convolution or a pooling, placed as in Keras.

    Args:
        size: Input positions.
        out: Output positions.
        window: Taps of the window.
        stride: Distance of neighbouring windows.
        dilation: Distance of neighbouring taps.
        padding: "valid", "same" or "causal".
    """
    span = dilation * (window - 1) + 1
    before = 0
    if padding == "same":
        before = max((out - 1) * stride + span - size, 0) // 2
    elif padding == "causal":
        before = span - 1
    table = np.arange(out)[:, None] * stride + np.arange(window) * dilation - before
    return np.where((table >= 0) & (table < size), table, NOWHERE)


def transposed(size: int, out: int, **window: Any) -> Int64Array:
    """Return the table of a transposed convolution: a convolution read backwards.

    Args:
        size: Input positions.
        out: Output positions.
        window: The further arguments of `sliding`.
    """
    forward = sliding(out, size, **window)
    table = np.full((out, forward.shape[1]), NOWHERE)
    for tap, reached in enumerate(forward.T):
        inside = np.flatnonzero(reached != NOWHERE)
        table[reached[inside], tap] = inside
    return table


def shifted(size: int, out: int, before: int) -> Int64Array:
    """Return the table of a move up by `before` positions, as in padding; negative in a crop."""
    table = np.arange(out)[:, None] - before
    return np.where((table >= 0) & (table < size), table, NOWHERE)


def resized(size: int, factor: int, interpolation: str) -> Int64Array:
    """Return the table of an upsampling."""
    outputs, inputs = np.arange(size * factor)[:, None], np.arange(size)
    if interpolation == "nearest":
        return outputs // factor
    # Distance to the output's centre, in halves of an output position: whole numbers are exact.
    distance = 2 * outputs + 1 - factor - 2 * factor * inputs
    # All these kernels vanish at whole distances other than 0.
    between = (distance == 0) | (distance % (2 * factor) != 0)
    read = (abs(distance) < 2 * factor * SUPPORT[interpolation]) & between
    return np.where(read, inputs, NOWHERE)


def of_matrix(matrix: np.ndarray) -> Int64Array:
    """Return the table of a matrix (positions before, positions after): its entries but zeros."""
    read = matrix.T != 0
    table = np.full((len(read), max(int(read.sum(axis=1).max()), 1)), NOWHERE)
    for out, row in enumerate(read):
        places = np.flatnonzero(row)
        table[out, : len(places)] = places
    return table


def pool_tables(
    pool: Mapping[str, Any], shape: Sequence[int], pooled: Sequence[int]
) -> list[Int64Array]:
    """Return the table of each axis of a pooling.

    Args:
        pool: The attributes of a pooling; a global one has no `pool_size`.
        shape: Shape of its input.
        pooled: Shape of its output.
    """
    if "pool_size" not in pool:
        return [np.arange(size)[None] for size in shape[:-1]]
    axes = zip(shape, pooled, pool["pool_size"], pool["strides"], strict=False)
    return [
        sliding(size, out, window=window, stride=stride, padding=pool["padding"])
        for size, out, window, stride in axes
    ]


def reach(table: Int64Array, size: int) -> BoolArray:
    """Return whether each input position (rows) is under the window of each output (columns)."""
    outputs, taps = np.nonzero(table != NOWHERE)
    found = np.zeros((size, len(table)), bool)
    found[table[outputs, taps], outputs] = True
    return found


def destinations(table: Int64Array, size: int) -> Int64Array:
    """Return the output of each input position, NOWHERE for none; windows must not overlap."""
    outputs, taps = np.nonzero(table != NOWHERE)
    found = np.full(size, NOWHERE)
    found[table[outputs, taps]] = outputs
    return found


def positions(tables: Sequence[Int64Array | None], shape: Sequence[int]) -> Int32Array:
    """Return the positions of a map under each tap of each window, counted row by row.

    Args:
        tables: The table of each axis.
        shape: Sizes of these axes in the input.

    Returns:
        Positions, int32 (positions out, taps), NOWHERE where a tap is outside the input.
    """
    index = np.zeros((1, 1), np.int64)
    outside = np.zeros((1, 1), bool)
    for size, table in zip(shape, tables, strict=True):
        axis = np.arange(size)[:, None] if table is None else table
        # The axes so far are outer axes of the next one.
        grid = index[:, None, :, None] * size + axis[None, :, None, :]
        beyond = outside[:, None, :, None] | (axis == NOWHERE)[None, :, None, :]
        rows = math.prod(grid.shape[:2])
        index, outside = grid.reshape(rows, -1), beyond.reshape(rows, -1)
    return np.where(outside, NOWHERE, index).astype(np.int32)
