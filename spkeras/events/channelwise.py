"""Windows that read and write the same channel: depthwise convolutions, pools; compiled by numba."""

import numpy as np

from spkeras.events.jit import FAR, ZERO, compiled
from spkeras.events.sums import windower
from spkeras.events.table import LANES, Field
from spkeras.events.vectors import peek
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

_window1, _window2, _window4 = (windower(n) for n in (1, 2, 4))


@compiled
def _unfold(
    op: Int64Array,
    lines: tuple[int, int],
    events: tuple[Int32Array, Float32Array, Int32Array],
    inputs: Float32Array,
) -> None:
    """Write the events of some rows as an array (positions, channels, copies)."""
    index, value, pointers = events
    width, channels, spread = op[Field.WIDTH], op[Field.CHANNELS], op[Field.SPREAD]
    base = lines[0] * width * channels
    inputs[: (lines[1] - lines[0]) * width * channels * spread] = 0
    first, last = pointers[lines[0] * width], pointers[lines[1] * width]
    if spread == 1 and not op[Field.VALUED]:
        for event in range(first, last):
            inputs[np.uint64(int(peek(index, event)) - base)] += np.float32(1)
        return
    for event in range(first, last):
        size = peek(value, event) if op[Field.VALUED] else np.float32(1)
        place = (int(peek(index, event)) - base) * spread
        for k in range(spread):
            inputs[np.uint64(place + k)] += size


@compiled
def _pair(
    op: Int64Array,
    tables: Int32Array,
    place: tuple[int, int, int],
    lengths: tuple[int, int],
    pairs: Int32Array,
) -> int:
    """Write the indices of the inputs under a window and of their weights; return their number.

    place: row and position of the sum, and first row of the inputs; lengths: channels of an input,
    and of the weights of a tap.
    """
    y, x, low = place
    rows, columns = op[Field.ROWS], op[Field.COLUMNS]
    count = 0
    for line in range(tables[rows + y], tables[rows + y + 1], 3):
        begin = (int(tables[line]) - low) * op[Field.WIDTH]
        lead = tables[line + 1] * op[Field.STRIDE]
        for column in range(tables[columns + x], tables[columns + x + 1], 3):
            pairs[2 * count] = (begin + tables[column]) * lengths[0]
            tap = lead + tables[column + 1]
            pairs[2 * count + 1] = op[Field.WEIGHTS] + tap * lengths[1]
            count += 1
    return count


@compiled
def depthwise(
    op: Int64Array,
    span: tuple[int, int, int],
    tables: Int32Array,
    weights: Float32Array,
    events: tuple[Int32Array, Float32Array, Int32Array],
    buffers: tuple[Float32Array, Int32Array],
    sums: Float32Array,
) -> None:
    """Add the events of one step through a window of each channel to some rows of sums."""
    first, last, positions = span
    inputs, pairs = buffers
    rows, columns = op[Field.ROWS], op[Field.COLUMNS]
    low, high = FAR, ZERO
    for line in range(tables[rows + first], tables[rows + last], 3):
        low, high = min(low, int(tables[line])), max(high, int(tables[line]) + 1)
    if high == 0:
        return
    _unfold(op, (low, high), events, inputs)
    channels = op[Field.CHANNELS] * op[Field.SPREAD]
    padded = (channels + LANES - 1) & -LANES
    start = 0
    for y in range(first, last):
        taken, count, begun = -1, 0, 0
        for x in range(positions):
            begin, end = tables[columns + x], tables[columns + x + 1]
            pattern = (end - begin) * op[Field.TAPS] + tables[begin + 1] if end > begin else -2
            if pattern != taken:
                begun, taken = tables[begin], pattern
                count = _pair(op, tables, (y, x, low), (channels, padded), pairs)
            # Neighbouring positions read the same taps, further on.
            shift = (tables[begin] - begun) * channels if end > begin else 0
            done = 0
            while done + 4 * LANES <= padded:
                _window4(sums, start + done, inputs, weights, pairs, count, shift + done, done)
                done += 4 * LANES
            if done + 2 * LANES <= padded:
                _window2(sums, start + done, inputs, weights, pairs, count, shift + done, done)
                done += 2 * LANES
            if done < padded:
                _window1(sums, start + done, inputs, weights, pairs, count, shift + done, done)
            start += channels


@compiled
def window(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    events: tuple[Int32Array, Float32Array, Int32Array],
    count: int,
    sums: Float32Array,
) -> None:
    """Add each event, weighted, at the positions of its window, on the same channel."""
    index, value, _ = events
    channels, width = op[Field.CHANNELS], op[Field.WIDTH]
    rows, columns = op[Field.ROWS], op[Field.COLUMNS]
    stride, factors = op[Field.STRIDE], op[Field.NUMBERS]
    for event in range(count):
        size = value[event] if op[Field.VALUED] else np.float32(1)
        position = index[event] // channels
        channel = index[event] - position * channels
        y = position // width
        x = position - y * width
        for row in range(tables[rows + y], tables[rows + y + 1], 3):
            share = size * weights[factors + tables[row + 2]]
            for column in range(tables[columns + x], tables[columns + x + 1], 3):
                lead = op[Field.WEIGHTS] + tables[row + 1] + tables[column + 1] + channel * stride
                factor = share * weights[factors + tables[column + 2]]
                sums[tables[row] + tables[column] + channel] += factor * weights[lead]
