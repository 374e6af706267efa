"""The reach of windows: one small table per axis, since all windows are rectangles.

The tables contain only positions inside the output, so that the inner loops need no checks of
borders.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spkeras.graph import Node
from spkeras.graph.connections import tables
from spkeras.graph.windows import NOWHERE, pool_tables, positions

# For each input position the (output position, tap, factor of the axis) that it reaches.
Reach = list[list[tuple[int, int, float]]]


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a window.

    Attributes:
        size: Input positions.
        table: Its window, as in `spkeras.graph.windows`.
        stride: Distance of neighbouring windows.
        dilation: Distance of neighbouring taps.
        backwards: Whether each input position reaches a window of the output (transposed
            convolution).
    """

    size: int
    table: np.ndarray
    stride: int = 1
    dilation: int = 1
    backwards: bool = False

    @property
    def out(self) -> int:
        """Output positions."""
        return len(self.table)

    @property
    def taps(self) -> int:
        """Positions in the window."""
        return int(self.table.shape[1])

    def reach(self) -> Reach:
        """Return the output positions that each input position reaches, in rising order."""
        found: Reach = [[] for _ in range(self.size)]
        for output, row in enumerate(self.table.tolist()):
            for tap, place in enumerate(row):
                if place != NOWHERE:
                    found[place].append((output, tap, 1.0))
        return found

    @property
    def spacing(self) -> int:
        """Distance of neighbouring outputs that one position reaches."""
        shared = 1 if self.backwards else math.gcd(self.stride, self.dilation)
        return self.dilation // shared

    @property
    def order(self) -> list[int]:
        """Taps, ordered so that those of neighbouring outputs of one event are neighbours."""
        if self.backwards:
            return list(range(self.taps))
        return sorted(range(self.taps), key=lambda tap: (tap * self.dilation % self.stride, -tap))


def averaged(reach: Reach, out: int) -> Reach:
    """Return the reach with the factors of a mean: one over the number of inputs of an output."""
    taken = np.zeros(out)
    for entries in reach:
        for output, _, _ in entries:
            taken[output] += 1
    return [[(o, tap, 1 / taken[o]) for o, tap, _ in entries] for entries in reach]


def axes(node: Node, shape: Sequence[int]) -> list[Axis]:
    """Return the two axes of a convolution, pool or upsampling; a sequence has one row.

    Args:
        node: Node with a window.
        shape: Shape of its input: one or two axes, then the channels.
    """
    windows = tables(node, [tuple(shape)])[:-1]
    ones = (1,) * len(windows)
    strides, dilation = (node.attributes.get(name, ones) for name in ("strides", "dilation"))
    found = [
        Axis(
            size=size,
            table=np.arange(size)[:, None] if table is None else table,
            stride=stride,
            dilation=spread,
            backwards=node.op == "conv_transpose",
        )
        for size, table, stride, spread in zip(shape, windows, strides, dilation, strict=False)
    ]
    return [Axis(1, np.zeros((1, 1), int)), *found] if len(found) == 1 else found


def rows(axis: Axis) -> np.ndarray:
    """Return for each position of an axis: first output, index of its tap, number; (size, 3).

    The outputs that a position reaches have the distance `spacing`; their taps are neighbours in
    `Axis.order`.
    """
    place = {tap: number for number, tap in enumerate(axis.order)}
    found = np.zeros((axis.size, 3), np.int64)
    for entry, entries in zip(found, axis.reach(), strict=True):
        if entries:
            entry[:] = entries[0][0], place[entries[0][1]], len(entries)
    return found


def runs(axis: Axis, apart: bool) -> list[np.ndarray]:
    """Return `rows` for each run of neighbouring outputs: a list of (size, 3).

    Args:
        axis: The axis.
        apart: Whether each output is a run.
    """
    table = rows(axis)
    if axis.spacing == 1 and not apart:
        return [table]
    found = []
    for number in range(table[:, 2].max(initial=0)):
        there = (table[:, 2] > number)[:, None]
        shift = np.array([number * axis.spacing, number, 0])
        found.append(np.where(there, table * [1, 1, 0] + shift + [0, 0, 1], 0))
    return found


def share_of(node: Node, shape: Sequence[int]) -> float | None:
    """Return the factor of each input in its mean; None if factors differ or windows overlap."""
    inside = 1
    for table in tables(node, [tuple(shape)])[:-1]:
        assert table is not None
        taken = (table != NOWHERE).sum(axis=1)
        if (taken != taken[0]).any() or np.bincount(table[table != NOWHERE]).max() > 1:
            return None
        inside *= int(taken[0])
    return 1 / inside


def pooled(node: Node, shape: Sequence[int]) -> list[np.ndarray]:
    """Return the elements (of the flat input) in the pooling window of each neuron of a layer.

    Args:
        node: A neuron with a pool.
        shape: Shape of its input.
    """
    windows = positions(pool_tables(node["pool"], shape, node.shape), shape[:-1])
    channels = shape[-1]
    return [
        channels * window[window != NOWHERE] + channel
        for window in windows
        for channel in range(channels)
    ]
