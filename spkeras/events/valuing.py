"""Neurons of several, negative or graded spikes and of codes that keep values; compiled by numba."""

import numpy as np

from spkeras.events.jit import compiled
from spkeras.events.table import Field
from spkeras.events.vectors import bits_of, peek, rounded
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# Bits of the mantissa of a float32, and the exponent of 1.
_MANTISSA, _ONE = 23, 127


@compiled
def _pooled(tables: Int32Array, windows: int, received: Float32Array, values: Float32Array) -> None:
    """Write the maximum of each pooling window."""
    for k in range(values.size):
        largest = np.float32(-np.inf)
        for entry in range(tables[windows + k], tables[windows + k + 1]):
            largest = max(largest, received[tables[entry]])
        values[k] = largest


@compiled
def _graded(
    values: Float32Array,
    sent: Float32Array,
    thresholds: Float32Array,
    numbers: tuple[np.float32, np.float32, np.float32],
    op: Int64Array,
) -> None:
    """Write the graded spikes of some neurons over the sums that their functions take."""
    slope, bound, elapsed = numbers
    half = np.int32(1 << (_MANTISSA - op[Field.MANTISSA] - 1))
    least = np.float32(2.0) ** np.float32(1 - op[Field.LEVELS])
    scale = elapsed if op[Field.DIFFERENTIAL] else np.float32(1)
    for k in range(values.size):
        u = values[k]
        target = min(u if u > 0 else slope * u, bound)
        missing = (target / thresholds[k] - sent[k]) * scale
        size = rounded(missing, half)
        size = min(size, np.float32(1)) if size >= least else np.float32(0)
        spike = size if missing > 0 else -size
        values[k] = spike
        sent[k] += spike / scale


@compiled
def _whole(
    values: Float32Array,
    sent: Float32Array,
    thresholds: Float32Array,
    numbers: tuple[np.float32, np.float32, np.float32],
    op: Int64Array,
    alpha: np.float32,
) -> None:
    """Write the whole spikes of some neurons over the sums that their functions take."""
    slope, bound, elapsed = numbers
    low, high = np.float32(op[Field.LOW]), np.float32(op[Field.HIGH])
    scale = elapsed if op[Field.DIFFERENTIAL] else np.float32(1)
    for k in range(values.size):
        u = values[k]
        target = min(u if u > 0 else slope * u, bound)
        missing = (target / thresholds[k] - sent[k]) * scale
        spike = min(max(np.floor(missing + alpha), low), high)
        values[k] = spike
        sent[k] += spike / scale


@compiled
def _counting(
    values: Float32Array,
    sent: Float32Array,
    thresholds: Float32Array,
    numbers: tuple[np.float32, np.float32, np.float32],
    op: Int64Array,
    alpha: np.float32,
) -> None:
    """Write the spikes of some neurons of the rate code over the sums that their functions take.

    floor(tau f(u / tau) / V + alpha - n), cut to the limits; tau: steps since the start.
    """
    slope, bound, elapsed = numbers
    low, high = np.float32(op[Field.LOW]), np.float32(op[Field.HIGH])
    for k in range(values.size):
        u = values[k]
        target = u if u > 0 else slope * u
        if bound < np.inf:
            target = elapsed * min(target / elapsed, bound)
        missing = np.floor(target / thresholds[k] - sent[k] + alpha)
        spikes = min(max(missing, low), high)
        values[k] = spikes
        sent[k] += spikes


@compiled
def value(
    op: Int64Array,
    span: tuple[int, int],
    constants: tuple[Int32Array, Float32Array],
    state: Float32Array,
    sums: Float32Array,
    elapsed: np.float32,
) -> None:
    """Write the spikes of some rows of neurons over their sums.

    u <- u + w z; the spike is the part of f(max u) / V - n that one step can send; n <- n + w times
    the spike. w: 1, or 1 / step under the differential code; max: over the pooling window.
    """
    tables, weights = constants
    row = op[Field.WIDTH] * op[Field.CHANNELS]
    first, last = span[0] * row, span[1] * row
    begin = op[Field.TARGET] + first
    received, added = state[begin : begin + last - first], sums[: last - first]
    weight = elapsed if op[Field.DIFFERENTIAL] else np.float32(1)
    for k in range(last - first):
        received[k] += added[k] / weight
        added[k] = received[k]
    if op[Field.POOL] >= 0:
        # All rows at once: the sums are part of the received ones, and their memory is free.
        windows = op[Field.POOL]
        first, last = 0, tables[windows] - windows - 1
        _pooled(tables, windows, received, sums[:last])
    alpha, slope, bound = weights[op[Field.NUMBERS] : op[Field.NUMBERS] + 3]
    counting = not op[Field.ONCE] and not op[Field.LEVELS]
    if not op[Field.ONCE] and not counting:  # sums of the rate code grow with the steps
        bound = bound * elapsed
    numbers, period = (slope, bound, elapsed), op[Field.PERIOD]
    done = 0
    while done < last - first:
        level = op[Field.THRESHOLD] + (first + done) % period
        length = min(period, last - first - done)
        values, thresholds = sums[done : done + length], weights[level : level + length]
        sent = state[op[Field.SENT] + first + done : op[Field.SENT] + first + done + length]
        if op[Field.LEVELS]:
            _graded(values, sent, thresholds, numbers, op)
        elif counting:
            _counting(values, sent, thresholds, numbers, op, alpha)
        else:
            _whole(values, sent, thresholds, numbers, op, alpha)
        done += length


@compiled
def grade(
    op: Int64Array,
    places: Int32Array,
    sizes: Float32Array,
    reach: tuple[int, int],
    counted: Int32Array,
    graded: tuple[Int64Array, Int32Array, Int32Array],
) -> int:
    """Count graded spikes of neurons, and in a sample that is analysed their exponents and bits.

    graded: spikes of each layer and exponent; of each neuron spikes of size 1, and bits set. They
    are empty in other samples.
    """
    exponents, units, bits = graded
    for event in range(reach[0], reach[1]):
        counted[np.uint64(peek(places, event))] += 1
    if exponents.shape[0]:
        for event in range(reach[0], reach[1]):
            place = op[Field.COUNTED] + places[event]
            found = bits_of(abs(sizes[event]))
            exponent = _ONE - (found >> _MANTISSA)
            exponents[op[Field.LAYER], exponent] += 1
            units[place] += exponent == 0
            bits[place] += 1
            for k in range(1, op[Field.MANTISSA] + 1):
                bits[place] += (found >> (_MANTISSA - k)) & 1
    return reach[1] - reach[0]
