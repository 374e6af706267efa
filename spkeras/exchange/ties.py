"""Potentials that equal a threshold: decided before the network is written.

spkeras's neurons fire at v >= V; NIR's at v > V, and simulators do either. Where all numbers of a layer
are multiples of a power of two q, as in whole-number networks, potentials often equal thresholds. Adding
less than q to the potentials then changes no spike of v >= V, and makes v > V give the same ones.
"""

import math
from dataclasses import replace

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.parts import Exchange, Part

# Inputs are taken as multiples of this part of their scale, as 8-bit images are.
_INPUT = 2.0**-8
# Bits of a float32 number.
_BITS = 24


def without_ties(network: Exchange) -> Exchange:
    """Return a network in which no potential equals its threshold, where that is exact.

    Initial potentials that are not zero, and those of whole numbers, are raised by q / 2; else the currents of a layer, by q / (2 T')
    with T' the power of two from T. Layers stay as they are where float32 does not hold the sum of the
    largest current of a step and the threshold to that part.
    """
    quanta: dict[str, tuple[float, float]] = {}
    changed: dict[str, Part] = {}
    readers: dict[str, list[str]] = {}
    for part in network.parts:
        for name in part.inputs:
            readers.setdefault(name, []).append(part.name)
    for part in network.parts:
        quanta[part.name] = _grid(part, [quanta[name] for name in part.inputs], network.encoding)
        if part.kind == kinds.NEURONS:
            own = [network[name] for name in part.inputs if readers[name] == [part.name]]
            new = _raised(part, own, quanta[part.name], network)
            quanta[part.name] = (1.0, 1.0)
            if new is not None:
                changed[new.name] = new
    return network.with_parts([changed.get(part.name, part) for part in network.parts])


def with_ties(network: Exchange) -> Exchange:
    """Return the network that `without_ties` was given."""
    return network.with_parts([_lowered(part) for part in network.parts])


def _lowered(part: Part) -> Part:
    if not part.tie:
        return part
    name = "initial" if part.kind == kinds.NEURONS else "bias"
    lower = (part.arrays[name] - np.float32(part.tie)).astype(np.float32)
    return replace(part.with_arrays(**{name: lower}), tie=0.0)


def _raised(
    part: Part, sources: list[Part], grid: tuple[float, float], network: Exchange
) -> Part | None:
    """Return the neurons, or the layer before them, with what breaks their ties; None if it cannot."""
    quantum, largest = grid
    if not quantum or not math.isfinite(largest):
        return None
    own = part.arrays
    quantum = min(quantum, _quantum(own["threshold"]), _quantum(own["initial"]))
    largest += float(np.max(abs(own["threshold"]), initial=0))
    # A reset to zero would forget what was added to the initial potential. Whole biases stay whole.
    starts = network.whole or own["initial"].any()
    if starts and part.reset == "subtract":
        tie, target = quantum / 2, part
    else:
        tie = quantum / 2 ** (1 + math.ceil(math.log2(max(network.timesteps, 1))))
        biased = [source for source in sources if "bias" in source.arrays]
        if not biased:
            return None
        target = biased[0]
    if largest / tie >= 2.0**_BITS:
        return None
    name = "initial" if target is part else "bias"
    raised = (target.arrays[name] + np.float32(tie)).astype(np.float32)
    return replace(target.with_arrays(**{name: raised}), tie=tie)


def _grid(part: Part, before: list[tuple[float, float]], encoding: str) -> tuple[float, float]:
    """Return q and the largest absolute value of a part's output; q 0 where there is none."""
    if part.kind == kinds.INPUT:
        return (_INPUT if encoding == "constant" else 1.0), 1.0
    quantum = min((q for q, _ in before), default=0.0)
    largest = sum(most for _, most in before)
    if part.kind in (kinds.CONV, kinds.AFFINE):
        weight, bias = part.arrays["weight"], part.arrays["bias"]
        rows = abs(weight.reshape(len(weight), -1)).sum(axis=1)
        own = min(quantum * _quantum(weight), _quantum(bias))
        return own, float(np.max(rows * largest + abs(bias), initial=0))
    if part.kind == kinds.SUM_POOL:
        return quantum, largest * float(np.prod(part.window))
    if part.kind == kinds.AVERAGE_POOL:
        taps = float(np.prod(part.window))
        return (quantum / taps if math.log2(taps) % 1 == 0 else 0.0), largest
    return quantum, largest


def _quantum(array: np.ndarray) -> float:
    """Return the largest power of two that divides all numbers; infinity for zeros."""
    values = np.asarray(array, np.float64).ravel()
    values = values[values != 0]
    if not values.size:
        return math.inf
    mantissa, exponent = np.frexp(values)
    whole = np.asarray(abs(mantissa) * 2.0**53, np.int64)
    lowest = np.log2((whole & -whole).astype(np.float64)) + exponent - 53
    return float(2.0 ** lowest.min())
