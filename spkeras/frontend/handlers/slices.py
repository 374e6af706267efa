"""Indexing and splitting in functional graphs: `x[:, 1:-1, ::2]`, `keras.ops.split`."""

from typing import Any

import numpy as np

from spkeras.frontend.handlers.call import Call, Handler, Port
from spkeras.frontend.handlers.layout import reshaped
from spkeras.frontend.handlers.moving import taken
from spkeras.frontend.handlers.operators import on_all_axes

_WHOLE = slice(None)


def _get_item(call: Call) -> Port:
    return take(call, call.given()["key"])


def take(call: Call, key: Any) -> Port:
    """Crop, then take every n-th value, then drop the axes indexed by a number."""
    port = call.keras_order(call.input)
    slices = _per_axis(call, key, port)
    spans = [s.indices(size) for s, size in zip(slices, port.shape, strict=True)]
    if not all(len(range(*span)) for span in spans):
        raise call.refuse("an empty slice", "take at least one value of each axis")
    for axis, (start, stop, step) in enumerate(spans):
        if step < 0 or (step > 1 and axis == len(spans) - 1):
            port = taken(call, port, axis, np.arange(start, stop, step))
            spans[axis] = (0, port.shape[axis], 1)
    ends = zip(spans, port.shape, strict=True)
    amounts = [(start, size - stop) for (start, stop, _), size in ends]
    if any(any(pair) for pair in amounts):
        port = on_all_axes(call, "crop", port, amounts)
    steps = tuple(step for _, _, step in spans)
    if any(step > 1 for step in steps):
        port = _every(call, port, steps[:-1])
    return port if port.shape == call.shape else call.add("reshape", [port], call.shape)


def _per_axis(call: Call, key: Any, port: Port) -> list[slice]:
    """Return one slice per axis except the batch; an index i is the slice i:i+1.

    In files the tuple of the indices is a list.
    """
    keys = list(key) if isinstance(key, tuple | list) else [key]
    keys = [k for k in keys if k is not None]
    if any(not (k is Ellipsis or isinstance(k, (int, slice))) for k in keys):
        raise call.refuse(f"indices {key!r}", "use numbers and slices")
    full = len(port.shape) + 1
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [_WHOLE] * (full - len(keys) + 1)
    keys += [_WHOLE] * (full - len(keys))
    if not _is_whole(keys[0]):
        raise call.refuse(f"index {keys[0]!r} of the batch axis", "take the whole batch")
    return [k if isinstance(k, slice) else slice(k, k + 1 or None) for k in keys[1:]]


def _is_whole(key: Any) -> bool:
    return isinstance(key, slice) and not key.start and key.stop is None and key.step in (None, 1)


def _every(call: Call, port: Port, steps: tuple[int, ...]) -> Port:
    """Take every n-th value along each axis: windows of one value, n apart."""
    sizes = [-(-size // step) for size, step in zip(port.shape, steps, strict=False)]
    attributes = {"pool_size": (1,) * len(steps), "strides": steps, "padding": "valid"}
    return call.add("average_pool", [port], (*sizes, port.shape[-1]), attributes)


def _split(call: Call) -> list[Port]:
    port = call.keras_order(call.input)
    axis = call.operation.axis % (len(port.shape) + 1)
    if axis == 0:
        raise call.refuse("axis 0, the batch axis", "use another axis")
    pieces, start = [], 0
    for shape in call.shapes:
        end = start + shape[axis - 1]
        amounts = [(0, 0)] * len(port.shape)
        amounts[axis - 1] = (start, port.shape[axis - 1] - end)
        pieces.append(on_all_axes(call, "crop", port, amounts))
        start = end
    return pieces


def _unstack(call: Call) -> list[Port]:
    """Take the values at each place of an axis, which the results do not have."""
    port = call.keras_order(call.input)
    axis = call.operation.axis % (len(port.shape) + 1)
    if axis == 0:
        raise call.refuse("axis 0, the batch axis", "use another axis")
    pieces = []
    for place, shape in enumerate(call.shapes):
        amounts = [(0, 0)] * len(port.shape)
        amounts[axis - 1] = (place, port.shape[axis - 1] - place - 1)
        pieces.append(reshaped(call, on_all_axes(call, "crop", port, amounts), shape))
    return pieces


OPERATORS: dict[str, Handler] = {"GetItem": _get_item, "Split": _split, "Unstack": _unstack}
