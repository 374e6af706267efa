"""Ranges of sums, for any input and any order of additions."""

import numpy as np

from spkeras.hardware.log_ttfs.program import Program, ProgramLayer
from spkeras.ops.arrays import Int64Array


def channel_ranges(program: Program, layer: ProgramLayer) -> tuple[Int64Array, Int64Array]:
    """Return the least and largest sum of each channel.

    The largest product of a weight is that with the earliest spike. A partial sum lies between
    the bias plus all negative and the bias plus all positive products.

    Returns:
        Two int64 (channels,) in units of the accumulator's last bit.
    """
    low, high = layer.bias.copy(), layer.bias.copy()
    for branch in layer.branches:
        largest = program.table(layer, branch)[:, 0][branch.exponents] * branch.members
        low[branch.reached] -= np.where(branch.negative, largest, 0).sum((0, 1))
        high[branch.reached] += np.where(branch.negative, 0, largest).sum((0, 1))
    return low, high


def sum_range(program: Program, layer: ProgramLayer) -> tuple[int, int]:
    """Return the least and largest sum of a layer.

    Beyond 2^62 the result is an estimate, since int64 ends there; no accumulator is that wide.
    """
    largest = sum(
        float(program.table(layer, branch)[:, 0].max())
        * branch.members
        * branch.exponents[..., 0].size
        for branch in layer.branches
    )
    if largest >= 2.0**62:
        return -int(largest), int(largest)
    low, high = channel_ranges(program, layer)
    return min(int(low.min()), 0), max(int(high.max()), 0)
