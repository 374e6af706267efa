"""Nodes that change the order or shape of values, left out where they would change nothing."""

import math
from collections.abc import Sequence

import numpy as np

from spkeras.frontend.handlers.call import Call, Port


def permuted(call: Call, port: Port, order: Sequence[int]) -> Port:
    """Return a port with its axes in another order; they count from 0 in its own shape."""
    if list(order) == list(range(len(port.shape))):
        return port
    shape = tuple(port.shape[axis] for axis in order)
    return call.add("permute", [port], shape, {"axes": tuple(axis + 1 for axis in order)})


def restored(call: Call, port: Port, order: Sequence[int]) -> Port:
    """Undo `permuted`."""
    return permuted(call, port, [int(axis) for axis in np.argsort(order)])


def reshaped(call: Call, port: Port, shape: Sequence[int]) -> Port:
    """Return a port with its values in another shape."""
    return port if port.shape == tuple(shape) else call.add("reshape", [port], tuple(shape))


def others(port: Port, axes: Sequence[int]) -> list[int]:
    """Return the axes of a port that are not among these."""
    return [axis for axis in range(len(port.shape)) if axis not in axes]


def flat_at_end(call: Call, port: Port, axes: Sequence[int]) -> Port:
    """Join these axes into one, the last; the others keep their order before it."""
    rest = others(port, axes)
    port = permuted(call, port, [*rest, *axes])
    kept = port.shape[: len(rest)]
    return reshaped(call, port, (*kept, math.prod(port.shape[len(rest) :])))


def back_from_end(call: Call, port: Port, axes: Sequence[int], shape: Sequence[int]) -> Port:
    """Undo `flat_at_end`; `shape` is the shape before it."""
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    port = reshaped(call, port, [shape[axis] for axis in (*rest, *axes)])
    return restored(call, port, [*rest, *axes])


def inner_axes(call: Call, port: Port, axes: Sequence[int]) -> list[int]:
    """Return axes in Keras's count (0 is the batch), sorted, as axes of the port's own shape.

    Raises:
        UnsupportedLayerError: the batch axis is among them.
    """
    rank = len(port.shape)
    counted = sorted({int(axis) % (rank + 1) for axis in axes})
    if counted[:1] == [0]:
        raise call.refuse(f"axis {tuple(axes)}, with the batch axis", "use the other axes only")
    return [port.axis(axis) for axis in counted]


def along(call: Call, port: Port, axis: int, matrix: np.ndarray, *, piece: str) -> Port:
    """Apply a matrix (values before, values after) to one axis of a port."""
    shape = list(port.shape)
    turned = flat_at_end(call, port, [axis])
    arrays = {"kernel": matrix.astype("float32")}
    mixed = call.add(
        "dense", [turned], (*turned.shape[:-1], matrix.shape[1]), arrays=arrays, piece=piece
    )
    shape[axis] = matrix.shape[1]
    return back_from_end(call, mixed, [axis], shape)
