"""The operations that add events to the sums of a site, compiled by numba.

Sums are an array (steps, rows, positions, channels) of some steps and rows of the site.
"""

from typing import TypeAlias

import numpy as np

from spkeras.events.channelwise import depthwise, window
from spkeras.events.jit import ZERO, compiled
from spkeras.events.sums import TOGETHER, gatherer
from spkeras.events.table import LANES, Field, Kind, Region
from spkeras.events.vectors import copy, peek
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# Positions, sizes and pointers of events; listed rows of weights, their sizes and ends; input rows.
Buffers: TypeAlias = tuple[
    Int32Array, Float32Array, Int32Array, Int32Array, Float32Array, Int32Array, Float32Array
]

_gather1, _gather2, _gather3, _gather4 = (gatherer(n, False) for n in (1, 2, 3, 4))
_weigh1, _weigh2, _weigh3, _weigh4 = (gatherer(n, True) for n in (1, 2, 3, 4))


@compiled
def _list(
    op: Int64Array,
    span: tuple[int, int, int],
    tables: Int32Array,
    events: tuple[Int32Array, Float32Array, Int32Array],
    listed: tuple[Int32Array, Float32Array, Int32Array],
    written: int,
    number: int,
) -> int:
    """List the rows of weights that each position of some rows receives in one step.

    Args:
        op: The operation.
        span: First row, row after the last, number of positions in a row.
        tables: See `spkeras.events.kernels.run`.
        events: Positions, sizes, and pointers to the first event of each position.
        listed: Rows of weights and sizes; and for each position the start of its rows, and the end.
        written, number: Rows of weights, and positions, listed so far.
    """
    index, value, pointers = events
    rows, sizes, ends = listed
    channels, width, valued = op[Field.CHANNELS], op[Field.WIDTH], op[Field.VALUED]
    first, last, positions = span
    for y in range(first, last):
        lines, after = peek(tables, op[Field.ROWS] + y), peek(tables, op[Field.ROWS] + y + 1)
        for x in range(positions):
            runs = peek(tables, op[Field.COLUMNS] + x)
            end = peek(tables, op[Field.COLUMNS] + x + 1)
            for line in range(lines, after, 3):
                place = int(peek(tables, line)) * width
                lead = int(peek(tables, line + 1)) * op[Field.STRIDE]
                for run in range(runs, end, 3):
                    start = place + peek(tables, run)
                    shift = (lead + peek(tables, run + 2) - start) * channels
                    begin = int(peek(pointers, start))
                    count = int(peek(pointers, start + peek(tables, run + 1))) - begin
                    for done in range(0, count, LANES):
                        copy(rows, written + done, index, begin + done, shift)
                        if valued:
                            copy(sizes, written + done, value, begin + done, 0)
                    written += count
            # Rows of zeros fill up the last trip.
            for k in range(TOGETHER - 1):
                rows[written + k] = op[Field.TAPS]
                sizes[(written + k) * valued] = 0
            written = (written + TOGETHER - 1) & -TOGETHER
            number += 1
            ends[number] = written
    return written


@compiled
def _contract(
    op: Int64Array,
    count: int,
    weights: Float32Array,
    listed: tuple[Int32Array, Float32Array, Int32Array],
    sums: Float32Array,
) -> None:
    """Add the listed rows of weights to the sums of `count` positions, by blocks of columns."""
    rows, sizes, ends = listed
    out, base = op[Field.SPREAD], op[Field.WEIGHTS]
    left = (out + LANES - 1) // LANES
    begin = 0
    while left > 0:
        vectors = min(left, 4) + 4 * op[Field.VALUED]
        for number in range(count):
            first = int(peek(ends, number))
            trips = (int(peek(ends, number + 1)) - first) // TOGETHER
            start = number * out + begin
            if vectors == 4:
                _gather4(sums, start, weights, base, rows, sizes, first, trips)
            elif vectors == 3:
                _gather3(sums, start, weights, base, rows, sizes, first, trips)
            elif vectors == 2:
                _gather2(sums, start, weights, base, rows, sizes, first, trips)
            elif vectors == 1:
                _gather1(sums, start, weights, base, rows, sizes, first, trips)
            elif vectors == 8:
                _weigh4(sums, start, weights, base, rows, sizes, first, trips)
            elif vectors == 7:
                _weigh3(sums, start, weights, base, rows, sizes, first, trips)
            elif vectors == 6:
                _weigh2(sums, start, weights, base, rows, sizes, first, trips)
            else:
                _weigh1(sums, start, weights, base, rows, sizes, first, trips)
        base += (op[Field.TAPS] + 1) * LANES * min(left, 4)
        begin += 4 * LANES
        left -= 4


@compiled
def _pass_on(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    events: tuple[Int32Array, Float32Array, Int32Array],
    reach: tuple[int, int, int],
    sums: Float32Array,
) -> None:
    """Add events at their positions, or at those of a table; reach: first, last, and shift."""
    index, value, _ = events
    share = weights[op[Field.WEIGHTS]]
    first, last, shift = reach
    for event in range(first, last):
        size = share * peek(value, event) if op[Field.VALUED] else share
        place = int(peek(index, event))
        if op[Field.KIND] == Kind.PLACE:
            place = int(peek(tables, op[Field.ROWS] + place))
        sums[np.uint64(place - shift)] += size


@compiled
def _scatter(
    op: Int64Array,
    site: Int64Array,
    span: tuple[int, int],
    constants: tuple[Int32Array, Float32Array, Int64Array],
    events: tuple[Int32Array, Float32Array, Int32Array],
    region: Int64Array,
    sums: Float32Array,
) -> None:
    """Add the events of one step to some rows of sums, one by one; region: that of the events."""
    tables, weights, _ = constants
    kind, pointers, last = op[Field.KIND], events[2], region[Region.LENGTH] - 1
    if kind == Kind.WINDOW:
        window(op, tables, weights, events, pointers[last], sums)
    elif kind == Kind.PLACE:
        _pass_on(op, tables, weights, events, (ZERO, ZERO + int(pointers[last]), ZERO), sums)
    else:
        width = site[Field.WIDTH]
        first = ZERO + int(pointers[span[0] * width])
        after = ZERO + int(pointers[span[1] * width])
        shift = span[0] * width * site[Field.CHANNELS]
        _pass_on(op, tables, weights, events, (first, after, shift), sums)


@compiled
def receive(
    op: Int64Array,
    site: Int64Array,
    span: tuple[int, int],
    steps: tuple[int, int],
    constants: tuple[Int32Array, Float32Array, Int64Array],
    buffers: Buffers,
    sums: Float32Array,
) -> None:
    """Add the events of some steps of a block to some rows of sums.

    Args:
        op: The operation.
        site: The row of its site.
        span: First row and row after the last.
        steps: First step of the block and step after the last.
        constants: Tables, weights and regions.
        buffers: Events, their sizes and pointers; listed rows, their sizes and ends; input rows.
        sums: Added to.
    """
    tables, weights, regions = constants
    places, values, pointers, rows, sizes, ends, inputs = buffers
    region = regions[op[Field.SOURCE]]
    kind, width = op[Field.KIND], site[Field.WIDTH]
    length = (span[1] - span[0]) * width * site[Field.CHANNELS]
    listed, number = ZERO, ZERO
    ends[0] = 0
    for step in range(steps[0], steps[1]):
        begin = region[Region.PLACES] + step * region[Region.ROOM]
        lead = region[Region.POINTERS] + step * region[Region.LENGTH]
        events = (places[begin:], values[begin * op[Field.VALUED] :], pointers[lead:])
        own = sums[(step - steps[0]) * length :]
        if kind == Kind.CONTRACT:
            whole = (span[0], span[1], width)
            listed = _list(op, whole, tables, events, (rows, sizes, ends), listed, number)
            number += (span[1] - span[0]) * width
        elif kind == Kind.DEPTHWISE:
            whole = (span[0], span[1], width)
            depthwise(op, whole, tables, weights, events, (inputs, rows), own)
        else:
            _scatter(op, site, span, constants, events, region, own)
    if kind == Kind.CONTRACT:
        _contract(op, number, weights, (rows, sizes, ends), sums)
