"""Golden vectors of whole layers as a command stream for the Verilog test bench.

The bench is a file of the package, `spkeras/hardware/log_ttfs/verilog/log_ttfs_bench.v`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.golden import TIMES
from spkeras.hardware.log_ttfs.images import hex_words
from spkeras.hardware.log_ttfs.program import Program, ProgramLayer
from spkeras.hardware.log_ttfs.reference import ABSENT, arrivals, clipped_sums
from spkeras.ops.arrays import Int64Array, UInt8Array
from spkeras.ttfs.plan import NEURONS

_SYNAPSE, _BIAS, _END = 1 << 62, 2 << 62, 3 << 62
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Bench:
    """Input of a simulator for one layer, and the expected result.

    Attributes:
        parameters: Parameters of the module `log_ttfs_bench`.
        files: Text by file name, for the folder in which the simulator runs.
        sums: Expected potentials of the neurons, int64, in the order of the stream.
        spikes: Expected first-spike times.
    """

    parameters: dict[str, int]
    files: dict[str, str]
    sums: Int64Array
    spikes: UInt8Array


def layer_bench(program: Program, name: str, sample: int = 0) -> Bench:
    """Return the bench of all neurons of one layer, for one of the golden samples.

    Args:
        program: A program with golden vectors.
        name: Name of a layer of neurons.
        sample: Index of the golden sample.

    Raises:
        OptionError: no layer of neurons has that name.
    """
    layer = program.by_name.get(name)
    if layer is None or layer.kind != NEURONS:
        raise OptionError(f"{name!r} is not a layer of neurons of {program.name}")
    times = {
        branch.source: program.golden[TIMES + branch.source][sample : sample + 1]
        for branch in layer.branches
    }
    words: list[int] = []
    sums = []
    for neurons in _blocks(layer):
        codes, steps, products = arrivals(program, layer, times, neurons)
        biases = layer.bias[neurons[2]]
        sums.append(clipped_sums(biases, products, program.config.accumulator_bits)[0])
        for row, bias in enumerate(biases.tolist()):
            words += [_BIAS + (bias & ((1 << 60) - 1))]
            words += _synapses(program, codes[row], steps[row])
            words += [_END]
    expected = program.golden[TIMES + name][sample].reshape(-1)
    texts = {
        "stream.hex": hex_words([*words, 0], 64),
        "mantissa.hex": hex_words(program.mantissa.tolist(), program.config.table_bits),
        "thresholds.hex": hex_words(layer.thresholds.tolist(), 64),
    }
    return Bench(_parameters(program, layer), texts, np.concatenate(sums), expected)


def _parameters(program: Program, layer: ProgramLayer) -> dict[str, int]:
    config, grid = program.config, program.grid
    return {
        "GRID_LOG": grid.bit_length() - 1,
        "WEIGHT_SHIFT": (grid // config.weight_steps).bit_length() - 1,
        "TIME_SHIFT": (grid // int(config.tau or 1)).bit_length() - 1,
        "ZERO_CODE": config.weight_format.zero_exponent,
        "TABLE_BITS": config.table_bits,
        "ACCUMULATOR_BITS": config.accumulator_bits,
        "TIMESTEPS": program.timesteps,
        "FRACTION": layer.fraction,
    }


def _blocks(layer: ProgramLayer) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield blocks of neurons in the order of a layer's values."""
    total = layer.positions * layer.channels
    for start in range(0, total, _BLOCK):
        flat = np.arange(start, min(start + _BLOCK, total))
        yield np.zeros_like(flat), flat // layer.channels, flat % layer.channels


def _synapses(program: Program, codes: Int64Array, steps: Int64Array) -> list[int]:
    """Return the commands of one neuron's synapses, without those that receive no spike."""
    config = program.config
    step = program.grid // config.weight_steps
    here = steps < program.timesteps
    codes, steps = codes[here], steps[here]
    absent, negative = codes == ABSENT, (codes < 0) & (codes != ABSENT)
    # Weight and branch offset form one exponent: its whole steps become q, the rest o.
    distance = np.where(negative, -1 - codes, codes)
    exponent = np.minimum(distance // step, config.weight_format.largest)
    offset = distance - exponent * step
    exponent = np.where(absent, config.weight_format.zero_exponent, exponent)
    offset = np.where(absent, 0, offset)
    low = (exponent << 49) + (steps << 41) + (offset << 25) + (negative.astype(np.int64) << 61)
    return [_SYNAPSE + word for word in low.tolist()]
