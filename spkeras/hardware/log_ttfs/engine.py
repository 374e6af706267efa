"""Engine for whole data sets: the same sums as `reference`, by exact matrix products.

A spike's exponent is m octaves and one of G fractions. For spikes of one fraction r the product
with a weight is A_r[q] 2^-m: a matrix of whole numbers times a power of two. The sum over all
synapses is therefore G matrix products, of A_r with whole powers 2^(m_max - m), joined into one.

Floating-point hardware computes these products exactly. Every factor, product and partial sum,
in any order, is a whole number of magnitude at most the sum over all synapses of |largest
product|, which range analysis bounds below 2^53. Each is therefore representable in float64, each
multiplication and addition is exact, and the result equals that of integer adders bit for bit.
`exact_in_float64` checks the bound for every layer; tests compare with the integer-only
`reference`.

Where the accumulator truncates products (fraction bits below the exact number), a product is no
matrix entry times a power of two; each such step then needs a separate matrix product.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.ops.arrays import Float64Array, Int64Array, UInt8Array
from spkeras.ttfs.windows import gathered

# Maximum number of values under all taps in one block of samples: 64 MB.
BLOCK = 1 << 23
Times = Mapping[str, UInt8Array]
Part = Callable[[Float64Array], Float64Array]


class Engine:
    """Matrices of a program, built once for many batches.

    Args:
        program: The program.

    Raises:
        OptionError: sums of a layer need more bits than float64 can add exactly.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._plans: dict[tuple[str, int], list[_Group]] = {}
        for layer in program.layers:
            if not exact_in_float64(layer):
                raise OptionError(f"{layer.name}: sums need {layer.needed_bits} bits, at most 53")
            for number, branch in enumerate(layer.branches):
                if layer.bias.size:
                    groups = list(_groups(program, layer, branch))
                    self._plans[layer.name, number] = groups

    def sums(self, layer: ProgramLayer, times: Times) -> Int64Array:
        """Return the same as `reference.layer_sums`."""
        return self._added(layer, times, lambda matrix: matrix) + layer.bias

    def extremes(self, layer: ProgramLayer, times: Times) -> tuple[Int64Array, Int64Array]:
        """Return the least and largest partial sum possible for each neuron, in any order."""
        low = self._added(layer, times, lambda matrix: np.minimum(matrix, 0.0)) + layer.bias
        high = self._added(layer, times, lambda matrix: np.maximum(matrix, 0.0)) + layer.bias
        return low, high

    def _added(self, layer: ProgramLayer, times: Times, part: Part) -> Int64Array:
        samples = len(next(iter(times.values())))
        total = np.zeros((samples, layer.positions, layer.channels), np.int64)
        for number, branch in enumerate(layer.branches):
            groups = self._plans[layer.name, number]
            found = _received(branch, times[branch.source], groups, part)
            total[..., branch.reached] += found
        return total


def exact_in_float64(layer: ProgramLayer) -> bool:
    """Return whether no partial sum of a layer can reach 2^53: float64 then holds all of them."""
    return max(-layer.low, layer.high) < 1 << 53


class _Group:
    """Spikes that share one matrix.

    Attributes:
        powers: float64 (T + 1,), weight of a spike at each time: a power of two, or 0 for spikes
            of other groups and for no spike.
        matrix: float64 (taps, channels in / groups, channels reached), whole numbers.
    """

    def __init__(self, powers: Float64Array, matrix: Float64Array) -> None:
        self.powers, self.matrix = powers, matrix


def _groups(program: Program, layer: ProgramLayer, branch: ProgramBranch) -> Iterator[_Group]:
    """Yield one group per fraction of an octave, and one per step with truncated products."""
    table = program.table(layer, branch)
    used = np.unique(branch.exponents)
    silent = program.timesteps
    for fraction in range(program.grid):
        steps = np.flatnonzero(program.times % program.grid == fraction)
        whole = _separable(table[used], steps, program)
        if len(whole):
            last = program.times[whole[-1]] // program.grid
            powers = np.zeros(silent + 1)
            powers[whole] = np.exp2(last - program.times[whole] // program.grid)
            yield _Group(powers, _signed(branch, table[:, whole[-1]]))
        for step in np.setdiff1d(steps, whole):
            if table[used, step].any():
                yield _Group(np.eye(silent + 1)[step], _signed(branch, table[:, step]))


def _separable(rows: Int64Array, steps: Int64Array, program: Program) -> Int64Array:
    """Return the first steps whose products equal those of the last of them times powers of two."""
    for count in range(len(steps), 1, -1):
        octaves = program.times[steps[:count]] // program.grid
        expected = rows[:, steps[count - 1]][:, None] << (octaves[-1] - octaves)
        if np.array_equal(expected, rows[:, steps[:count]]):
            return steps[:count]
    return steps[:1]


def _signed(branch: ProgramBranch, products: Int64Array) -> Float64Array:
    sizes = products[branch.exponents].astype(np.float64)
    return np.where(branch.negative, -sizes, sizes)


def _received(
    branch: ProgramBranch, times: UInt8Array, groups: list[_Group], part: Part
) -> Int64Array:
    """Return the sum over a branch's synapses, int64 (samples, positions out, channels reached)."""
    matrix = np.concatenate([part(group.matrix) for group in groups], axis=1)
    powers = np.stack([group.powers for group in groups])
    taps, width, out = matrix.shape
    # The fractions of an octave follow one another like further taps.
    kernel = matrix.reshape(taps * len(groups), -1, out)
    block = max(BLOCK // (len(branch.index) * taps * width * branch.groups), 1)
    parts = []
    for start in range(0, len(times), block):
        under = _counted(branch, times[start : start + block], powers)
        rows = gathered(under, branch.index)
        rows = rows.reshape(-1, len(kernel), kernel.shape[1] * branch.groups)
        rows = weighted(rows, kernel, branch.groups)
        parts.append(rows.astype(np.int64).reshape(-1, len(branch.index), out))
    return np.concatenate(parts)


def _counted(branch: ProgramBranch, times: UInt8Array, powers: Float64Array) -> Float64Array:
    """Return the weighted spikes of each cell by group, (samples, cells, groups * channels)."""
    values = np.concatenate([row[times] for row in powers], axis=-1)
    return values if branch.cells is None else gathered(values, branch.cells).sum(2)


def weighted(rows: Float64Array, kernel: Float64Array, groups: int) -> Float64Array:
    """Multiply the values under the taps by a kernel and sum them, group by group.

    Args:
        rows: Values (rows, taps, channels).
        kernel: Weights (taps, channels / groups, channels out).
        groups: Number of channel groups.

    Returns:
        Sums (rows, channels out).
    """
    taps, width, out = kernel.shape
    if groups == 1:
        return rows.reshape(len(rows), taps * width) @ kernel.reshape(-1, out)
    own = rows.reshape(len(rows), taps, groups, width).transpose(2, 0, 1, 3)
    parts = kernel.reshape(taps, width, groups, -1).transpose(2, 0, 1, 3)
    found = own.reshape(groups, len(rows), -1) @ parts.reshape(groups, taps * width, -1)
    return found.transpose(1, 0, 2).reshape(len(rows), out)
