"""Operators that move, copy or add values along an axis: flip, roll, take, tile, stack."""

import numpy as np

from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port
from spkeras.frontend.handlers.layout import along, inner_axes, permuted, reshaped
from spkeras.frontend.handlers.operators import on_all_axes

# Largest number of pieces that are cut out one by one.
_PIECES = 16


def taken(call: Call, port: Port, axis: int, places: np.ndarray) -> Port:
    """Take the values at these places of an axis, in their order; places may repeat.

    Neighbours are cut out together and joined. With too many pieces, a matrix of zeros and ones
    does the same, at the cost of a weight for each value and place.
    """
    cuts = np.flatnonzero(np.diff(places) != 1) + 1
    runs = np.split(places, cuts)
    if len(runs) > _PIECES:
        matrix = np.eye(port.shape[axis])[:, places]
        return along(call, port, axis, matrix, piece="taken")
    pieces = [_cut_out(call, port, axis, start=int(run[0]), stop=int(run[-1]) + 1) for run in runs]
    if len(pieces) == 1:
        return pieces[0]
    shape = [*port.shape]
    shape[axis] = len(places)
    joined = {"axis": -1 if axis == len(shape) - 1 else axis + 1}
    return call.add("concatenate", pieces, shape, joined)


def _cut_out(call: Call, port: Port, axis: int, start: int, stop: int) -> Port:
    """Return the values from start to stop of one axis."""
    amounts = [(0, 0)] * len(port.shape)
    amounts[axis] = (start, port.shape[axis] - stop)
    return on_all_axes(call, "crop", port, amounts) if any(amounts[axis]) else port


def _axis(call: Call, axis: int | None) -> int:
    """Return a Keras axis as an axis of the port in Keras's order."""
    if axis is None:
        raise call.refuse("axis=None, which joins the batch axis", "name an axis")
    (index,) = inner_axes(call, Port("", call.input.keras_shape), [axis])
    return index


def _flip(call: Call) -> Port:
    axes = call.operation.axis
    port = call.keras_order(call.input)
    for axis in [axes] if axes is None or isinstance(axes, int) else axes:
        index = _axis(call, axis)
        port = taken(call, port, index, np.arange(port.shape[index])[::-1])
    return port


def _roll(call: Call) -> Port:
    shifts, axes = call.operation.shift, call.operation.axis
    pairs = [(shifts, axes)] if axes is None or isinstance(axes, int) else zip(shifts, axes)
    port = call.keras_order(call.input)
    for shift, axis in pairs:
        index = _axis(call, axis)
        port = taken(call, port, index, np.roll(np.arange(port.shape[index]), shift))
    return port


def _take(call: Call) -> Port:
    places = call.given()["indices"]
    if isinstance(places, Port):
        raise call.refuse("places that are computed", "take fixed places")
    places = np.asarray(places)
    index = _axis(call, call.operation.axis)
    port = call.keras_order(call.input)
    size = port.shape[index]
    if np.any(places >= size) or np.any(places < -size):
        raise call.refuse(f"places {places.tolist()} of {size}", "take places that exist")
    port = taken(call, port, index, places.reshape(-1) % size)
    return reshaped(call, port, call.shape)


def _repeat(call: Call) -> Port:
    operation = call.operation
    port = call.keras_order(call.input)
    index = _axis(call, operation.axis)
    times = np.asarray(operation.repeats)
    if times.size == 1 and index < len(port.shape) - 1 < 4:
        size = tuple(int(times) if a == index else 1 for a in range(len(port.shape) - 1))
        attributes = {"size": size, "interpolation": "nearest"}
        return call.add("upsample", [port], call.shape, attributes)
    return taken(call, port, index, np.repeat(np.arange(port.shape[index]), times))


def _tile(call: Call) -> Port:
    times = call.operation.repeats
    times = [times] if isinstance(times, int) else [int(t) for t in times]
    port = call.keras_order(call.input)
    rank = len(port.shape)
    times = [1] * (rank + 1 - len(times)) + times
    if len(times) > rank + 1 or times[0] != 1:
        raise call.refuse(f"repeats={times}", "repeat only axes after the batch axis")
    for index, count in enumerate(times[1:]):
        if count != 1:
            places = np.tile(np.arange(port.shape[index]), count)
            port = taken(call, port, index, places)
    return port


def _stack(call: Call) -> Port:
    rank = len(call.shape) + 1
    axis = call.operation.axis % rank
    if axis == 0:
        raise call.refuse("axis 0, the batch axis", "use another axis")
    ports = [call.keras_order(port) for port in call.inputs]
    shape = [*call.shape]
    shape[axis - 1] = 1
    ports = [reshaped(call, port, shape) for port in ports]
    if len(ports) == 1:
        return ports[0]
    return call.add("concatenate", ports, call.shape, {"axis": axis if axis < rank - 1 else -1})


def _cumulative_sum(call: Call) -> Port:
    call.need_floats()
    index = _axis(call, call.operation.axis)
    port = call.keras_order(call.input)
    return along(call, port, index, np.triu(np.ones((port.shape[index],) * 2)), piece="sums")


def _difference(call: Call) -> Port:
    call.need_floats()
    index = _axis(call, call.operation.axis)
    port = call.keras_order(call.input)
    matrix = np.diff(np.eye(port.shape[index]), n=call.operation.n, axis=1)
    return along(call, port, index, matrix, piece="differences")


def _blocks(call: Call, *, to_depth: bool) -> Port:
    """Turn the pixels of a block into neighbouring channels, or the reverse."""
    operation = call.operation
    size = int(operation.block_size)
    if operation.data_format == FIRST:
        # Keras's backends order the channels differently then.
        raise call.refuse("data_format='channels_first'", "use channels_last")
    port = call.keras_order(call.input)
    height, width, depth = port.shape
    if to_depth:
        shape = (height // size, size, width // size, size, depth)
    else:
        shape = (height, width, size, size, depth // size**2)
    port = permuted(call, reshaped(call, port, shape), (0, 2, 1, 3, 4))
    return reshaped(call, port, call.shape)


OPERATORS: dict[str, Handler] = {
    "Cumsum": _cumulative_sum,
    "DepthToSpace": lambda call: _blocks(call, to_depth=False),
    "Diff": _difference,
    "Flip": _flip,
    "Repeat": _repeat,
    "Roll": _roll,
    "SpaceToDepth": lambda call: _blocks(call, to_depth=True),
    "Stack": _stack,
    "Take": _take,
    "Tile": _tile,
}
