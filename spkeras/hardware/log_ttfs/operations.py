"""Operations, memory words and cycles of a run, counted from its spike times."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from spkeras.hardware.log_ttfs.arithmetic import cut
from spkeras.hardware.log_ttfs.memories import Placement, groups, placements
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.ops.arrays import Float64Array, Int64Array, UInt8Array
from spkeras.ttfs.plan import NEURONS, READOUT


@dataclass(frozen=True)
class Operations:
    """Mean counts for one sample.

    Attributes:
        spikes: Spikes sent by the layer.
        synaptic: Synaptic operations: spikes times the nonzero weights that each reaches. Each is
            one exponent addition, table read, shift and accumulation.
        weight_words: Weights read (connections of weight 1 need none).
        offchip_words: Weights fetched from off-chip memory because they do not fit on the chip.
        membrane_words: Accumulators read and written: one read and one write per accumulation,
            one read per comparison.
        comparisons: Thresholds compared: a neuron compares at each step until it fires.
        cycles: Cycles of the processing elements; see `docs/hardware.md`.
        lost: Nonzero products that fall completely below the accumulator's last bit.
        cut: Products that lose bits there.
        clipped: Additions clipped at the ends of the accumulator's range.
    """

    spikes: float = 0.0
    synaptic: float = 0.0
    weight_words: float = 0.0
    offchip_words: float = 0.0
    membrane_words: float = 0.0
    comparisons: float = 0.0
    cycles: float = 0.0
    lost: float = 0.0
    cut: float = 0.0
    clipped: float = 0.0

    def __add__(self, other: "Operations") -> "Operations":
        return Operations(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


class Histogram:
    """Number of spikes of each neuron at each step, which determines all operations.

    Args:
        program: The program.
    """

    def __init__(self, program: Program) -> None:
        self.program, self.samples = program, 0
        self.fired = {
            layer.name: np.zeros((program.timesteps + 1, layer.positions, layer.channels), np.int64)
            for layer in program.layers
            if layer.kind != READOUT
        }

    def add(self, times: Mapping[str, UInt8Array]) -> None:
        """Count the spikes of a batch, by layer (samples, positions, channels)."""
        for name, found in times.items():
            flat = found.reshape(len(found), -1).astype(np.int64)
            size = flat.shape[1]
            codes = (flat * size + np.arange(size)).reshape(-1)
            fired = self.fired[name]
            fired += np.bincount(codes, minlength=fired.size).reshape(fired.shape)
        self.samples += len(found)

    def spikes(self, layer: str) -> int:
        """Return the spikes of a layer in all samples."""
        return int(self.fired[layer][:-1].sum())


def count_operations(
    program: Program, histogram: Histogram, clipped: Mapping[str, int]
) -> dict[str, Operations]:
    """Return the operations of each layer for one sample.

    Args:
        program: The program, or the same one with another clock, other elements or memories.
        histogram: Histogram of a run.
        clipped: Clipped additions of that run, by layer.

    Returns:
        Operations by layer; `synaptic` and the counts derived from it belong to the receiving
        layer.
    """
    samples, places = max(histogram.samples, 1), placements(program)
    result = {}
    for layer in program.layers:
        totals = _layer(program, histogram, layer, places[layer.name])
        totals["clipped"] = float(clipped.get(layer.name, 0))
        result[layer.name] = Operations(**{key: total / samples for key, total in totals.items()})
    return result


def _layer(
    program: Program, histogram: Histogram, layer: ProgramLayer, place: Placement
) -> dict[str, float]:
    totals = dict.fromkeys((f.name for f in fields(Operations)), 0.0)
    if layer.name in histogram.fired:
        totals["spikes"] = float(histogram.spikes(layer.name))
    if layer.kind not in (NEURONS, READOUT):
        return totals
    for branch in layer.branches:
        fired = histogram.fired[branch.source]
        for key, count in _branch(program, layer, branch, fired=fired, place=place).items():
            totals[key] += count
    elements = program.config.pe_count
    if layer.kind == NEURONS:
        totals["comparisons"] = _comparisons(histogram.fired[layer.name])
        neurons = layer.positions * layer.channels
        steps = program.timesteps * -(-neurons // elements)
        totals["cycles"] += float(histogram.samples * steps)
    totals["offchip_words"] = float(histogram.samples * place.streamed)
    totals["membrane_words"] = 2 * totals["synaptic"] + totals["comparisons"]
    return totals


def _branch(
    program: Program,
    layer: ProgramLayer,
    branch: ProgramBranch,
    fired: Int64Array,
    place: Placement,
) -> dict[str, float]:
    """Return the counts due to the spikes of one branch; fired (T + 1, positions, channels)."""
    reach = branch.geometry.reach(fired.shape[1])
    by_step = fired[:-1].astype(np.float64)
    spikes = by_step.sum(0)
    zero = program.config.weight_format.zero_exponent
    there = branch.exponents != zero
    synaptic = _met(spikes, reach, branch.synapses(there))
    counts = {"synaptic": synaptic, "weight_words": synaptic if branch.weighted else 0.0}
    cycles = groups(branch.fan_out, place.channels, program.config.pe_count)
    counts["cycles"] = float((spikes.sum(1) * reach.sum(1)).sum()) * cycles
    return {**counts, **_underflow(program, layer, branch, reach=reach, by_step=by_step)}


def _underflow(
    program: Program,
    layer: ProgramLayer,
    branch: ProgramBranch,
    reach: Float64Array,
    by_step: Float64Array,
) -> dict[str, float]:
    """Return the number of products that lose some bits, or all of them."""
    zero = program.config.weight_format.zero_exponent
    step = program.grid // program.config.weight_steps
    q = np.arange(zero)[:, None] * step
    distance = branch.offset + q + program.times[None]
    losing = cut(distance, program.mantissa, layer.fraction)
    gone = program.table(layer, branch)[:zero] == 0
    counts = {"lost": 0.0, "cut": 0.0}
    for number in np.flatnonzero(losing.any(0)):
        for key, table in (("lost", gone), ("cut", losing)):
            column = np.append(table[:, number], False)
            counts[key] += _met(by_step[number], reach, branch.synapses(column[branch.exponents]))
    return counts


def _met(spikes: Float64Array, reach: Float64Array, synapses: Int64Array) -> float:
    """Return the number of synapses that all spikes reach.

    Args:
        spikes: (positions, channels).
        reach: (positions, taps).
        synapses: (taps, channels).
    """
    return float((spikes * (reach @ synapses)).sum())


def _comparisons(fired: Int64Array) -> float:
    """Return the comparisons until each neuron fires, T for a neuron without a spike."""
    steps = len(fired) - 1
    tried = np.minimum(np.arange(1, steps + 2), steps)
    return float((fired.sum((1, 2)) * tried).sum())
