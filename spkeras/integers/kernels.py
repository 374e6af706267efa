"""Compiled loops over whole numbers: sums of weights, potentials, maxima."""

import numba
import numpy as np

from spkeras.ops.arrays import Int32Array, Int64Array

compiled = numba.njit(cache=True, nogil=True)


@compiled
def scatter(
    values: Int32Array | Int64Array,
    first: Int64Array,
    place: Int32Array,
    tap: Int32Array,
    kernel: Int32Array,
    groups: int,
    sums: Int32Array | Int64Array,
) -> None:
    """Add value * weight to the sums that each value reaches.

    Args:
        values: (samples, positions in, channels in).
        first: Index of the first connection of each position; the last entry is their number.
        place: Position in `sums` of each connection.
        tap: Tap of the window of each connection.
        kernel: (taps, channels in / groups, channels out).
        groups: Number of channel groups.
        sums: (samples, positions out, channels out), of the type of the values; changed.
    """
    inner = kernel.shape[1]
    outer = kernel.shape[2] // groups
    for sample in range(values.shape[0]):
        for position in range(values.shape[1]):
            for channel in range(values.shape[2]):
                value = values[sample, position, channel]
                if value == 0:
                    continue
                start = (channel // inner) * outer
                row = channel % inner
                for index in range(first[position], first[position + 1]):
                    target = sums[sample, place[index]]
                    weights = kernel[tap[index], row]
                    for out in range(start, start + outer):
                        target[out] += value * weights[out]


@compiled
def bounded(value: int, lowest: int, highest: int, wraps: bool) -> int:
    """Return a potential within its range: saturated, or its lowest bits."""
    if lowest <= value <= highest:
        return value
    if wraps:
        return (value - lowest) % (highest - lowest + 1) + lowest
    return lowest if value < lowest else highest


@compiled
def fire(
    potential: Int32Array,
    sent: Int32Array,
    current: Int32Array,
    constant: Int32Array,
    threshold: Int32Array,
    limits: Int64Array,
    spikes: Int32Array,
    seen: Int64Array,
) -> None:
    """Compute one step of neurons whose state is a potential and a number of sent spikes.

    Args:
        potential: (samples, neurons); changed.
        sent: (samples, neurons), or (samples, 0) where no spike depends on it; changed.
        current: (samples, neurons).
        constant: Constant current, (neurons,).
        threshold: (neurons,).
        limits: (lowest potential, highest, wraps, fewest spikes, most spikes, resets to zero).
        spikes: (samples, neurons); changed.
        seen: (lowest potential, highest) before the range is applied; changed.
    """
    lowest, highest, wraps = limits[0], limits[1], limits[2]
    few, many, zero = limits[3], limits[4], limits[5]
    counts = sent.shape[1] > 0
    for sample in range(potential.shape[0]):
        for index in range(potential.shape[1]):
            value = np.int64(potential[sample, index]) + current[sample, index] + constant[index]
            seen[0] = min(seen[0], value)
            seen[1] = max(seen[1], value)
            value = bounded(value, lowest, highest, wraps)
            level = value // threshold[index]
            if counts:
                level = max(level, -sent[sample, index])
            level = min(max(level, few), many)
            value = 0 if zero and level else value - level * threshold[index]
            potential[sample, index] = bounded(value, lowest, highest, wraps)
            if counts:
                sent[sample, index] += level
            spikes[sample, index] = level


@compiled
def receive(
    received: Int32Array,
    current: Int32Array,
    constant: Int32Array,
    limits: Int64Array,
    seen: Int64Array,
) -> None:
    """Add a step's current to received sums; arguments as in `fire`."""
    for sample in range(received.shape[0]):
        for index in range(received.shape[1]):
            value = np.int64(received[sample, index]) + current[sample, index] + constant[index]
            seen[0] = min(seen[0], value)
            seen[1] = max(seen[1], value)
            received[sample, index] = bounded(value, limits[0], limits[1], limits[2])


@compiled
def largest(
    received: Int32Array,
    window: Int32Array,
    rectified: bool,
    initial: Int32Array,
    threshold: Int32Array,
    sent: Int32Array,
    limits: Int64Array,
    spikes: Int32Array,
) -> None:
    """Send the spikes that bring `sent` to the largest received sum of each window.

    Args:
        received: (samples, positions in, channels).
        window: Positions in of each position out, (positions out, taps); -1 for none.
        rectified: Whether sums below zero count as zero.
        initial: Initial potential, (positions out, channels).
        threshold: As `initial`.
        sent: (samples, positions out, channels); changed.
        limits: As in `fire`.
        spikes: As `sent`.
    """
    for sample in range(received.shape[0]):
        for out in range(window.shape[0]):
            for channel in range(received.shape[2]):
                most = np.int64(-(1 << 62))
                for tap in range(window.shape[1]):
                    if window[out, tap] >= 0:
                        most = max(most, received[sample, window[out, tap], channel])
                if rectified:
                    most = max(most, np.int64(0))
                own = np.int64(threshold[out, channel])
                level = (most + initial[out, channel]) // own - sent[sample, out, channel]
                level = min(max(level, limits[3]), limits[4])
                sent[sample, out, channel] += level
                spikes[sample, out, channel] = level
