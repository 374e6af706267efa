"""Memory images for hardware descriptions (`$readmemh`), a listing, and golden vectors."""

import os
import shutil
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.listing import listing
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch
from spkeras.ttfs.plan import ENCODER, NEURONS

_MODULES = ("log_ttfs_pe.v", "log_ttfs_fire.v", "log_ttfs_bench.v")


def hex_words(values: Iterable[int], bits: int) -> str:
    """Whole numbers as `$readmemh` reads them, two's complement, one on a line."""
    digits, mask = -(-bits // 4), (1 << bits) - 1
    return "".join(f"{value & mask:0{digits}x}\n" for value in values)


def write_images(program: Program, folder: Path | str) -> tuple[Path, ...]:
    """Write all memories of a program into a folder that is new or empty.

    For each layer: weights (sign, then exponent), addresses, biases, thresholds, golden spike
    times; for all: the mantissa table, spike-time exponents, golden inputs and outputs, a listing,
    and the Verilog sources that read them.

    Args:
        program: The program.
        folder: Where; appears whole or not at all.

    Returns:
        The files written.

    Raises:
        OptionError: the folder holds something already, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OptionError(f"{folder}: is there already and not empty; choose a new folder")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        for name, text in _texts(program):
            (draft / name).write_text(text, encoding="utf-8")
        for module in _MODULES:
            source = files("spkeras.hardware.log_ttfs") / "verilog" / module
            (draft / module).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        os.replace(draft, folder)
    except OSError as error:
        raise OptionError(f"{folder}: cannot be written ({error})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return tuple(sorted(folder.iterdir()))


def weight_words(program: Program, branch: ProgramBranch) -> np.ndarray:
    """Weight codes as the memory holds them: the sign above the exponent, int64.

    A weight of 0 in a format without a code for it (a padded connection) is not stored as such;
    only connections of weight 1 have those, and they have no memory.
    """
    sign = branch.negative.astype(np.int64) << (program.config.weight_bits - 1)
    return sign + branch.exponents


def _texts(program: Program) -> Iterable[tuple[str, str]]:
    config = program.config
    yield "listing.txt", listing(program)
    yield "mantissa.hex", hex_words(program.mantissa.tolist(), config.table_bits)
    yield "times.hex", hex_words(program.times.tolist(), 16)
    for number, layer in enumerate(program.layers):
        prefix = f"layer{number:02d}"
        if layer.kind in (ENCODER, NEURONS):
            yield f"{prefix}.thresholds.hex", hex_words(layer.thresholds.tolist(), 64)
        if layer.bias.size:
            yield f"{prefix}.bias.hex", hex_words(layer.bias.tolist(), config.accumulator_bits)
        for place, branch in enumerate(layer.branches):
            yield f"{prefix}.{place}.address.hex", hex_words(branch.index.reshape(-1).tolist(), 32)
            if branch.cells is not None:
                yield f"{prefix}.{place}.cells.hex", hex_words(
                    branch.cells.reshape(-1).tolist(), 32
                )
            if branch.weighted:
                words = weight_words(program, branch).reshape(-1)
                yield f"{prefix}.{place}.weights.hex", hex_words(words.tolist(), config.weight_bits)
        if f"times/{layer.name}" in program.golden:
            times = program.golden[f"times/{layer.name}"].reshape(-1)
            yield f"{prefix}.golden.hex", hex_words(times.tolist(), 8)
    if program.golden:
        inputs, outputs = program.golden["input"], program.golden["output"]
        yield "golden.input.hex", hex_words(inputs.reshape(-1).tolist(), config.input_bits)
        yield "golden.output.hex", hex_words(outputs.reshape(-1).tolist(), 64)
