"""Inputs and what every layer must make of them, bit for bit: for this code and for chips."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spkeras.errors import DataError
from spkeras.hardware.log_ttfs.datapath import run_batch
from spkeras.hardware.log_ttfs.engine import Engine
from spkeras.hardware.log_ttfs.program import Program

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True)
class GoldenCheck:
    """How a program's golden vectors compare with what it computes now.

    Attributes:
        values: Times and outputs compared, by layer.
        mismatches: How many of them differ, by layer.
    """

    values: Mapping[str, int]
    mismatches: Mapping[str, int]

    @property
    def equal(self) -> bool:
        """Whether all are equal."""
        return not any(self.mismatches.values())


def golden_vectors(program: Program, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs, times of every layer and outputs, by name.

    Args:
        program: The program.
        inputs: From `datapath.whole_inputs`.
    """
    done = run_batch(program, inputs, Engine(program))
    return {INPUT: inputs, OUTPUT: done.outputs, **{f"times/{n}": t for n, t in done.times.items()}}


def with_golden(program: Program, inputs: np.ndarray) -> Program:
    """The program with golden vectors of these inputs."""
    return replace(program, golden=golden_vectors(program, inputs))


def random_inputs(program: Program, samples: int = 2) -> np.ndarray:
    """Inputs of every level, the same ones each time: from `datapath.whole_inputs`' range."""
    layer = program.layers[0]
    rng = np.random.default_rng(0)
    shape = (samples, layer.positions, layer.channels)
    return rng.integers(0, program.config.input_levels + 1, shape)


def check_golden(program: Program, *, reference: bool = False) -> GoldenCheck:
    """Compute a program's golden inputs again and compare.

    Args:
        program: With golden vectors.
        reference: By the integer-only reference instead of the engine.

    Raises:
        DataError: the program has none.
    """
    if INPUT not in program.golden:
        raise DataError(f"{program.name}: no golden vectors; compile it with samples")
    inputs = program.golden[INPUT]
    done = run_batch(program, inputs, None if reference else Engine(program))
    found = {OUTPUT: done.outputs, **{f"times/{name}": times for name, times in done.times.items()}}
    values, mismatches = {}, {}
    for name, array in found.items():
        values[name] = array.size
        mismatches[name] = int((array != program.golden[name]).sum())
    return GoldenCheck(values, mismatches)
