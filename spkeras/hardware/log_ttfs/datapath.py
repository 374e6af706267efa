"""Data path of one batch: encode, integrate, fire, read out, in whole numbers throughout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spkeras.errors import DataError
from spkeras.hardware.log_ttfs import reference
from spkeras.hardware.log_ttfs.engine import Engine
from spkeras.hardware.log_ttfs.program import Program, ProgramLayer
from spkeras.ops.arrays import Int64Array, Samples, UInt8Array
from spkeras.ttfs.plan import EARLIEST, ENCODER, READOUT, Branch, by_port

# Block size of the neurons that are summed one addition at a time.
_SUSPECTS = 1 << 12
# A full scale that was the largest input of the training may be exceeded by other samples. They are
# clipped, as by the encoder of the trained network; beyond this multiple they are of another scale.
_CLIPPED = 1.25


@dataclass(frozen=True, eq=False)
class Pass:
    """Result of one batch.

    Attributes:
        times: First-spike times by layer, uint8 (samples, positions, channels); T for no spike.
        outputs: Potentials of each read-out, int64 (samples, *output shape).
        extremes: Least and largest final sum of each layer.
        clipped: Number of clipped additions, by layer.
    """

    times: Mapping[str, UInt8Array]
    outputs: Mapping[str, Int64Array]
    extremes: Mapping[str, tuple[int, int]]
    clipped: Mapping[str, int]


def whole_inputs(program: Program, inputs: Samples) -> tuple[Int64Array, ...]:
    """Return inputs as the whole numbers of the processor's ports.

    Args:
        program: The program.
        inputs: Values from 0 to the full scale of the port (1, or the largest input of the training,
            such as 255); where that is 1, whole numbers from 0 to 2^input_bits - 1 are taken as
            they are; a list of them for several inputs.

    Returns:
        int64 (samples, positions, channels) for each port.

    Raises:
        DataError: wrong number of inputs, wrong shape, or values outside that range.
    """
    encoders = program.encoders
    given = by_port(program.name, len(encoders), inputs)
    return tuple(_whole(program, layer, given[port]) for port, layer in encoders.items())


def _whole(program: Program, layer: ProgramLayer, inputs: np.ndarray) -> Int64Array:
    levels = program.config.input_levels
    if inputs.size != len(inputs) * layer.positions * layer.channels:
        raise DataError(
            f"inputs: received shape {inputs.shape[1:]} a sample, {program.name} takes {layer.shape}"
        )
    if inputs.dtype.kind == "f" or layer.unit != 1:
        if not np.isfinite(inputs).all():
            raise DataError("inputs: NaN or infinity among the values; an input port has neither")
        low, high = float(inputs.min(initial=0)), float(inputs.max(initial=0))
        most = 1.0 if layer.unit == 1 else _CLIPPED * layer.unit
        if low < 0 or high > most:
            raise DataError(
                f"inputs: values from {low:g} to {high:g}; floats go from 0 to {layer.unit:g} "
                "(--scale divides)"
            )
        inputs = np.floor(np.minimum(inputs, layer.unit) * np.float64(levels / layer.unit) + 0.5)
    whole = inputs.astype(np.int64)
    if whole.min(initial=0) < 0 or whole.max(initial=0) > levels:
        raise DataError(f"inputs: whole numbers outside 0 to {levels}; set input_bits")
    return whole.reshape(len(inputs), layer.positions, layer.channels)


def fire(sums: Int64Array, thresholds: Int64Array) -> UInt8Array:
    """Return first-spike times, uint8: the number of thresholds that a sum has not reached."""
    rising = thresholds[::-1]
    return (len(rising) - np.searchsorted(rising, sums, side="right")).astype(np.uint8)


def run_batch(program: Program, inputs: Sequence[Int64Array], engine: Engine | None = None) -> Pass:
    """Run a batch through all layers.

    Args:
        program: The program.
        inputs: Inputs from `whole_inputs`.
        engine: Engine for whole data sets; None for the integer-only reference.
    """
    times: dict[str, UInt8Array] = {}
    extremes: dict[str, tuple[int, int]] = {}
    clipped: dict[str, int] = {}
    outputs: dict[str, Int64Array] = {}
    for layer in program.layers:
        if layer.kind == ENCODER:
            times[layer.name] = fire(inputs[layer.port], layer.thresholds)
        elif layer.kind == EARLIEST:
            (branch,) = layer.branches
            times[layer.name] = earliest(times[branch.source], branch.geometry, program.timesteps)
        else:
            sums, clipped[layer.name] = _sums(program, layer, times, engine)
            extremes[layer.name] = int(sums.min()), int(sums.max())
            if layer.kind == READOUT:
                outputs[layer.name] = sums.reshape(-1, *program.outputs[layer.name])
            else:
                times[layer.name] = fire(sums, layer.thresholds)
    return Pass(times, outputs, extremes, clipped)


def _sums(
    program: Program, layer: ProgramLayer, times: Mapping[str, UInt8Array], engine: Engine | None
) -> tuple[Int64Array, int]:
    """Return the final sums, and the number of clipped additions."""
    width = program.config.accumulator_bits
    if engine is None:
        sums = reference.layer_sums(program, layer, times)
    else:
        sums = engine.sums(layer, times)
    if layer.needed_bits <= width:
        return sums, 0
    # If partial sums stay inside in any order, no order was clipped.
    low, high = (engine or Engine(program)).extremes(layer, times)
    limit = 1 << (width - 1)
    suspects = np.nonzero((low < -limit) | (high >= limit))
    events = 0
    for start in range(0, len(suspects[0]), _SUSPECTS):
        some = tuple(axis[start : start + _SUSPECTS] for axis in suspects)
        _, _, products = reference.arrivals(program, layer, times, some)
        sums[some], count = reference.clipped_sums(layer.bias[some[2]], products, width)
        events += int(count.sum())
    return sums, events


def earliest(times: UInt8Array, branch: Branch, silent: int) -> UInt8Array:
    """Return the earliest spike in each window; padding never fires."""
    border = np.full_like(times[:, :1], silent)
    padded = np.concatenate([times, border], 1)
    found = padded[:, branch.index[:, 0]]
    for tap in range(1, branch.index.shape[1]):
        found = np.minimum(found, padded[:, branch.index[:, tap]])
    return found
