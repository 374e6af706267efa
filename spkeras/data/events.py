"""Recordings of event cameras as the input spikes of each time step.

A recording is a structured array with the fields x, y, t, and p for the polarity, as tonic and the readers
of most cameras return it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spkeras.errors import DataError
from spkeras.ops.arrays import Float32Array

_FIELDS = frozenset("xyt")


def is_recording(value: object) -> bool:
    """Return whether a value is a structured array of events."""
    dtype = getattr(value, "dtype", None)
    return isinstance(value, np.ndarray) and set(getattr(dtype, "names", None) or ()) >= _FIELDS


def recording(x: Any, y: Any, t: Any, p: Any = 0) -> np.ndarray:
    """Return events as a structured array.

    Args:
        x: Columns.
        y: Rows.
        t: Times, in any unit.
        p: Polarities: 0 or 1, -1 or 1, or booleans.
    """
    columns = np.broadcast_arrays(*map(np.asarray, (x, y, t, p)))
    found = np.empty(columns[0].shape, [("x", "i4"), ("y", "i4"), ("t", "f8"), ("p", "i1")])
    for name, column in zip("xytp", columns, strict=True):
        found[name] = column
    return found


def frames_of(
    recordings: Sequence[np.ndarray],
    shape: tuple[int, ...],
    steps: int,
    duration: float | None = None,
) -> Float32Array:
    """Return the input spikes of each time step, (samples, steps, *shape).

    The duration is cut into `steps` bins of equal length. A pixel sends one spike, of value 1, in a step in
    which it has an event; further events of the same bin are left out, since a neuron sends one spike a step.

    Args:
        recordings: Structured arrays.
        shape: (rows, columns, channels) of the network's input: with two channels the first one receives
            negative polarities and the second one positive ones, with one channel both.
        steps: Number of time steps.
        duration: In units of t, from the first event; later events are left out. None: to the last event.

    Raises:
        DataError: no recording, events outside the sensor, or an input that is no map of one or two channels.
    """
    if len(shape) != 3 or shape[-1] not in (1, 2):
        raise DataError(
            f"events for an input of shape {shape}; allowed: (rows, columns, 1) or (rows, columns, 2)"
        )
    if not len(recordings):
        raise DataError("events: received no recording; allowed: at least one")
    found = np.zeros((len(recordings), steps, *shape), np.float32)
    for number, events in enumerate(recordings):
        if len(events):
            _fill(found[number], events, f"recording {number}", duration)
    return found


def _fill(frames: Float32Array, events: np.ndarray, where: str, duration: float | None) -> None:
    """Set the spikes of one recording."""
    steps, rows, columns, channels = frames.shape
    x, y = (np.asarray(events[name], np.int64) for name in "xy")
    time = np.asarray(events["t"], np.float64)
    for name, values, size in (("x", x, columns), ("y", y, rows)):
        if values.min() < 0 or values.max() >= size:
            raise DataError(
                f"{where}: {name} from {values.min()} to {values.max()}; allowed: 0 to {size - 1}, the "
                "size of the network's input"
            )
    if not np.isfinite(time).all():
        raise DataError(f"{where}: t holds NaN or infinity; allowed: finite times")
    time = time - time.min()
    length = float(time.max()) if duration is None else duration
    step = np.floor(time * (steps / length)).astype(np.int64) if length > 0 else np.zeros_like(x)
    if duration is None:
        step = np.minimum(step, steps - 1)
    channel = np.zeros_like(x)
    if channels == 2 and "p" in (events.dtype.names or ()):
        channel = (np.asarray(events["p"]) > 0).astype(np.int64)
    kept = step < steps
    frames[step[kept], y[kept], x[kept], channel[kept]] = 1


def framed(data: Any, shape: tuple[int, ...], steps: int) -> Any:
    """Return data with its recordings as frames in time; other data as they are.

    Args:
        data: Recordings, one of them, or a tuple of these with labels, and with weights.
        shape: Of the network's input.
        steps: Number of time steps.
    """
    if is_recording(data):
        return frames_of([data], shape, steps)[0]
    if isinstance(data, (list, tuple)) and len(data):
        if all(map(is_recording, data)):
            return frames_of(data, shape, steps)
        first = framed(data[0], shape, steps)
        if first is not data[0] and isinstance(data, tuple):
            return (first, *data[1:])
    if isinstance(data, np.ndarray) and data.dtype == object and data.size:
        if all(map(is_recording, data.ravel())):
            return frames_of(list(data.ravel()), shape, steps)
    return data
