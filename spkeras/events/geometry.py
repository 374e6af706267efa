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
# For each output position the runs that it reads: (first input position, number, first tap).
Runs = list[list[tuple[int, int, int]]]


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a window.

    Attributes:
        size: Input positions.
        table: Its window, as in `spkeras.graph.windows`.
    """

    size: int
    table: np.ndarray

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

    def runs(self, longest: int | None = None) -> Runs:
        """Return the runs of neighbouring input positions under neighbouring taps.

        Args:
            longest: Longest run; None: any.
        """
        found: Runs = []
        for row in self.table.tolist():
            runs: list[tuple[int, int, int]] = []
            for tap, place in enumerate(row):
                if place == NOWHERE:
                    continue
                first, number, lead = runs[-1] if runs else (place, 0, tap)
                follows = (first + number, lead + number) == (place, tap)
                if runs and follows and number != longest:
                    runs[-1] = (first, number + 1, lead)
                else:
                    runs.append((place, 1, tap))
            found.append(runs)
        return found


def averaged(reach: Reach, out: int) -> Reach:
    """Return the reach with the factors of a mean: one over the number of inputs of an output."""
    taken = np.zeros(out)
    for entries in reach:
        for output, _, _ in entries:
            taken[output] += 1
    return [[(o, tap, 1 / taken[o]) for o, tap, _ in entries] for entries in reach]


def axes(node: Node, shape: Sequence[int]) -> tuple[Axis, Axis]:
    """Return the two axes of a convolution, pool or upsampling; a sequence has one row.

    Args:
        node: Node with a window.
        shape: Shape of its input: one or two axes, then the channels.
    """
    windows = tables(node, [tuple(shape)])[:-1]
    found = [
        Axis(size, np.arange(size)[:, None] if table is None else table)
        for size, table in zip(shape, windows, strict=False)
    ]
    row, column = found if len(found) > 1 else (Axis(1, np.zeros((1, 1), int)), *found)
    return row, column


def plain_axes(shape: Sequence[int]) -> tuple[Axis, Axis]:
    """Return the axes of an operation on each position, for an input of any rank."""
    lines, width, _ = plane(shape)
    return Axis(lines, np.arange(lines)[:, None]), Axis(width, np.arange(width)[:, None])


def plane(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return rows, positions in a row, and channels of a shape of any rank."""
    return math.prod(shape[:-2]), shape[-2] if len(shape) > 1 else 1, shape[-1]


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
