"""Human-readable listing of a program."""

from collections.abc import Iterator

from spkeras.hardware.log_ttfs.program import Program, ProgramLayer
from spkeras.ttfs.plan import EARLIEST, ENCODER


def listing(program: Program) -> str:
    """Return the contents of the processor's memories, layer by layer, as text."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: Program) -> Iterator[str]:
    config = program.config
    zero = f"{config.weight_format.zero_exponent} is weight 0" if config.zero_code else "no zero"
    yield f"program of {program.name} for a log-TTFS processor"
    yield f"weights      {config.weight_bits} bits: sign, exponent q ({zero}); base 2^(1/{config.weight_steps})"
    yield f"spikes       T = {config.timesteps}, tau = {config.tau}, value 2^(-k/{config.tau}); T is no spike"
    yield f"exponents    {program.grid} to an octave"
    yield f"mantissa     {config.table_bits} bits: {' '.join(map(str, program.mantissa))}"
    yield f"accumulator  {config.accumulator_bits} bits, {'clipping' if config.saturate else 'cannot overflow'}"
    yield f"input        0 to {config.input_levels}"
    yield from (f"note         {note}" for note in program.notes)
    for number, layer in enumerate(program.layers):
        yield ""
        port = f" {layer.port}" * (layer.kind == ENCODER and len(program.encoders) > 1)
        size = " x ".join(map(str, layer.shape))
        yield f"layer{number:02d} {layer.name}: {layer.kind}{port}, {size}"
        yield from (f"    {line}" for line in _layer_lines(program, layer))


def _layer_lines(program: Program, layer: ProgramLayer) -> Iterator[str]:
    if layer.thresholds.size:
        yield f"thresholds {' '.join(map(str, layer.thresholds.tolist()))}"
    if layer.kind == ENCODER:
        yield f"input {layer.unit:g} has the code {program.config.input_levels}"
        return
    for branch in layer.branches:
        taps, average = branch.index.shape[1], f", {branch.members} a cell" * (branch.members > 1)
        groups = f", {branch.groups} groups" * (branch.groups > 1)
        if layer.kind == EARLIEST:
            yield f"earliest of {taps} from {branch.source}"
            continue
        what = "weights" if branch.weighted else "connections of weight 1"
        form = program.config.weight_format
        there = int((branch.exponents != form.zero_exponent).sum())
        yield (
            f"from {branch.source}: {branch.exponents.size} {what} ({there} not 0), {taps} taps"
            f"{average}{groups}, to channels {branch.first} to {branch.reached.stop - 1}, full scale 2^({branch.full_scale}/{form.steps}), offset {branch.offset}"
        )
    yield (
        f"sums {layer.low} to {layer.high} ({layer.needed_bits} bits), {layer.fraction} fraction "
        f"bits, last bit {layer.unit:g}"
    )
    yield f"bias {' '.join(map(str, layer.bias.tolist()))}"
