"""Consistency checks of a program: what a file may hold, and what the data path relies on."""

import numpy as np

from spkeras.errors import SpkerasError
from spkeras.hardware.log_ttfs.arithmetic import mantissa_table
from spkeras.hardware.log_ttfs.golden import INPUT
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer, bits_for
from spkeras.hardware.log_ttfs.ranges import sum_range
from spkeras.ops.arrays import Int32Array, Int64Array
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, READOUT


def check_program(program: Program) -> None:
    """Refuse a program whose parts contradict each other or leave their ranges.

    Raises:
        SpkerasError: a part is invalid; the message names it.
    """
    config, grid = program.config, program.grid
    if config.tau is None or config.timesteps is None:
        _wrong("configuration", "T and tau are open")
    steps = grid // int(config.tau or 1)
    _equal("mantissa table", program.mantissa, mantissa_table(grid, config.table_bits))
    if program.times.shape != (config.timesteps,):
        _wrong("spike-time table", f"shape {program.times.shape} for T = {config.timesteps}")
    _equal("spike-time table", program.times, np.arange(int(config.timesteps or 0)) * steps)
    if grid != max(config.weight_steps, int(config.tau or 0)):
        _wrong("mantissa table", f"{grid} entries")
    if not program.layers or program.layers[0].kind != ENCODER:
        _wrong("layers", "the first one must encode the input")
    known: dict[str, ProgramLayer] = {}
    for layer in program.layers:
        if layer.name in known:
            _wrong(layer.name, "occurs twice")
        _check_layer(program, layer, known)
        known[layer.name] = layer
    _check_ports(program)
    _check_golden(program)


def _check_golden(program: Program) -> None:
    """Check types of golden vectors, and the inputs; results are compared when they are used."""
    for name, array in program.golden.items():
        if array.dtype.kind not in "iu":
            _wrong(f"golden vector {name!r}", f"holds {array.dtype}; allowed: whole numbers")
    if not program.golden:
        return
    samples = set()
    for port, layer in program.encoders.items():
        array = program.golden[f"{INPUT}{port}"]
        if array.shape[1:] != (layer.positions, layer.channels) or not array.size:
            _wrong(f"golden input {port}", f"shape {array.shape} for an input of {layer.shape}")
        if int(array.min()) < 0 or int(array.max()) > program.config.input_levels:
            _wrong(f"golden input {port}", f"values {array.min()} to {array.max()}")
        samples.add(len(array))
    if len(samples) != 1:
        _wrong("golden inputs", f"numbers of samples {sorted(samples)}")


def _check_ports(program: Program) -> None:
    """Check the inputs and outputs."""
    if list(program.encoders) != list(range(len(program.encoders))):
        _wrong("layers", f"encoders of the inputs {list(program.encoders)}")
    sizes = {
        layer.name: layer.positions * layer.channels
        for layer in program.layers
        if layer.kind == READOUT
    }
    given = {name: int(np.prod(shape)) for name, shape in program.outputs.items()}
    if sizes != given or not sizes:
        _wrong("outputs", f"values {given}, but read-outs of {sizes}")
    for layer in program.layers:
        if layer.kind == ENCODER and layer.shape != program.encoders[layer.port].shape:
            _wrong(layer.name, f"reads {layer.shape} from an input of another shape")


def _wrong(where: str, what: str) -> None:
    raise SpkerasError(f"{where}: {what}")


def _equal(where: str, found: Int64Array, wanted: Int64Array) -> None:
    if found.dtype.kind != "i" or not np.array_equal(found, wanted):
        _wrong(where, "is not that of the configuration")


def _check_layer(program: Program, layer: ProgramLayer, known: dict[str, ProgramLayer]) -> None:
    if layer.kind not in (ENCODER, NEURONS, EARLIEST, READOUT):
        _wrong(layer.name, f"kind {layer.kind!r}")
    if min(layer.shape, default=0) < 1 or len(layer.shape) < 2:
        _wrong(layer.name, f"shape {layer.shape}")
    if not 0 < layer.unit < np.inf or layer.depth < 0 or layer.port < 0:
        _wrong(layer.name, f"unit {layer.unit}, depth {layer.depth}, port {layer.port}")
    if bool(layer.branches) == (layer.kind == ENCODER):
        _wrong(layer.name, f"{len(layer.branches)} branches into {layer.kind}")
    fires = layer.kind in (ENCODER, NEURONS)
    thresholds = layer.thresholds
    falls = thresholds.dtype.kind == "i" and not (np.diff(thresholds) > 0).any()
    if thresholds.shape != (program.timesteps if fires else 0,) or not falls:
        _wrong(layer.name, "thresholds do not fall step by step")
    for branch in layer.branches:
        if branch.source not in known or known[branch.source].kind == READOUT:
            _wrong(layer.name, f"reads {branch.source!r}, which does not come before it")
        _check_branch(program, layer, branch, known[branch.source])
    if layer.kind in (NEURONS, READOUT):
        _check_sums(program, layer)


def _check_sums(program: Program, layer: ProgramLayer) -> None:
    if layer.bias.shape != (layer.channels,) or layer.bias.dtype.kind != "i":
        _wrong(layer.name, f"bias of shape {layer.bias.shape}")
    if not -64 < layer.fraction < 64:
        _wrong(layer.name, f"fraction {layer.fraction}")
    if sum_range(program, layer) != (layer.low, layer.high):
        _wrong(layer.name, "range of sums is not that of its weights")
    width = program.config.accumulator_bits
    if bits_for(layer.low, layer.high) > width and not program.config.saturate:
        _wrong(layer.name, f"sums may leave the accumulator of {width} bits")


def _check_branch(
    program: Program, layer: ProgramLayer, branch: ProgramBranch, source: ProgramLayer
) -> None:
    where = f"{layer.name} from {branch.source}"
    index, cells, codes = branch.index, branch.cells, branch.exponents
    if index.ndim != 2 or len(index) != layer.positions or index.dtype.kind != "i":
        _wrong(where, f"addresses of shape {index.shape}")
    reachable = source.positions
    if cells is not None:
        if cells.ndim != 2 or cells.dtype.kind != "i":
            _wrong(where, f"cells of shape {cells.shape}")
        _check_range(where, cells, source.positions)
        reachable = len(cells)
    _check_range(where, index, reachable)
    if layer.kind == EARLIEST:
        if layer.channels != source.channels:
            _wrong(where, f"{layer.channels} channels from {source.channels}")
        return
    _check_codes(where, branch, source, layer)
    if codes.dtype.kind != "u" or branch.negative.shape != codes.shape:
        _wrong(where, "signs and exponents do not fit each other")
    if branch.negative.dtype.kind != "b" or branch.offset < 0 or branch.offset > 1 << 16:
        _wrong(where, f"offset {branch.offset}")
    if int(codes.max(initial=0)) > program.config.weight_format.zero_exponent:
        _wrong(where, f"exponent {int(codes.max())} of {program.config.weight_bits}-bit weights")


def _check_codes(
    where: str, branch: ProgramBranch, source: ProgramLayer, layer: ProgramLayer
) -> None:
    """Check the shapes and groups of a branch's weights."""
    codes, groups, first = branch.exponents, branch.groups, branch.first
    whole = isinstance(groups, int) and isinstance(first, int) and groups >= 1 and first >= 0
    if codes.ndim != 3 or not codes.size or not whole:
        _wrong(where, f"weight codes of shape {codes.shape}, {groups} groups from {first} on")
    fits = codes.shape[:2] == (branch.index.shape[1], source.channels / groups)
    if not fits or codes.shape[2] % groups or first + codes.shape[2] > layer.channels:
        _wrong(where, f"weight codes of shape {codes.shape} in {groups} groups from {first} on")


def _check_range(where: str, index: Int32Array, size: int) -> None:
    if index.size and (int(index.min()) < -1 or int(index.max()) >= size):
        _wrong(where, f"addresses {int(index.min())} to {int(index.max())} of {size}")
