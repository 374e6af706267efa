"""Convolutions with equal padding at both ends, as NIR has them."""

from collections.abc import Sequence

import numpy as np

from spkeras.ops.arrays import Float32Array

Ends = tuple[int, int]


def same_ends(size: int, *, span: int, stride: int) -> Ends:
    """Return the zeros before and after an axis under padding "same", as Keras places them."""
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def balanced(
    weight: Float32Array, ends: Sequence[Ends], dilation: Sequence[int]
) -> tuple[Float32Array, tuple[int, ...], tuple[int, ...]]:
    """Return a kernel that gives the same outputs with equal padding at both ends.

    Zeros are added to the kernel at the end that has less padding. Negative padding is a crop.

    Args:
        weight: Kernel (out, in / groups, *window).
        ends: Zeros before and after each axis of the window.
        dilation: Distance of neighbouring taps of each axis.

    Returns:
        The kernel, the padding and the dilation of each axis.
    """
    padding, spread = [], list(dilation)
    for axis, (before, after) in enumerate(ends):
        most = max(before, after, 0)
        if before == after == most:
            padding.append(most)
            continue
        if spread[axis] > 1:
            weight, spread[axis] = _dense(weight, axis + 2, spread[axis]), 1
        widths = [(0, 0)] * weight.ndim
        widths[axis + 2] = (most - before, most - after)
        weight = np.pad(weight, widths)
        padding.append(most)
    return weight, tuple(padding), tuple(spread)


def _dense(weight: Float32Array, axis: int, dilation: int) -> Float32Array:
    """Return a kernel with the zeros that a dilation leaves between taps."""
    shape = list(weight.shape)
    shape[axis] = (shape[axis] - 1) * dilation + 1
    wide = np.zeros(shape, weight.dtype)
    wide[(slice(None),) * axis + (slice(None, None, dilation),)] = weight
    return wide


def per_channel(scale: np.ndarray, axes: int) -> Float32Array:
    """Return the kernel of a convolution that scales each channel.

    It has one group: the package nir (1.0.8) refuses others when it checks types.
    """
    values = np.diag(np.asarray(scale, np.float32))
    return values.reshape(*values.shape, *[1] * axes)


def squared(weight: Float32Array, padding: Sequence[int]) -> tuple[Float32Array, tuple[int, ...]]:
    """Return a kernel with equal sides, by zeros at both ends, where that is possible.

    The package nir (1.0.8) takes the first side of a kernel for all of them.
    """
    most = max(weight.shape[2:])
    missing = [most - size for size in weight.shape[2:]]
    if any(number % 2 for number in missing):
        return weight, tuple(padding)
    widths = [(0, 0), (0, 0), *((number // 2, number // 2) for number in missing)]
    wider = tuple(p + number // 2 for p, number in zip(padding, missing, strict=True))
    return np.pad(weight, widths), wider


def ungrouped(weight: Float32Array, groups: int) -> Float32Array:
    """Return the kernel of a convolution in groups as one over all channels, with zeros.

    The package nir (1.0.8) and the simulators take the kernel's channels for those of the input.
    """
    rows, own = weight.shape[0] // groups, weight.shape[1]
    whole = np.zeros((weight.shape[0], own * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        block = slice(group * rows, (group + 1) * rows)
        whole[block, group * own : (group + 1) * own] = weight[block]
    return whole


def grouped(weight: Float32Array, groups: int) -> Float32Array | None:
    """Return the kernel that `ungrouped` was given; None where it was none of so many groups."""
    if groups < 1 or weight.shape[0] % groups or weight.shape[1] % groups:
        return None
    rows, own = weight.shape[0] // groups, weight.shape[1] // groups
    blocks = [
        weight[group * rows : (group + 1) * rows, group * own : (group + 1) * own]
        for group in range(groups)
    ]
    found = np.concatenate(blocks)
    return found if np.array_equal(ungrouped(found, groups), weight) else None
