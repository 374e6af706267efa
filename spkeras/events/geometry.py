"""The reach of windows: one small table per axis, since all windows are rectangles.

An event at position i of an axis reaches the output positions o with
``o * stride + tap * dilation = i + before``. The tables contain only positions inside the output,
so that the inner loops need no checks of borders.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spkeras.graph import Node

# For each input position the (output position, tap, factor of the axis) that it reaches.
Reach = list[list[tuple[int, int, float]]]


@dataclass(frozen=True)
class Axis:
    """One axis of a window.

    Attributes:
        size: Input positions.
        out: Output positions.
        taps: Positions in the window.
        stride: Distance of neighbouring windows.
        dilation: Distance of neighbouring taps.
        before: Padding before the first position.
        backwards: Whether each input position reaches a window of the output (transposed
            convolution).
    """

    size: int
    out: int
    taps: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    backwards: bool = False

    def reach(self) -> Reach:
        """Return the output positions that each input position reaches, in rising order."""
        if self.backwards:
            return [
                [
                    (place * self.stride - self.before + tap * self.dilation, tap, 1.0)
                    for tap in range(self.taps)
                    if 0 <= place * self.stride - self.before + tap * self.dilation < self.out
                ]
                for place in range(self.size)
            ]
        found: Reach = []
        for place in range(self.size):
            entries = []
            for tap in reversed(range(self.taps)):
                output, rest = divmod(place + self.before - tap * self.dilation, self.stride)
                if not rest and 0 <= output < self.out:
                    entries.append((output, tap, 1.0))
            found.append(entries)
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
    """Return the two axes of a convolution or pool; a sequence has one row.

    Args:
        node: Node with `strides`, `padding` and a window.
        shape: Shape of its input: one or two axes, then the channels.
    """
    kernel = node.arrays.get("kernel")
    window = node["pool_size"] if kernel is None else kernel.shape[:-2]
    dilation = (1,) * len(window) if kernel is None else node["dilation"]
    backwards = node.op == "conv_transpose"

    def before(size: int, out: int, taps: int, stride: int, spread: int) -> int:
        ends = (out, size) if backwards else (size, out)
        padding = node["padding"]
        return _before(*ends, taps, stride=stride, dilation=spread, padding=padding)

    found = [
        Axis(
            size=size,
            out=out,
            taps=taps,
            stride=stride,
            dilation=spread,
            before=before(size, out, taps, stride=stride, spread=spread),
            backwards=backwards,
        )
        for size, out, taps, stride, spread in zip(
            shape[:-1], node.shape[:-1], window, node["strides"], dilation, strict=True
        )
    ]
    return [Axis(1, 1), *found] if len(found) == 1 else found


def _before(size: int, out: int, taps: int, stride: int, dilation: int, padding: str) -> int:
    span = dilation * (taps - 1) + 1
    if padding == "causal":
        return span - 1
    return max((out - 1) * stride + span - size, 0) // 2 if padding == "same" else 0


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
    if node.op == "global_average_pool":
        return 1 / int(np.prod(shape[:-1]))
    shares = set()
    for axis in axes(node, shape):
        reach = averaged(axis.reach(), axis.out)
        if max(len(entries) for entries in reach) > 1:
            return None
        shares.add(tuple({share for entries in reach for *_, share in entries}))
    if any(len(share) > 1 for share in shares):
        return None
    return math.prod(
        next(share for entries in averaged(axis.reach(), axis.out) for *_, share in entries)
        for axis in axes(node, shape)
    )


def pooled_places(node: Node, shape: Sequence[int]) -> np.ndarray:
    """Return the index of the mean that each input belongs to; -1 for none."""
    index = np.arange(int(np.prod(node.shape))).reshape(-1, shape[-1])
    if node.op == "global_average_pool":
        return np.broadcast_to(index, shape)
    row, column = axes(node, shape)
    y, x = (np.array([e[0][0] if e else -1 for e in axis.reach()]) for axis in (row, column))
    places = index.reshape(row.out, column.out, shape[-1])[y[:, None], x]
    return np.where(((y[:, None] >= 0) & (x >= 0))[..., None], places, -1)


def pooled(node: Node, shape: Sequence[int]) -> list[np.ndarray]:
    """Return the elements (of the flat input) in the pooling window of each neuron of a layer.

    Args:
        node: A neuron with a pool.
        shape: Shape of its input.
    """
    index = np.arange(int(np.prod(shape))).reshape(shape)
    pool = node["pool"]
    if "pool_size" not in pool:
        flat = index.reshape(-1, shape[-1])
        return [flat[:, channel] for channel in range(shape[-1])]
    places = []
    outs = node.shape[:-1]
    sizes = zip(shape, outs, pool["pool_size"], pool["strides"], strict=False)
    for size, out, taps, stride in sizes:
        before = _before(size, out, taps, stride=stride, dilation=1, padding=pool["padding"])
        starts = np.arange(out) * stride - before
        places.append([slice(max(start, 0), min(start + taps, size)) for start in starts])
    return [
        index[tuple(axis[o] for axis, o in zip(places, position, strict=True))][
            ..., channel
        ].ravel()
        for position in np.ndindex(*outs)
        for channel in range(shape[-1])
    ]
