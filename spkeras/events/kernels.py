"""The inner loops, compiled by numba: one sample's network over a block of steps.

The only module that needs numba. One compiled function interprets the operation table
(`spkeras.events.table`) of any network, so that a new network compiles nothing, and the
compiled code is kept on disk. A sample runs through a whole block of steps while its potentials
lie in the processor's cache.
"""

from typing import Any

import numpy as np
from numba import njit

from spkeras.events.table import Field, Kind
from spkeras.events.vectors import LANES, adder, firing, peek, put

# Of each number of eight bits: the places of those that are set, and how many they are.
_SET = np.array(
    [[k for k in range(8) if bits >> k & 1] + [0] * (8 - bits.bit_count()) for bits in range(256)],
    np.int32,
)
_HOW_MANY = np.array([bits.bit_count() for bits in range(256)], np.int64)

HALF = LANES // 2
_add, _add_half = adder(LANES, 4), adder(HALF, 4)
_fire_soft, _fire_zero = firing(zero=False), firing(zero=True)

# Contraction: multiply and add in one instruction. Sums are float32 in the order of the events.
_compiled = njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, error_model="numpy")


@_compiled
def _contract(
    op: Any, tables: Any, weights: Any, index: Any, value: Any, count: Any, state: Any
) -> Any:
    """Each event adds its rows of weights; four of one position in one trip.

    Where a position has fewer, the first one stands in with size 0: cheaper than a branch that
    the processor cannot foresee.
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
        # Behind the last event stand places that no position has.
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


@_compiled
def _pass(op: Any, weights: Any, index: Any, value: Any, count: Any, state: Any) -> Any:
    """Each event adds itself where it stands."""
    size = weights[op[Field.WEIGHTS]]
    for event in range(count):
        state[np.uint64(op[Field.TARGET] + index[event])] += size * value[event]


@_compiled
def _window(
    op: Any, tables: Any, weights: Any, index: Any, value: Any, count: Any, state: Any
) -> Any:
    """Each event adds itself, weighed, wherever its window reaches on its own channel."""
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


@_compiled
def _remap(
    op: Any,
    tables: Any,
    weights: Any,
    index: Any,
    value: Any,
    count: Any,
    to: Any,
    to_value: Any,
    written: Any,
) -> Any:
    """Events to other places, times a share; -1 drops them."""
    share = weights[op[Field.WEIGHTS]]
    for event in range(count):
        place = peek(tables, op[Field.ROWS] + np.int64(index[event]))
        to[written] = place
        to_value[written] = share * value[event]
        written += place >= 0
    return written


@_compiled
def _gather(op: Any, state: Any, to: Any, to_value: Any) -> Any:
    """What is not zero becomes events, and is cleared."""
    written = 0
    sums = state[op[Field.TARGET] : op[Field.TARGET] + op[Field.SIZE]]
    for k in range(sums.size):
        if sums[k] != 0:
            to[written] = k
            to_value[written] = sums[k]
            written += 1
            sums[k] = 0
    return written


@_compiled
def _fire(op: Any, weights: Any, own: Any, state: Any, to: Any) -> Any:
    """v <- v + z; spike where v >= V; v <- v - V there (or 0)."""
    period, zero = op[Field.PERIOD], op[Field.ZERO]
    currents = own if op[Field.OWN] else weights
    written = 0
    for start in range(0, op[Field.SIZE], period):
        bias = op[Field.BIAS] + start % op[Field.BIAS_PERIOD]
        done = 0
        while done + LANES <= period:
            v, z = op[Field.TARGET] + start + done, bias + done
            if zero:
                bits = _fire_zero(state, v, currents, z, weights, op[Field.THRESHOLD] + done)
            else:
                bits = _fire_soft(state, v, currents, z, weights, op[Field.THRESHOLD] + done)
            # Eight places are written, and as many kept as have fired: no branch to guess wrong.
            put(to, written, _SET, bits & 255, start + done)
            written += peek(_HOW_MANY, bits & 255)
            put(to, written, _SET, bits >> 8, start + done + 8)
            written += peek(_HOW_MANY, bits >> 8)
            done += LANES
        for k in range(done, period):
            threshold = weights[op[Field.THRESHOLD] + k]
            potential = state[op[Field.TARGET] + start + k] + currents[bias + k]
            if potential >= threshold:
                to[written] = start + k
                written += 1
                potential = np.float32(0) if zero else potential - threshold
            state[op[Field.TARGET] + start + k] = potential
    return written


@_compiled
def _count(
    op: Any, tables: Any, weights: Any, own: Any, state: Any, elapsed: Any, to: Any, to_value: Any
) -> Any:
    """u <- u + z; sends what the target misses: tau f(max u / tau) / V + alpha - n, cut."""
    currents = own if op[Field.OWN] else weights
    received = state[op[Field.TARGET] : op[Field.TARGET] + op[Field.RECEIVED]]
    z = currents[op[Field.BIAS] : op[Field.BIAS] + op[Field.BIAS_PERIOD]]
    for start in range(0, received.size, z.size):
        part = received[start : start + z.size]
        for k in range(z.size):
            part[k] += z[k]
    alpha, slope, bound = weights[op[Field.NUMBERS] : op[Field.NUMBERS] + 3]
    sent = state[op[Field.SENT] : op[Field.SENT] + op[Field.SIZE]]
    written = 0
    for k in range(op[Field.SIZE]):
        if op[Field.POOL] < 0:
            u = received[k]
        else:
            u = np.float32(-np.inf)
            windows = op[Field.POOL]
            for entry in range(tables[windows + k], tables[windows + k + 1]):
                u = max(u, received[tables[entry]])
        target = u if u > 0 else slope * u
        if bound < np.inf:
            target = elapsed * min(target / elapsed, bound)
        threshold = weights[op[Field.THRESHOLD] + k % op[Field.PERIOD]]
        missing = np.floor(target / threshold - sent[k] + alpha)
        spikes = np.float32(min(max(missing, op[Field.LOW]), op[Field.HIGH]))
        if spikes != 0:
            sent[k] += spikes
            to[written] = k
            to_value[written] = spikes
            written += 1
    return written


@_compiled
def _read(op: Any, weights: Any, own: Any, state: Any, elapsed: Any, answer: Any) -> Any:
    """The mean since the read-out's start."""
    currents = own if op[Field.OWN] else weights
    for k in range(op[Field.SIZE]):
        state[op[Field.TARGET] + k] += currents[op[Field.BIAS] + k]
        answer[k] = state[op[Field.TARGET] + k] / elapsed


@_compiled
def _tally(counted: Any, places: Any, sizes: Any, count: Any) -> Any:
    """Adds the spikes to those of each neuron, and returns their number."""
    total = np.int64(0)
    for event in range(count):
        spikes = np.int64(abs(sizes[event]))
        counted[places[event]] += spikes
        total += spikes
    return total


@_compiled
def _deliver(
    kind: Any, op: Any, tables: Any, weights: Any, index: Any, value: Any, count: Any, state: Any
) -> Any:
    """What events do to the state."""
    if kind == Kind.CONTRACT:
        _contract(op, tables, weights, index, value, count, state)
    elif kind == Kind.WINDOW:
        _window(op, tables, weights, index, value, count, state)
    else:
        _pass(op, weights, index, value, count, state)


@_compiled
def run(
    operations: Any,
    tables: Any,
    weights: Any,
    regions: Any,
    own: Any,
    state: Any,
    first: Any,
    last: Any,
    scratch: Any,
    outputs: Any,
    counted: Any,
    sums: Any,
) -> Any:
    """Runs one sample from step `first` to before step `last`.

    Args:
        operations: The operation table, int64 (operations, fields).
        tables: Integers that the operations point into, int32.
        weights: Numbers that they point into, float32.
        regions: Where the events of each slot start, int64.
        own: The sample's own constant currents, float32.
        state: The sample's potentials and sums, float32; changed.
        first: Index of the first step.
        last: Index behind the last step.
        scratch: Events (places int32, sizes float32) and their numbers by slot (int64).
        outputs: (steps, outputs), float32; read-outs' means after each step.
        counted: Spikes of each neuron, int64; added to.
        sums: Spikes of each layer in each step, (steps, layers) int64; added to.
    """
    places, sizes, numbers = scratch
    for step in range(first, last):
        for number in range(operations.shape[0]):
            op = operations[number]
            kind, slot = op[Field.KIND], op[Field.SLOT]
            if step < op[Field.START]:
                numbers[slot] = 0
                continue
            begin = regions[op[Field.SOURCE]]
            index, value, count = places[begin:], sizes[begin:], numbers[op[Field.SOURCE]]
            to, to_value = places[regions[slot] :], sizes[regions[slot] :]
            written = 0
            if kind == Kind.READ:
                answer = outputs[step - first, op[Field.COUNTED] :]
                _read(op, weights, own, state, np.float32(step + 1 - op[Field.START]), answer)
            elif kind == Kind.GATHER:
                written = _gather(op, state, to, to_value)
            elif kind == Kind.REMAP:
                written = 0 if op[Field.FRESH] else numbers[slot]
                written = _remap(op, tables, weights, index, value, count, to, to_value, written)
            elif kind == Kind.FIRE or kind == Kind.COUNT:
                if kind == Kind.FIRE:
                    written = _fire(op, weights, own, state, to)
                else:
                    elapsed = np.float32(step + 1 - op[Field.START])
                    written = _count(op, tables, weights, own, state, elapsed, to, to_value)
                spikes = _tally(counted[op[Field.COUNTED] :], to, to_value, written)
                sums[step - first, op[Field.LAYER]] += spikes
            else:
                _deliver(kind, op, tables, weights, index, value, count, state)
                continue
            # Behind the last event: places that no position has.
            to[written : written + 4] = -1
            numbers[slot] = written
