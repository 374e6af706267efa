"""Windows of convolutions, pools and upsampling: the positions they connect, axis by axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spkeras.graph.node import Node

# Half width of each interpolation's kernel, in input positions.
_SUPPORT = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


def taps(node: Node, shape: Sequence[int]) -> list[np.ndarray]:
    """Return for each axis of a window the output positions that each input position reaches.

    Args:
        node: A convolution, a pool or an upsampling.
        shape: Shape of its input.

    Returns:
        One boolean matrix (input positions, output positions) per axis. A window is a
        rectangle: an element reaches another where it does so on all axes. Zero padding has no
        position.
    """
    if node.op == "upsample":
        return [
            _upsample_reach(size, factor, node["interpolation"])
            for size, factor in zip(shape, node["size"], strict=False)
        ]
    if node.op in ("average_pool", "max_pool"):
        return pool_taps(node, shape, node.shape)
    window, dilation = node.arrays["kernel"].shape[:-2], node["dilation"]
    axes = zip(shape, node.shape, window, node["strides"], dilation, strict=False)
    if node.op == "conv_transpose":
        # The transposed convolution is a convolution read backwards.
        return [
            _window_reach(out, size, k, stride=s, dilation=d, padding=node["padding"]).T
            for size, out, k, s, d in axes
        ]
    return [
        _window_reach(size, out, k, stride=s, dilation=d, padding=node["padding"])
        for size, out, k, s, d in axes
    ]


def pool_taps(
    pool: Node | Mapping[str, Any], shape: Sequence[int], pooled: Sequence[int]
) -> list[np.ndarray]:
    """Return `taps` for the window of a pooling, from its attributes and both shapes."""
    axes = zip(shape, pooled, pool["pool_size"], pool["strides"], strict=False)
    return [
        _window_reach(size, out, k, stride=s, dilation=1, padding=pool["padding"])
        for size, out, k, s in axes
    ]


def _window_reach(
    size: int, out: int, window: int, stride: int, dilation: int, padding: str
) -> np.ndarray:
    """Return the input positions (rows) within each window (columns), as Keras places them."""
    span = dilation * (window - 1) + 1
    before = 0
    if padding == "same":
        before = max((out - 1) * stride + span - size, 0) // 2
    elif padding == "causal":
        before = span - 1
    offset = np.arange(size)[:, None] + before - stride * np.arange(out)
    return (offset >= 0) & (offset < span) & (offset % dilation == 0)


def _upsample_reach(size: int, factor: int, interpolation: str) -> np.ndarray:
    """Return the output positions (columns) that read each input position (rows)."""
    outputs, inputs = np.arange(size * factor), np.arange(size)[:, None]
    if interpolation == "nearest":
        return inputs == outputs // factor
    # Distance to the output's centre, in halves of an output position: whole numbers are exact.
    distance = 2 * outputs + 1 - factor - 2 * factor * inputs
    # All these kernels vanish at whole distances other than 0.
    between = (distance == 0) | (distance % (2 * factor) != 0)
    return (abs(distance) < 2 * factor * _SUPPORT[interpolation]) & between
