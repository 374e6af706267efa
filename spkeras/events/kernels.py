"""The inner loops, compiled by numba: the network of one sample over a block of steps.

One compiled function interprets the operation table (`spkeras.events.table`) of any network. A
new network needs no compilation, and the compiled code is cached on disk. Each sample runs through
a whole block of steps while its potentials are in the processor's cache.
"""

import numpy as np

from spkeras.events.passing import compiled, contract, gather, pass_on, remap, window
from spkeras.events.table import Field, Kind
from spkeras.events.vectors import LANES, firing, peek, put
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# numba caches compiled code until this file changes. This digest of the other sources of the
# code, checked by a test, makes a change of `table`, `vectors` or `passing` change this file.
SOURCES = "fc137e380a638775"

# For each number of eight bits: the indices of the bits that are set, and their number.
_SET = np.array(
    [[k for k in range(8) if bits >> k & 1] + [0] * (8 - bits.bit_count()) for bits in range(256)],
    np.int32,
)
_HOW_MANY = np.array([bits.bit_count() for bits in range(256)], np.int64)

_fire_soft, _fire_zero = firing(zero=False), firing(zero=True)


@compiled
def _fire(
    op: Int64Array, weights: Float32Array, own: Float32Array, state: Float32Array, to: Int32Array
) -> int:
    """Update potentials: v <- v + z; spike where v >= V, and v <- v - V there (or 0)."""
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
            # Eight indices are written and those of spikes kept: no branch to mispredict.
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


@compiled
def _count(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    own: Float32Array,
    state: Float32Array,
    elapsed: np.float32,
    to: Int32Array,
    to_value: Float32Array,
) -> int:
    """Update u <- u + z, and send floor(tau f(max u / tau) / V + alpha - n), cut to the limits.

    max: over the pooling window; tau: steps since the start; n: spikes sent so far.
    """
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


@compiled
def _read(
    op: Int64Array,
    weights: Float32Array,
    own: Float32Array,
    state: Float32Array,
    elapsed: np.float32,
    answer: Float32Array,
) -> None:
    """Add the constant current, and write the mean since the read-out's start."""
    currents = own if op[Field.OWN] else weights
    for k in range(op[Field.SIZE]):
        state[op[Field.TARGET] + k] += currents[op[Field.BIAS] + k]
        answer[k] = state[op[Field.TARGET] + k] / elapsed


@compiled
def _tally(counted: Int64Array, places: Int32Array, sizes: Float32Array, count: int) -> np.int64:
    """Add spikes to the counts of the neurons, and return their number."""
    total = np.int64(0)
    for event in range(count):
        spikes = np.int64(abs(sizes[event]))
        counted[places[event]] += spikes
        total += spikes
    return total


@compiled
def _deliver(
    kind: int,
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    index: Int32Array,
    value: Float32Array,
    count: int,
    state: Float32Array,
) -> None:
    """Add events to the state, by the operation of this kind."""
    if kind == Kind.CONTRACT:
        contract(op, tables, weights, index, value, count, state)
    elif kind == Kind.WINDOW:
        window(op, tables, weights, index, value, count, state)
    else:
        pass_on(op, weights, index, value, count, state)


@compiled
def run(
    operations: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    regions: Int64Array,
    own: Float32Array,
    state: Float32Array,
    first: int,
    last: int,
    scratch: tuple[Int32Array, Float32Array, Int64Array],
    outputs: Float32Array,
    counted: Int64Array,
    sums: Int64Array,
) -> None:
    """Run one sample from step `first` to the step before `last`.

    Args:
        operations: The operation table, int64 (operations, fields).
        tables: Integers that the operations point into, int32.
        weights: Numbers that the operations point into, float32.
        regions: Start of the events of each slot, int64.
        own: Constant currents of the sample, float32.
        state: Potentials and sums of the sample, float32; changed.
        first: Index of the first step.
        last: Index after the last step.
        scratch: Events (positions int32, sizes float32) and their numbers by slot (int64).
        outputs: Means of the read-outs after each step, (steps, outputs) float32; written.
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
                written = gather(op, state, to, to_value)
            elif kind == Kind.REMAP:
                written = 0 if op[Field.FRESH] else numbers[slot]
                written = remap(op, tables, weights, index, value, count, to, to_value, written)
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
            # Invalid positions after the last event: `contract` reads up to three events ahead.
            to[written : written + 4] = -1
            numbers[slot] = written
