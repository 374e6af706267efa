"""Golden vectors: inputs with the bit-exact result of every layer, for tests of code and chips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spkeras.errors import DataError
from spkeras.hardware.log_ttfs.datapath import Pass, run_batch
from spkeras.hardware.log_ttfs.engine import Engine
from spkeras.hardware.log_ttfs.program import Program
from spkeras.ops.arrays import Int64Array

# Prefixes of array names: inputs by port, outputs and times by layer.
INPUT, OUTPUT, TIMES = "input/", "output/", "times/"


@dataclass(frozen=True)
class GoldenCheck:
    """Comparison of a program's golden vectors with its current results.

    Attributes:
        values: Number of times and outputs compared, by layer.
        mismatches: Number of them that differ, by layer.
    """

    values: Mapping[str, int]
    mismatches: Mapping[str, int]

    @property
    def equal(self) -> bool:
        """Whether all values are equal."""
        return not any(self.mismatches.values())


def golden_vectors(program: Program, inputs: Sequence[Int64Array]) -> dict[str, np.ndarray]:
    """Return inputs, times of every layer and outputs, by name.

    Args:
        program: The program.
        inputs: Inputs from `datapath.whole_inputs`.
    """
    given = {f"{INPUT}{port}": array for port, array in enumerate(inputs)}
    return given | _found(run_batch(program, inputs, Engine(program)))


def _found(done: Pass) -> dict[str, np.ndarray]:
    outputs = {OUTPUT + name: sums for name, sums in done.outputs.items()}
    return outputs | {TIMES + name: times for name, times in done.times.items()}


def with_golden(program: Program, inputs: Sequence[Int64Array]) -> Program:
    """Return the program with golden vectors of these inputs."""
    return replace(program, golden=golden_vectors(program, inputs))


def random_inputs(program: Program, samples: int = 2) -> tuple[Int64Array, ...]:
    """Return random inputs over the full range of the ports, with a fixed seed."""
    rng, most = np.random.default_rng(0), program.config.input_levels + 1
    return tuple(
        rng.integers(0, most, (samples, layer.positions, layer.channels))
        for layer in program.encoders.values()
    )


def golden_inputs(program: Program) -> tuple[Int64Array, ...]:
    """Return the inputs of a program's golden vectors, by port.

    Raises:
        DataError: the program has no golden vectors.
    """
    if f"{INPUT}0" not in program.golden:
        raise DataError(f"{program.name}: no golden vectors; compile it with samples")
    return tuple(program.golden[f"{INPUT}{port}"] for port in program.encoders)


def check_golden(program: Program, *, reference: bool = False) -> GoldenCheck:
    """Recompute a program's golden inputs and compare the results.

    Args:
        program: A program with golden vectors.
        reference: Whether to use the integer-only reference instead of the engine.

    Raises:
        DataError: the program has no golden vectors.
    """
    inputs = golden_inputs(program)
    found = _found(run_batch(program, inputs, None if reference else Engine(program)))
    values, mismatches = {}, {}
    for name, array in found.items():
        values[name] = array.size
        stored = program.golden.get(name, np.zeros(0))
        equal = stored.shape == array.shape
        mismatches[name] = int((array != stored).sum()) if equal else array.size
    return GoldenCheck(values, mismatches)
