"""Index arrays of windows: the input positions that each output position reads.

Positions of a map are counted row by row; -1 means zero padding.
"""

import math
from collections.abc import Sequence

import numpy as np

from spkeras.graph import Node
from spkeras.graph.connections import tables
from spkeras.graph.windows import NOWHERE, positions
from spkeras.ops.arrays import Int32Array


def window_index(node: Node, shape: Sequence[int]) -> Int32Array:
    """Return the positions under each tap of the window of a node.

    Args:
        node: A convolution, a pooling, or a node that moves positions.
        shape: Shape of its input; channels stay last.

    Returns:
        Positions, int32 (positions out, taps), NOWHERE where a tap is outside the input.
    """
    if node.operation.rearranged is not None:
        own = np.arange(math.prod(shape[:-1]), dtype=np.int32).reshape(*shape[:-1], 1)
        moved: np.ndarray = node.operation.rearranged(node, own)
        return moved.reshape(-1, 1)
    return positions(tables(node, [tuple(shape)])[:-1], shape[:-1])


def composed(inner: Int32Array, outer: Int32Array) -> Int32Array:
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


def gathered(values: np.ndarray, index: Int32Array) -> np.ndarray:
    """Return the rows under each tap: (samples, positions, channels) to (samples, out, taps, C)."""
    border = np.zeros_like(values[:, :1])
    # NOWHERE is -1: the row that is appended.
    return np.take(np.concatenate([values, border], 1), index, axis=1)
