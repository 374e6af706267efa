"""One Verilog module and one Makefile that compare each layer of a program with its golden vectors."""

from collections.abc import Iterable, Sequence

import numpy as np

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.golden import golden_inputs
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer
from spkeras.ttfs.plan import EARLIEST, ENCODER, NEURONS, READOUT

_KINDS = {ENCODER: 0, NEURONS: 1, EARLIEST: 2, READOUT: 3}
SOURCES = ("log_ttfs_layer.v", "log_ttfs_pe.v", "log_ttfs_fire.v")
_WARNINGS = "-Wno-fatal -Wno-lint -Wno-style -Wno-STMTDLY -Wno-INITIALDLY"
BUILDS = {
    "icarus": "iverilog -g2005 -o {bench}.out -s {bench} -P{bench}.STRIDE={stride} {bench}.v "
    + " ".join(SOURCES),
    "verilator": "verilator --binary -j 1 -O3 --x-assign fast "
    + _WARNINGS
    + " --Mdir {bench}.obj -o ../{bench}.out --top-module {bench} -GSTRIDE={stride} {bench}.v "
    + " ".join(SOURCES),
}
RUNS = {"icarus": "vvp -n {bench}.out", "verilator": "./{bench}.out"}


def bench_name(number: int) -> str:
    """Return the name of the module of a layer, which is that of its file."""
    return f"layer{number:02d}_bench"


def bench_texts(program: Program) -> Iterable[tuple[str, str]]:
    """Yield name and text of each bench and its plan, and the Makefile.

    Raises:
        DataError: the program has no golden vectors.
    """
    samples = len(golden_inputs(program)[0])
    for number, layer in enumerate(program.layers):
        plans = _plans(program, layer, samples)
        if plans:
            words = np.concatenate([list(plan.values()) for plan in plans])
            yield f"layer{number:02d}.plan.hex", "".join(f"{word:08x}\n" for word in words)
        yield f"{bench_name(number)}.v", _module(program, number, plans, samples)
    yield "Makefile", _makefile(len(program.layers))


def _plans(program: Program, layer: ProgramLayer, samples: int) -> list[dict[str, int]]:
    """Return the entries of each branch, in the order of `log_ttfs_layer.v`."""
    plans: list[dict[str, int]] = []
    bases = dict.fromkeys(("weights", "addresses", "cells", "spikes"), 0)
    for branch in layer.branches:
        source = program.by_name[branch.source]
        earliest = layer.kind == EARLIEST
        plans.append(
            {
                "taps": branch.index.shape[1],
                "members": 0 if branch.cells is None else branch.members,
                "width": 1 if earliest else branch.exponents.shape[1],
                "reached": branch.exponents.shape[-1],
                "first": branch.first,
                "fan_out": 1 if earliest else branch.fan_out,
                "weighted": int(branch.weighted),
                "negative": int(_negative(branch)),
                "offset": branch.offset,
                "source_positions": source.positions,
                "source_channels": source.channels,
                **bases,
            }
        )
        bases["weights"] += branch.exponents.size if branch.weighted else 0
        bases["addresses"] += branch.index.size
        bases["cells"] += 0 if branch.cells is None else branch.cells.size
        bases["spikes"] += samples * source.positions * source.channels
    return plans


def _negative(branch: ProgramBranch) -> bool:
    """Return the sign of connections of weight 1 or -1, which have no weight memory."""
    return not branch.weighted and bool(branch.negative.all())


def _module(program: Program, number: int, plans: Sequence[dict[str, int]], samples: int) -> str:
    layer, name = program.layers[number], bench_name(number)
    parameters = ", ".join(
        f".{key}({value})" for key, value in _parameters(program, number, samples).items()
    )
    loads = "".join(
        f'        $readmemh("{file}", bench.{memory}, {base});\n'
        for file, memory, base in _loads(program, number, plans)
    )
    safe = "".join(c for c in layer.name if c.isalnum() or c in "_.:/-")
    return (
        f"// Layer {number} of {len(program.layers)}, written by spkeras hardware images.\n"
        f"module {name} #(parameter STRIDE = 1);\n"
        f'    log_ttfs_layer #(.NAME("layer{number:02d} {safe}"), .STRIDE(STRIDE), {parameters}) bench ();\n'
        f"    initial begin\n{loads}    end\nendmodule\n"
    )


def _parameters(program: Program, number: int, samples: int) -> dict[str, int | str]:
    config, grid, layer = program.config, program.grid, program.layers[number]
    sizes = {
        "WEIGHTS": sum(b.exponents.size for b in layer.branches if b.weighted),
        "ADDRESSES": sum(b.index.size for b in layer.branches),
        "CELLS": sum(b.cells.size for b in layer.branches if b.cells is not None),
        "SPIKES": _spikes(program, layer, samples),
        "BRANCHES": len(layer.branches),
    }
    file = f"layer{number:02d}.thresholds.hex" if layer.thresholds.size else "times.hex"
    return {
        "KIND": _KINDS[layer.kind],
        "SAMPLES": samples,
        "POSITIONS": layer.positions,
        "CHANNELS": layer.channels,
        **{name: max(size, 1) for name, size in sizes.items()},
        "ORDERED": int(
            layer.kind in (NEURONS, READOUT) and layer.needed_bits > config.accumulator_bits
        ),
        "GRID_LOG": grid.bit_length() - 1,
        "WEIGHT_SHIFT": (grid // config.weight_steps).bit_length() - 1,
        "TIME_SHIFT": (grid // int(config.tau or 1)).bit_length() - 1,
        "WEIGHT_BITS": config.weight_bits,
        "ZERO_CODE": config.weight_format.zero_exponent,
        "TABLE_BITS": config.table_bits,
        "ACCUMULATOR_BITS": config.accumulator_bits,
        "TIMESTEPS": program.timesteps,
        "FRACTION": layer.fraction,
        "THRESHOLD_FILE": f'"{file}"',
    }


def _spikes(program: Program, layer: ProgramLayer, samples: int) -> int:
    if layer.kind == ENCODER:
        return samples * layer.positions * layer.channels
    sources = [program.by_name[branch.source] for branch in layer.branches]
    return samples * sum(source.positions * source.channels for source in sources)


def _loads(
    program: Program, number: int, plans: Sequence[dict[str, int]]
) -> Iterable[tuple[str, str, int]]:
    """Yield file, memory and first address of each image that a bench reads."""
    layer, prefix = program.layers[number], f"layer{number:02d}."
    numbers = {known.name: place for place, known in enumerate(program.layers)}
    yield prefix + "golden.hex", "golden", 0
    if layer.kind == ENCODER:
        yield f"golden.input{layer.port}.hex", "spikes", 0
        return
    yield prefix + "plan.hex", "plan", 0
    if layer.bias.size:
        yield prefix + "bias.hex", "biases", 0
    for place, (branch, plan) in enumerate(zip(layer.branches, plans, strict=True)):
        yield f"{prefix}{place}.address.hex", "addresses", plan["addresses"]
        if branch.cells is not None:
            yield f"{prefix}{place}.cells.hex", "cells", plan["cells"]
        if branch.weighted:
            yield f"{prefix}{place}.weights.hex", "weights", plan["weights"]
        yield f"layer{numbers[branch.source]:02d}.golden.hex", "spikes", plan["spikes"]


def _makefile(layers: int) -> str:
    builds = "\n".join(
        f"BUILD_{tool} = {BUILDS[tool].format(bench='$*', stride='$(STRIDE)')}\n"
        f"RUN_{tool} = {RUNS[tool].format(bench='$*')}"
        for tool in BUILDS
    )
    names = " ".join(bench_name(number) for number in range(layers))
    return f"""# Compare every layer with its golden vectors: make, make -j4, make SIMULATOR=verilator.
# make STRIDE=10 computes every tenth neuron.
SIMULATOR ?= icarus
STRIDE ?= 1
BENCHES = {names}

{builds}

all: $(BENCHES:=.log)
\t@cat $^
\t@! grep -q -v ' 0 different$$' $^ && echo equal

%.log: %.v {' '.join(SOURCES)}
\t$(BUILD_$(SIMULATOR)) > $*.build 2>&1 || {{ cat $*.build; exit 1; }}
\t$(RUN_$(SIMULATOR)) | grep ' different$$\\| golden ' > $@.part && mv $@.part $@

clean:
\trm -rf *.log *.part *.out *.obj *.build

.PHONY: all clean
"""


def command(tool: str, number: int, stride: int) -> tuple[list[str], list[str]]:
    """Return the commands that build and run the bench of a layer.

    Args:
        tool: "icarus" or "verilator".
        number: Index of the layer.
        stride: Every `stride`-th neuron is computed.
    """
    if tool not in BUILDS:
        raise OptionError(f"simulator={tool!r}; allowed: {', '.join(BUILDS)}")
    name = bench_name(number)
    return (
        BUILDS[tool].format(bench=name, stride=stride).split(),
        RUNS[tool].format(bench=name).split(),
    )
