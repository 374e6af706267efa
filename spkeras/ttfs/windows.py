"""Index arrays of windows: the input positions that each output position reads.

Positions of a map are counted row by row; -1 means zero padding.
"""

import math
from collections.abc import Sequence

import numpy as np

NOWHERE = -1


def window_index(
    shape: Sequence[int],
    out: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
) -> np.ndarray:
    """Return the positions under each tap of a sliding window.

    Args:
        shape: Spatial sizes of the input, without channels.
        out: Spatial sizes of the output.
        window: Taps along each axis.
        strides: Step along each axis.
        dilation: Distance of taps along each axis.
        padding: "valid", "same" or "causal", as in Keras.

    Returns:
        Positions, int32 (positions out, taps), NOWHERE where a tap is outside the input.
    """
    axes = [
        _axis(*sizes, padding) for sizes in zip(shape, out, window, strides, dilation, strict=True)
    ]
    index = np.zeros((1, 1), np.int64)
    outside = np.zeros((1, 1), bool)
    for size, axis in zip(shape, axes, strict=True):
        beyond = (axis < 0) | (axis >= size)
        # Row by row: the axes so far are outer axes of the next one.
        index = index[:, None, :, None] * size + axis[None, :, None, :]
        outside = outside[:, None, :, None] | beyond[None, :, None, :]
        rows, taps = index.shape[0] * index.shape[1], index.shape[2] * index.shape[3]
        index, outside = index.reshape(rows, taps), outside.reshape(rows, taps)
    return np.where(outside, NOWHERE, index).astype(np.int32)


def _axis(size: int, out: int, window: int, stride: int, dilation: int, padding: str) -> np.ndarray:
    """Return the coordinates under each tap along one axis, (out, window)."""
    span = dilation * (window - 1) + 1
    before = 0
    if padding == "same":
        before = max((out - 1) * stride + span - size, 0) // 2
    elif padding == "causal":
        before = span - 1
    return np.arange(out)[:, None] * stride + np.arange(window) * dilation - before


def transposed_index(
    shape: Sequence[int],
    out: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
) -> np.ndarray:
    """Return the positions that reach each output of a transposed convolution by each tap.

    It is the convolution from `out` to `shape` in reverse; the arguments are those of
    `window_index`.

    Returns:
        Positions, int32 (positions out, taps), NOWHERE where a tap has no input.
    """
    forward = window_index(out, shape, window, strides=strides, dilation=dilation, padding=padding)
    index = np.full((math.prod(out), forward.shape[1]), NOWHERE, np.int32)
    for tap in range(forward.shape[1]):
        reached = np.flatnonzero(forward[:, tap] != NOWHERE)
        index[forward[reached, tap], tap] = reached
    return index


def repeated_index(shape: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """Return the positions of a map with elements repeated along each axis, int32 (positions,)."""
    own = np.arange(math.prod(shape), dtype=np.int32).reshape(tuple(shape))
    for axis, times in enumerate(size):
        own = np.repeat(own, times, axis)
    return own.reshape(-1)


def permuted_index(shape: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """Return the positions of a map with permuted axes, int32 (positions,)."""
    own = np.arange(math.prod(shape), dtype=np.int32).reshape(tuple(shape))
    return own.transpose(tuple(axes)).reshape(-1)


def padded_index(shape: Sequence[int], amounts: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the positions of a padded map, int32 (positions,), NOWHERE in the border."""
    own = np.arange(math.prod(shape), dtype=np.int32).reshape(tuple(shape))
    return np.pad(own, [tuple(pair) for pair in amounts], constant_values=NOWHERE).reshape(-1)


def cropped_index(shape: Sequence[int], amounts: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the positions of a map that remain after a crop, int32 (positions,)."""
    own = np.arange(math.prod(shape), dtype=np.int32).reshape(tuple(shape))
    kept = tuple(slice(a, size - b) for size, (a, b) in zip(shape, amounts, strict=True))
    return own[kept].reshape(-1)


def composed(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Return the positions under each tap of a window over windows.

    Args:
        inner: Positions of the first window, (cells, members).
        outer: Cells of the second window, (positions, taps).

    Returns:
        Positions (positions, taps * members); NOWHERE stays NOWHERE.
    """
    reached = inner[np.maximum(outer, 0)]
    reached = np.where(outer[..., None] == NOWHERE, NOWHERE, reached)
    return reached.reshape(len(outer), -1)


def gathered(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the rows under each tap: (samples, positions, channels) to (samples, out, taps, C)."""
    border = np.zeros_like(values[:, :1])
    # NOWHERE is -1: the row that is appended.
    return np.take(np.concatenate([values, border], 1), index, axis=1)
