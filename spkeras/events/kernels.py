"""The inner loop, compiled by numba: the network of one sample over a block of steps.

One compiled function interprets the operation table (`spkeras.events.table`) of any network. A
new network needs no compilation, and the compiled code is cached on disk. Each site runs all steps
of a block before the next one starts: no layer depends on those after it. Of large maps some rows
run at once, so that their sums stay in the processor's cache.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numba import types

from spkeras.events.jit import ZERO, compiled, kept
from spkeras.events.receiving import Buffers, receive
from spkeras.events.sending import arrivals, fire, gather, read, remap, tally
from spkeras.events.table import Field, Kind, Region
from spkeras.events.valuing import grade, value
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# Analysis of graded spikes; see `spkeras.events.valuing.grade`.
Graded: TypeAlias = tuple[Int64Array, Int32Array, Int32Array]

# numba caches compiled code until this file changes. This digest of the other sources of the
# code, checked by a test, makes a change of `table`, `vectors` or others change this file.
SOURCES = "09a5ce646511432d"


_WHOLE, _NUMBERS = types.int32[::1], types.float32[::1]
_LONG_ROWS = types.int64[:, ::1]
_tuple: Callable[..., types.Type] = types.Tuple
# Types of the arguments of `run`: compiled once, for all networks.
SIGNATURE = (
    _LONG_ROWS,
    _tuple((_WHOLE, _NUMBERS, _LONG_ROWS)),
    _NUMBERS,
    _NUMBERS,
    _tuple((types.int64, types.int64)),
    _tuple((_WHOLE, _NUMBERS, _WHOLE, _WHOLE, _NUMBERS, _WHOLE, _NUMBERS)),
    _NUMBERS,
    _tuple((types.float32[:, ::1], _WHOLE, _LONG_ROWS, _tuple((_LONG_ROWS, _WHOLE, _WHOLE)))),
)


@compiled
def _begin(
    op: Int64Array,
    span: tuple[int, int],
    steps: tuple[int, int],
    currents: Float32Array,
    sums: Float32Array,
) -> None:
    """Write the constant currents of some rows, for each step; steps: first, and after the last."""
    row = op[Field.WIDTH] * op[Field.CHANNELS]
    written = 0
    for step in range(steps[0], steps[1]):
        silent = op[Field.BIAS_PERIOD] == 0 or (op[Field.ONCE] and step > 0)
        for y in range(span[0], span[1]):
            # Loops: assignments of slices compile messages about their shapes.
            if silent:
                for k in range(row):
                    sums[np.uint64(written + k)] = 0
            else:
                lead = op[Field.BIAS] + y * row % op[Field.BIAS_PERIOD]
                for k in range(row):
                    sums[np.uint64(written + k)] = currents[np.uint64(lead + k)]
            written += row


@compiled
def _move(
    operations: Int64Array,
    number: int,
    steps: tuple[int, int],
    constants: tuple[Int32Array, Float32Array, Int64Array],
    events: tuple[Int32Array, Float32Array, Int32Array],
    ends: Int32Array,
) -> None:
    """Move the events of one or several slots to another one, sorted by their new positions."""
    tables, weights, regions = constants
    places, values, pointers = events
    op = operations[number]
    to = regions[op[Field.SLOT]]
    positions = op[Field.LINES]
    for step in range(steps[0], steps[1]):
        start = to[Region.PLACES] + step * to[Region.ROOM]
        first = to[Region.POINTERS] + step * to[Region.LENGTH]
        found = pointers[first : first + positions + 1]
        found[:] = 0
        for later in range(2):
            if later:
                for k in range(positions):
                    found[k + 1] += found[k]
                    ends[k] = found[k]
            for own in range(number + 1, number + 1 + op[Field.INPUTS]):
                source = regions[operations[own, Field.SOURCE]]
                begin = source[Region.PLACES] + step * source[Region.ROOM]
                last = source[Region.POINTERS] + (step + 1) * source[Region.LENGTH] - 1
                index, total = places[begin:], pointers[last]
                if later:
                    value = values[begin * operations[own, Field.VALUED] :]
                    target = (places[start:], values[start * op[Field.VALUED] :], found)
                    remap(operations[own], tables, weights, (index, value), total, ends, target, op)
                else:
                    arrivals(operations[own], tables, index, total, op[Field.CHANNELS], found)


@compiled
def _neurons(
    op: Int64Array,
    span: tuple[int, int],
    constants: tuple[Int32Array, Float32Array],
    region: Int64Array,
    state: Float32Array,
    sums: Float32Array,
    elapsed: np.float32,
    events: tuple[Int32Array, Float32Array, Int32Array],
    results: tuple[Float32Array, Int32Array, Int64Array, Graded],
) -> int:
    """Let some rows of neurons receive their sums of one step; return their number of spikes."""
    width, top = op[Field.WIDTH], span[0] * op[Field.WIDTH]
    # A pool is computed with all rows, and has other positions.
    end = region[Region.LENGTH] - 1 if op[Field.POOL] >= 0 else span[1] * width
    before = events[2][top]
    if op[Field.KIND] == Kind.FIRE:
        fire(op, span, constants[1], state, sums, events[0], events[2])
    else:
        value(op, span, constants, state, sums, elapsed)
        gather(op[Field.STRIDE], (top, end), sums, events)
    reach = (before, events[2][end])
    target = results[1][op[Field.COUNTED] :]
    if op[Field.LEVELS]:
        return grade(op, events[0], events[1], reach, target, results[3])
    return tally(target, events[0], events[1], reach, region[Region.VALUED])


@compiled
def _site(
    operations: Int64Array,
    number: int,
    window: tuple[int, int, int],
    constants: tuple[Int32Array, Float32Array, Int64Array],
    own: Float32Array,
    state: Float32Array,
    buffers: Buffers,
    sums: Float32Array,
    results: tuple[Float32Array, Int32Array, Int64Array, Graded],
) -> None:
    """Run a site over some steps of a block; window: first step, step after the last, time."""
    op = operations[number]
    outputs, _, layers, _ = results
    tables, weights, regions = constants
    places, values, pointers = buffers[0], buffers[1], buffers[2]
    region, kind = regions[op[Field.SLOT]], op[Field.KIND]
    for top in range(0, op[Field.LINES], op[Field.BAND]):
        span = (top, min(op[Field.LINES], top + op[Field.BAND]))
        length = (span[1] - span[0]) * op[Field.WIDTH] * op[Field.CHANNELS]
        for first in range(window[0], window[1], op[Field.CHUNK]):
            last = min(window[1], first + op[Field.CHUNK])
            times = (window[2] + first, window[2] + last)
            _begin(op, span, times, own if op[Field.OWN] else weights, sums)
            for input_ in range(number + 1, number + 1 + op[Field.INPUTS]):
                steps = (first, last)
                receive(operations[input_], op, span, steps, constants, buffers, sums)
            for step in range(first, last):
                part = sums[(step - first) * length :]
                elapsed = np.float32(window[2] + step + 1 - op[Field.START])
                begin = region[Region.PLACES] + step * region[Region.ROOM]
                lead = region[Region.POINTERS] + step * region[Region.LENGTH]
                sizes = values[begin * region[Region.VALUED] :]
                events = (places[begin:], sizes, pointers[lead:])
                if kind == Kind.READ:
                    read(op, state, part, elapsed, outputs[step, op[Field.COUNTED] :])
                    continue
                if top == 0:
                    events[2][0] = 0
                width = op[Field.WIDTH]
                if kind == Kind.GATHER:
                    channels = op[Field.CHANNELS]
                    gather(channels, (top * width, span[1] * width), part, events)
                    continue
                spikes = _neurons(
                    op, span, (tables, weights), region, state, part, elapsed, events, results
                )
                layers[step, op[Field.LAYER]] += spikes


@kept
def run(
    operations: Int64Array,
    constants: tuple[Int32Array, Float32Array, Int64Array],
    own: Float32Array,
    state: Float32Array,
    steps: tuple[int, int],
    buffers: Buffers,
    sums: Float32Array,
    results: tuple[Float32Array, Int32Array, Int64Array, Graded],
) -> None:
    """Run one sample over a block of steps.

    Args:
        operations: The operation table, int64 (operations, fields).
        constants: Integers (int32) and numbers (float32) that operations point into, and the
            table of event slots (int64).
        own: Constant currents of the sample, float32.
        state: Potentials and sums of the sample, float32; changed.
        steps: Index of the first step and of the step after the last.
        buffers: Positions, sizes and pointers of events; rows of weights, their sizes and ends;
            input rows of a window.
        sums: Sums of a site.
        results: Means of the read-outs after each step, (steps, outputs) float32, written; spikes of
            each neuron, int32, added to; spikes of each layer in each step, (steps, layers)
            int64, added to; analysis of graded spikes, or empty arrays.
    """
    length = steps[1] - steps[0]
    number = ZERO
    while number < operations.shape[0]:
        op = operations[number]
        begin = min(length, max(0, op[Field.START] - steps[0]))
        region = constants[2][op[Field.SLOT]]
        silent = region[Region.POINTERS]
        buffers[2][silent : silent + begin * region[Region.LENGTH]] = 0
        if op[Field.KIND] == Kind.REMAP:
            events = (buffers[0], buffers[1], buffers[2])
            _move(operations, number, (begin, length), constants, events, buffers[5])
        elif begin < length:
            window = (begin, length, steps[0])
            _site(operations, number, window, constants, own, state, buffers, sums, results)
        number += 1 + op[Field.INPUTS]
