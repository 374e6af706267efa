"""Reference of the data path: one table look-up, shift and addition for each synapse.

It uses only whole numbers, in the order of the hardware. It is slow; every engine must give the
same result.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.ops.arrays import Int32Array, Int64Array, UInt8Array
from spkeras.ttfs.windows import composed

Times = Mapping[str, UInt8Array]

# Code of a weight of 0, which has no exponent.
ABSENT = -(1 << 31)


def layer_sums(program: Program, layer: ProgramLayer, times: Times) -> Int64Array:
    """Return the potentials of a layer whose sums cannot leave the accumulator, in any order.

    Args:
        program: The program.
        layer: A layer of neurons, or the read-out.
        times: Spike times of the layers before it, (samples, positions, channels).

    Returns:
        int64 (samples, positions, channels).
    """
    samples = len(next(iter(times.values())))
    total = np.broadcast_to(layer.bias, (samples, layer.positions, layer.channels)).copy()
    for branch in layer.branches:
        arrives = arriving(branch, times[branch.source], program.timesteps)
        table = program.table(layer, branch)
        outputs = np.arange(branch.exponents.shape[-1])
        sources = branch.inputs_of(outputs)
        for tap, width in np.ndindex(branch.exponents.shape[:2]):
            by_output = table[branch.exponents[tap, width]]
            by_output = np.where(branch.negative[tap, width, :, None], -by_output, by_output)
            for member in range(branch.members):
                found = arrives[:, :, tap, member][..., sources[:, width]]
                total[..., branch.reached] += by_output[outputs, found]
    return total


def arriving(branch: ProgramBranch, times: UInt8Array, silent: int) -> UInt8Array:
    """Return spike times at each synapse: (samples, positions out, taps, members, channels)."""
    border = np.full_like(times[:, :1], silent)
    index = _members(branch)
    found = np.concatenate([times, border], 1)[:, index]
    rows, taps = branch.index.shape
    return found.reshape(len(times), rows, taps, branch.members, -1)


def _members(branch: ProgramBranch) -> Int32Array:
    """Return the source's positions at each tap, (positions out, taps * members)."""
    return branch.index if branch.cells is None else composed(branch.cells, branch.index)


def arrivals(
    program: Program, layer: ProgramLayer, times: Times, neurons: Sequence[Int64Array]
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return the input of some neurons, in the order of its arrival.

    Spikes arrive step by step; within a step by branch, tap, member and channel, in the order of
    addresses.

    Args:
        program: The program.
        layer: Layer of these neurons.
        times: Spike times of the layers before it, (samples, positions, channels).
        neurons: Samples, positions and channels of the neurons, three int arrays (neurons,).

    Returns:
        Exponents d of the products (weight and branch offset; -1 - d for a negative sign), spike
        times, and products, each int64 (neurons, synapses); -2^31 for a weight of 0.
    """
    samples, positions, outputs = neurons
    parts: list[list[Int64Array]] = [[], [], []]
    step = program.grid // program.config.weight_steps
    for branch in layer.branches:
        found = arriving(branch, times[branch.source], program.timesteps)[samples, positions]
        # No spike arrives at channels that the branch does not reach.
        own = outputs - branch.first
        inside = (own >= 0) & (own < branch.exponents.shape[-1])
        own = np.where(inside, own, 0)
        sources = np.broadcast_to(branch.inputs_of(own)[:, None, None], _widened(found, branch))
        found = np.take_along_axis(found, sources, -1)
        found = np.where(inside[:, None, None, None], found, program.timesteps)
        exponents = np.moveaxis(branch.exponents, -1, 0)[own][:, :, None]
        negative = np.moveaxis(branch.negative, -1, 0)[own][:, :, None]
        exponents = np.broadcast_to(exponents, found.shape)
        negative = np.broadcast_to(negative, found.shape)
        product = program.table(layer, branch)[exponents, found]
        code = branch.offset + exponents.astype(np.int64) * step
        code = np.where(negative, -1 - code, code)
        code = np.where(exponents == program.config.weight_format.zero_exponent, ABSENT, code)
        signed = np.where(negative, -product, product)
        for part, values in zip(parts, (code, found.astype(np.int64), signed), strict=True):
            part.append(values.reshape(len(samples), -1))
    codes, steps, values = (np.concatenate(part, axis=1) for part in parts)
    order = np.argsort(steps, axis=1, kind="stable")
    codes, steps, values = (np.take_along_axis(a, order, 1) for a in (codes, steps, values))
    return codes, steps, values


def _widened(found: UInt8Array, branch: ProgramBranch) -> tuple[int, ...]:
    """Return the shape of spike times at each synapse, (neurons, taps, members, width)."""
    return (*found.shape[:-1], branch.exponents.shape[1])


def clipped_sums(
    bias: Int64Array, products: Int64Array, width: int
) -> tuple[Int64Array, Int64Array]:
    """Return sums that are clipped at each addition, and the number of clippings of each.

    Args:
        bias: Initial values of the accumulators, (neurons,); they are clipped, too.
        products: Products in the order of arrival, (neurons, synapses).
        width: Bits of the accumulator.
    """
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    total = np.clip(bias, low, high)
    events = (total != bias).astype(np.int64)
    for column in products.T:
        exact = total + column
        total = np.clip(exact, low, high)
        events += exact != total
    return total, events
