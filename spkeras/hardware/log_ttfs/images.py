"""Memory images for hardware descriptions (`$readmemh`), a listing, and golden vectors."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np

from spkeras.errors import OptionError
from spkeras.files.drafts import draft_of
from spkeras.hardware.log_ttfs.benches import SOURCES, bench_texts
from spkeras.hardware.log_ttfs.golden import OUTPUT, TIMES, golden_inputs
from spkeras.hardware.log_ttfs.listing import listing
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.ops.arrays import Int64Array
from spkeras.ttfs.plan import ENCODER, NEURONS

_MODULES = (*SOURCES, "log_ttfs_bench.v")


def hex_words(values: Iterable[int], bits: int) -> str:
    """Return whole numbers as `$readmemh` reads them: two's complement, one per line."""
    digits, mask = -(-bits // 4), (1 << bits) - 1
    return "".join(f"{value & mask:0{digits}x}\n" for value in values)


def write_images(program: Program, folder: Path | str) -> tuple[Path, ...]:
    """Write all memories of a program into a new or empty folder.

    For each layer: weights (sign, then exponent), addresses, biases, thresholds, golden spike
    times (of read-outs, sums). For the program: the mantissa table, spike-time exponents, golden
    inputs, a listing, the Verilog sources that read them, and a Makefile that compares every layer
    with its golden vectors.

    Args:
        program: The program.
        folder: Folder to create; it appears completely or not at all.

    Returns:
        The files written.

    Raises:
        OptionError: the folder is not empty, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OptionError(f"{folder}: exists and is not empty; choose a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(folder) as draft:
            draft.mkdir()
            _write(program, draft)
    except OSError as error:
        raise OptionError(f"{folder}: cannot be written ({error})") from error
    return tuple(sorted(folder.iterdir()))


def _write(program: Program, folder: Path) -> None:
    for name, text in _texts(program):
        (folder / name).write_text(text, encoding="utf-8")
    for module in _MODULES:
        source = files("spkeras.hardware.log_ttfs") / "verilog" / module
        (folder / module).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


def weight_words(program: Program, branch: ProgramBranch) -> Int64Array:
    """Return weight codes as the memory holds them: the sign above the exponent, int64.

    A weight of 0 in a format without a code for it (a padded connection) has no code here. Only
    connections of weight 1 have such weights, and they need no memory.
    """
    sign = branch.negative.astype(np.int64) << (program.config.weight_bits - 1)
    return sign + branch.exponents


def _texts(program: Program) -> Iterable[tuple[str, str]]:
    config = program.config
    yield "listing.txt", listing(program)
    yield "mantissa.hex", hex_words(program.mantissa.tolist(), config.table_bits)
    yield "times.hex", hex_words(program.times.tolist(), 16)
    for number, layer in enumerate(program.layers):
        for name, text in _layer_texts(program, layer):
            yield f"layer{number:02d}.{name}", text
    if program.golden:
        for port, inputs in enumerate(golden_inputs(program)):
            yield f"golden.input{port}.hex", _words(inputs, config.input_bits)
        yield from bench_texts(program)


def _layer_texts(program: Program, layer: ProgramLayer) -> Iterable[tuple[str, str]]:
    config = program.config
    if layer.kind in (ENCODER, NEURONS):
        yield "thresholds.hex", _words(layer.thresholds, 64)
    if layer.bias.size:
        yield "bias.hex", _words(layer.bias, config.accumulator_bits)
    for place, branch in enumerate(layer.branches):
        yield f"{place}.address.hex", _words(branch.index, 32)
        if branch.cells is not None:
            yield f"{place}.cells.hex", _words(branch.cells, 32)
        if branch.weighted:
            yield f"{place}.weights.hex", _words(weight_words(program, branch), config.weight_bits)
    for start, bits in ((TIMES, 8), (OUTPUT, 64)):
        if start + layer.name in program.golden:
            yield "golden.hex", _words(program.golden[start + layer.name], bits)


def _words(values: np.ndarray, bits: int) -> str:
    return hex_words(values.reshape(-1).tolist(), bits)
