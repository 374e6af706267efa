"""What becomes of the sums of a site: spikes, events or answers; compiled by numba."""

import numpy as np

from spkeras.events.jit import ZERO, compiled
from spkeras.events.table import LANES, Field
from spkeras.events.vectors import firing, peek, put
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# For each number of eight bits: the indices of the bits that are set, and their number.
_SET = np.array(
    [[k for k in range(8) if bits >> k & 1] + [0] * (8 - bits.bit_count()) for bits in range(256)],
    np.int32,
)
_HOW_MANY = np.array([bits.bit_count() for bits in range(256)], np.int64)

HALF = LANES // 2
_soft, _zero = firing(zero=False), firing(zero=True)


@compiled
def _fire_rest(
    op: Int64Array,
    reach: tuple[int, int, int],
    weights: Float32Array,
    state: Float32Array,
    sums: Float32Array,
    to: Int32Array,
    written: int,
) -> int:
    """Let some neurons fire, one by one; reach: that of `fire` for the first, and their number."""
    first, lead, count = reach
    v = op[Field.TARGET] + first
    level = op[Field.THRESHOLD] + first % op[Field.PERIOD]
    for k in range(count):
        threshold = weights[level + k]
        potential = state[v + k] + sums[lead + k]
        if potential >= threshold:
            to[written] = first + k
            written += 1
            potential = np.float32(0) if op[Field.ZERO] else potential - threshold
        state[v + k] = potential
    return written


@compiled
def _point(
    to: Int32Array, reach: tuple[int, int], channels: int, place: int, pointers: Int32Array
) -> None:
    """Write the pointers of the positions of a row, whose events are known."""
    event, written = reach
    for x in range(pointers.size):
        while event < written and to[event] < (place + x + 1) * channels:
            event += 1
        pointers[x] = event


@compiled
def fire(
    op: Int64Array,
    span: tuple[int, int],
    weights: Float32Array,
    state: Float32Array,
    sums: Float32Array,
    to: Int32Array,
    pointers: Int32Array,
) -> None:
    """Let the neurons of some rows fire: v <- v + z; spike where v >= V, and v <- v - V there (or 0).

    span: first row and row after the last.
    """
    channels, width, zero = op[Field.CHANNELS], op[Field.WIDTH], op[Field.ZERO]
    row = channels * width
    written, lead = ZERO + int(pointers[span[0] * width]), ZERO
    # Vectors between two pointers; 0: positions begin inside of vectors.
    whole = channels // LANES if channels % LANES == 0 else 0
    for y in range(span[0], span[1]):
        first, place, begun = y * row, y * width, written
        v, level = op[Field.TARGET] + first, op[Field.THRESHOLD] + first % op[Field.PERIOD]
        done, left = 0, whole
        while done + LANES <= row:
            if zero:
                bits = _zero(state, v + done, sums, lead + done, weights, level + done)
            else:
                bits = _soft(state, v + done, sums, lead + done, weights, level + done)
            # Eight indices are written and those of spikes kept: no branch to mispredict.
            put(to, written, _SET, bits & 255, first + done)
            written += peek(_HOW_MANY, bits & 255)
            put(to, written, _SET, bits >> 8, first + done + HALF)
            written += peek(_HOW_MANY, bits >> 8)
            done += LANES
            if whole:
                left -= 1
                pointers[place + 1] = written
                if left == 0:
                    left, place = whole, place + 1
        written = _fire_rest(
            op, (first + done, lead + done, row - done), weights, state, sums, to, written
        )
        if not whole:
            _point(to, (begun, written), channels, place, pointers[place + 1 : place + 1 + width])
        lead += row


@compiled
def gather(
    channels: int,
    places: tuple[int, int],
    sums: Float32Array,
    events: tuple[Int32Array, Float32Array, Int32Array],
) -> None:
    """Write the numbers that are not zero, of some positions, as events."""
    to, sizes, pointers = events
    written, lead = int(pointers[places[0]]), 0
    for place in range(places[0], places[1]):
        for k in range(channels):
            to[np.uint64(written)] = place * channels + k
            sizes[np.uint64(written)] = sums[lead + k]
            written += sums[lead + k] != 0
        lead += channels
        pointers[place + 1] = written


@compiled
def read(
    op: Int64Array,
    state: Float32Array,
    sums: Float32Array,
    elapsed: np.float32,
    answer: Float32Array,
) -> None:
    """Write the mean of the sum since the read-out's start, or the sum of a code of values."""
    weight = elapsed if op[Field.DIFFERENTIAL] else np.float32(1)
    steps = np.float32(1) if op[Field.ONCE] else elapsed
    for k in range(op[Field.SIZE]):
        state[op[Field.TARGET] + k] += sums[k] / weight
        answer[k] = state[op[Field.TARGET] + k] / steps


@compiled
def tally(
    counted: Int32Array,
    places: Int32Array,
    sizes: Float32Array,
    reach: tuple[int, int],
    valued: int,
) -> int:
    """Add spikes to the counts of the neurons, and return their number."""
    first, last = reach
    if not valued:
        for event in range(first, last):
            counted[np.uint64(peek(places, event))] += 1
        return last - first
    total = 0
    for event in range(first, last):
        spikes = int(abs(peek(sizes, event)))
        counted[np.uint64(peek(places, event))] += spikes
        total += spikes
    return total


@compiled
def remap(
    op: Int64Array,
    tables: Int32Array,
    weights: Float32Array,
    source: tuple[Int32Array, Float32Array],
    count: int,
    ends: Int32Array,
    events: tuple[Int32Array, Float32Array, Int32Array],
    site: Int64Array,
) -> None:
    """Write events at other positions, times a factor; `ends`: where those of each position go."""
    index, value = source
    to, sizes, _ = events
    share = weights[op[Field.WEIGHTS]]
    for event in range(count):
        place = int(peek(tables, op[Field.ROWS] + int(peek(index, event))))
        if place >= 0:
            position = place // site[Field.CHANNELS]
            written = ends[position]
            ends[position] = written + 1
            to[written] = place
            if site[Field.VALUED]:
                sizes[written] = share * (value[event] if op[Field.VALUED] else np.float32(1))


@compiled
def arrivals(
    op: Int64Array,
    tables: Int32Array,
    index: Int32Array,
    count: int,
    channels: int,
    found: Int32Array,
) -> None:
    """Add the number of events that a move brings to each position, at the index after its own."""
    for event in range(count):
        place = int(peek(tables, op[Field.ROWS] + int(peek(index, event))))
        if place >= 0:
            found[place // channels + 1] += 1
