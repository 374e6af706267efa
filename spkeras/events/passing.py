"""The operations on events between neurons, compiled by numba."""

import numpy as np
from numba import njit

from spkeras.events.table import Field
from spkeras.events.vectors import LANES, adder, peek
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# Digest of `table` and `vectors`, as in `spkeras.events.kernels`.
SOURCES = "2d39cb0410c56c60"

HALF = LANES // 2
_add, _add_half = adder(LANES, 4), adder(HALF, 4)

# Contraction: one instruction for multiply and add. Sums are float32 in the order of the events.
compiled = njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")


@compiled
def contract(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    index: Int32Array,
    value: Float32Array,
    count: int,
    state: Float32Array,
) -> None:
    """Add the rows of weights of each event, for up to four events of one position at once.

    Where a position has fewer events, the first one is repeated with size 0: this is faster than
    a branch that the processor cannot predict.
    """
    channels, stride = peek(op, Field.CHANNELS), peek(op, Field.STRIDE)
    inverse, shift = peek(op, Field.INVERSE), peek(op, Field.SHIFT)
    line, step = peek(op, Field.LINE), peek(op, Field.LEAD)
    grouped = peek(op, Field.GROUPED)
    event = 0
    while event < count:
        place = peek(index, event)
        position = (place * inverse) >> shift
        first = position * channels
        plan = peek(op, Field.ROWS) + 4 * position
        start = peek(op, Field.TARGET) + peek(tables, plan)
        if grouped != channels:
            start += ((place - first) // grouped) * peek(op, Field.SPREAD)
        # Invalid positions follow the last event.
        second, third = peek(index, event + 1) - first, peek(index, event + 2) - first
        fourth = peek(index, event + 3) - first
        two = np.int64((second >= 0) & (second < channels) & (grouped == channels))
        three = two * ((third >= 0) & (third < channels))
        four = three * ((fourth >= 0) & (fourth < channels))
        sizes = (
            peek(value, event),
            peek(value, event + 1) * np.float32(two),
            peek(value, event + 2) * np.float32(three),
            peek(value, event + 3) * np.float32(four),
        )
        a = peek(op, Field.WEIGHTS) + peek(tables, plan + 1) + (place - first) * stride
        b = a + two * (second + first - place) * stride
        c = a + three * (third + first - place) * stride
        d = a + four * (fourth + first - place) * stride
        length = peek(tables, plan + 3)
        for _ in range(peek(tables, plan + 2)):
            done = 0
            while done + LANES <= length:
                _add(state, start + done, weights, (a + done, b + done, c + done, d + done), sizes)
                done += LANES
            if done + HALF <= length:
                leads = (a + done, b + done, c + done, d + done)
                _add_half(state, start + done, weights, leads, sizes)
                done += HALF
            for k in range(done, length):
                state[start + k] += (
                    sizes[0] * weights[a + k]
                    + sizes[1] * weights[b + k]
                    + sizes[2] * weights[c + k]
                    + sizes[3] * weights[d + k]
                )
            start, a, b, c, d = start + line, a + step, b + step, c + step, d + step
        event += 1 + two + three + four


@compiled
def pass_on(
    op: Int64Array,
    weights: Float32Array,
    index: Int32Array,
    value: Float32Array,
    count: int,
    state: Float32Array,
) -> None:
    """Add each event at its position, times a factor."""
    size = weights[op[Field.WEIGHTS]]
    for event in range(count):
        state[np.uint64(op[Field.TARGET] + index[event])] += size * value[event]


@compiled
def window(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    index: Int32Array,
    value: Float32Array,
    count: int,
    state: Float32Array,
) -> None:
    """Add each event, weighted, at the positions of its window, on the same channel."""
    channels, width = op[Field.CHANNELS], op[Field.WIDTH]
    rows, columns = op[Field.ROWS], op[Field.COLUMNS]
    stride, spread, factors = op[Field.STRIDE], op[Field.SPREAD], op[Field.NUMBERS]
    for event in range(count):
        position = index[event] // channels
        channel = (index[event] - position * channels) * spread
        y = position // width
        x = position - y * width
        for row in range(tables[rows + y], tables[rows + y + 1], 3):
            share = value[event] * weights[factors + tables[row + 2]]
            for column in range(tables[columns + x], tables[columns + x + 1], 3):
                size = share * weights[factors + tables[column + 2]]
                start = op[Field.TARGET] + tables[row] + tables[column] + channel
                lead = tables[row + 1] + tables[column + 1] + channel * stride
                for k in range(spread):
                    state[start + k] += size * weights[op[Field.WEIGHTS] + lead + k * stride]


@compiled
def remap(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    index: Int32Array,
    value: Float32Array,
    count: int,
    to: Int32Array,
    to_value: Float32Array,
    written: int,
) -> int:
    """Write events at other positions, times a factor; -1 drops them."""
    share = weights[op[Field.WEIGHTS]]
    for event in range(count):
        place = peek(tables, op[Field.ROWS] + np.int64(index[event]))
        to[written] = place
        to_value[written] = share * value[event]
        written += place >= 0
    return written


@compiled
def gather(op: Int64Array, state: Float32Array, to: Int32Array, to_value: Float32Array) -> int:
    """Write the sums that are not zero as events, and clear them."""
    written = 0
    sums = state[op[Field.TARGET] : op[Field.TARGET] + op[Field.SIZE]]
    for k in range(sums.size):
        if sums[k] != 0:
            to[written] = k
            to_value[written] = sums[k]
            written += 1
            sums[k] = 0
    return written
