"""Compiler from a plan with real weights to a program of whole numbers; the last use of floats."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.hardware.config import MOST_ACCUMULATOR_BITS, HardwareConfig
from spkeras.hardware.log_ttfs.arithmetic import ceiling_of_two, mantissa_table, split
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.hardware.log_ttfs.ranges import sum_range
from spkeras.ops.arrays import Int64Array
from spkeras.ops.log_weights import log_codes
from spkeras.ops.ttfs import kernel_table
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, Branch, FirstSpikePlan, Layer

# Exponents closer to the grid than this lie on it; the rest is float rounding.
_ON_GRID = 1e-6


def compile_plan(plan: FirstSpikePlan, config: HardwareConfig) -> Program:
    """Return the program that computes a plan.

    Args:
        plan: FirstSpikePlan from `spkeras.ttfs.lower`.
        config: Widths and sizes; open T and tau are those of the plan.

    Returns:
        The program, without golden vectors.

    Raises:
        OptionError: the accumulator is too narrow, or tau is not a power of two.
        UnsupportedLayerError: branches of a layer do not share a grid of exponents.
    """
    config = _with_kernel(plan, config)
    timesteps, tau = cast(int, config.timesteps), cast(int, config.tau)
    grid = max(config.weight_steps, tau)
    program = Program(
        name=plan.name,
        config=config,
        mantissa=mantissa_table(grid, config.table_bits),
        times=np.arange(timesteps, dtype=np.int64) * (grid // tau),
        layers=(),
        outputs=plan.outputs,
        notes=(*plan.notes, *_notes(plan, config)),
    )
    layers = tuple(_Compiler(plan, program).layer(layer) for layer in plan.layers)
    return replace(program, layers=layers)


def _with_kernel(plan: FirstSpikePlan, config: HardwareConfig) -> HardwareConfig:
    """Return the configuration with open T and tau filled in from the plan."""
    tau = plan.tau if config.tau is None else config.tau
    if tau != int(tau):
        raise OptionError(
            f"tau={tau!r} of the model; allowed: 1, 2, 4, 8, 16 or 32, so that k / tau is a "
            "shift; train with one of these"
        )
    return replace(config, tau=int(tau), timesteps=config.timesteps or plan.timesteps)


def _notes(plan: FirstSpikePlan, config: HardwareConfig) -> list[str]:
    if (config.timesteps, config.tau) == (plan.timesteps, plan.tau):
        return []
    return [
        f"T = {config.timesteps}, tau = {config.tau}, but trained with T = {plan.timesteps}, "
        f"tau = {plan.tau:g}: expect a loss"
    ]


class _Compiler:
    """Compiler of layers to whole numbers; `program` holds the shared tables."""

    def __init__(self, plan: FirstSpikePlan, program: Program) -> None:
        self.plan, self.program = plan, program
        self.config, self.grid = program.config, program.grid

    def layer(self, layer: Layer) -> ProgramLayer:
        """Return one layer of the program."""
        result = ProgramLayer(layer.name, layer.kind, layer.shape, layer.depth, port=layer.port)
        if layer.kind == ENCODER:
            return replace(
                result, thresholds=self._input_thresholds(layer), unit=_full_scale(layer)
            )
        if layer.kind == EARLIEST:
            (pool,) = layer.branches
            ones = np.zeros((1, 1, 1), np.uint16)
            branch = ProgramBranch(
                source=pool.source,
                name="",
                index=pool.index,
                cells=None,
                negative=ones.astype(bool),
                exponents=ones,
                full_scale=0,
                offset=0,
                weighted=False,
            )
            return replace(result, branches=(branch,))
        branches, largest = self._branches(layer)
        result = replace(result, branches=branches)
        return self._fitted(layer, result, largest)

    def _input_thresholds(self, layer: Layer) -> Int64Array:
        table = kernel_table(len(self.program.times), cast(int, self.config.tau), layer.theta0)
        return np.ceil(self.config.input_levels / _full_scale(layer) * table).astype(np.int64)

    def _branches(self, layer: Layer) -> tuple[tuple[ProgramBranch, ...], float]:
        """Return the branches' codes, and the exponent of the largest product in units of 1 / G."""
        coded = [self._coded(branch) for branch in layer.branches]
        own = [
            codes.full_scale * self.grid / self.config.weight_steps
            + self.grid * math.log2(branch.scale * self.plan.by_name[branch.source].theta0)
            for branch, codes in zip(layer.branches, coded, strict=True)
        ]
        largest = max(own)
        if abs(largest - round(largest)) < _ON_GRID:
            largest = float(round(largest))
        result = []
        for branch, codes, exponent in zip(layer.branches, coded, own, strict=True):
            offset = round(largest - exponent)
            if abs(largest - exponent - offset) > _ON_GRID:
                raise UnsupportedLayerError([_off_grid(layer, self.grid)])
            result.append(replace(codes, offset=offset))
        return tuple(result), largest

    def _coded(self, branch: Branch) -> ProgramBranch:
        form = self.config.weight_format
        if branch.weighted:
            codes = log_codes(branch.kernel, form)
            negative, exponents, n = codes.negative, codes.exponents, codes.full_scale
        else:
            # A connection of weight 1 = 2^0, of weight -1, or none.
            exponents = np.where(branch.kernel != 0, 0, form.zero_exponent).astype(np.uint16)
            negative, n = branch.kernel < 0, 0
        return ProgramBranch(
            source=branch.source,
            name=branch.name,
            index=branch.index,
            cells=branch.cells,
            negative=negative,
            exponents=exponents,
            full_scale=n,
            offset=0,
            weighted=branch.weighted,
            groups=branch.groups,
            first=branch.first,
        )

    def _fitted(self, layer: Layer, result: ProgramLayer, largest: float) -> ProgramLayer:
        """Return the layer with as many fraction bits as the accumulator can hold."""
        width, given = self.config.accumulator_bits, self.config.fraction_bits
        if given is None:
            # The largest single product must fit.
            fraction = min(self._exact_fraction(result), width - self.config.table_bits)
        else:
            fraction = given
        result = self._at(layer, result, largest, fraction)
        while given is None and result.needed_bits > width:
            fraction -= result.needed_bits - width
            result = self._at(layer, result, largest, fraction)
        if result.needed_bits > width:
            self._check_overflow(result)
        if layer.kind == NEURONS and (np.diff(result.thresholds) >= 0).any():
            raise OptionError(
                f"{layer.name}: accumulator_bits={width} leaves {fraction} fraction bits, too few "
                f"to tell the {len(result.thresholds)} thresholds apart; use a wider accumulator"
            )
        return result

    def _check_overflow(self, result: ProgramLayer) -> None:
        needed = result.needed_bits
        if needed > MOST_ACCUMULATOR_BITS or not self.config.saturate:
            raise OptionError(
                f"{result.name}: sums need {needed} bits with fraction_bits="
                f"{self.config.fraction_bits}, the accumulator has {self.config.accumulator_bits}; "
                f"leave fraction_bits open, widen it, or accept clipping (saturate=True, "
                f"--saturate)"
            )

    def _exact_fraction(self, layer: ProgramLayer) -> int:
        """Return X with which no product loses a bit."""
        form = self.config.weight_format
        step = self.grid // form.steps
        deepest = [
            branch.offset + step * int(used.max(initial=0)) + int(self.program.times[-1])
            for branch in layer.branches
            for used in [branch.exponents[branch.exponents != form.zero_exponent]]
        ]
        return int(split(np.array(max(deepest)), self.grid)[0])

    def _at(
        self, layer: Layer, result: ProgramLayer, largest: float, fraction: int
    ) -> ProgramLayer:
        """Return the layer with X fraction bits; sums are in units of the last bit."""
        below = self.config.table_bits - 1 + fraction
        unit = 2.0 ** (largest / self.grid - below)
        real = np.broadcast_to(layer.bias, (layer.channels,)).astype(np.float64)
        bias = np.floor(real / unit + 0.5).astype(np.int64)
        if self.config.saturate and self.config.fraction_bits is not None:
            # The accumulator starts with the bias.
            most = (1 << (self.config.accumulator_bits - 1)) - 1
            bias = np.clip(bias, -most - 1, most)
        result = replace(
            result,
            bias=bias,
            thresholds=self._thresholds(layer, largest, below),
            fraction=fraction,
            unit=unit,
        )
        low, high = sum_range(self.program, result)
        return replace(result, low=low, high=high)

    def _thresholds(self, layer: Layer, largest: float, below: int) -> Int64Array:
        """Return the smallest whole sums that reach each threshold."""
        if layer.kind != NEURONS:
            return np.zeros(0, np.int64)
        first = self.grid * math.log2(layer.theta0) - largest + below * self.grid
        return np.array([self._reaching(first - int(k)) for k in self.program.times], np.int64)

    def _reaching(self, exponent: float) -> int:
        """Return ceil(2^(exponent / G)), exact for whole exponents."""
        nearest = round(exponent)
        if abs(exponent - nearest) < _ON_GRID:
            return ceiling_of_two(nearest, self.grid)
        least: int = math.ceil(2.0 ** (exponent / self.grid))
        return max(least, 1)


def _full_scale(layer: Layer) -> float:
    """Return the input of which the largest whole number of a port is the code."""
    return max(1.0, layer.theta0)


def _off_grid(layer: Layer, grid: int) -> str:
    ranges: Sequence[str] = sorted({branch.source for branch in layer.branches})
    return (
        f"{layer.name}: adds up {', '.join(ranges)}, whose exponents are not whole multiples of "
        f"1/{grid} octave apart; give their TTFSActivations a theta0 that is a power of 2, and "
        "average over a power of two of values"
    )
