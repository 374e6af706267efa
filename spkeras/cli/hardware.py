"""`spkeras hardware`: the program of a log-TTFS processor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_cnn
from spkeras.cli.kinds import Real
from spkeras.cli.messages import note, show, show_json, warn
from spkeras.cli.progress import progress
from spkeras.errors import OptionError

# Names of the tables of energies, written out since importing the room takes a while.
COSTS = ("horowitz-45nm", "jouppi-7nm")

_PROGRAM = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Compile a network for a log-TTFS processor, and run it bit for bit.

    \b
    spkeras hardware compile model.keras -o program.npz
    spkeras hardware run program.npz --data test.npz
    spkeras hardware images program.npz -o memories/
    """


def _widths(function: Callable[..., Any]) -> Callable[..., Any]:
    """The fields of `HardwareConfig` as options; what is not given is left to its defaults."""
    bits, one = click.IntRange(min=1), click.IntRange(min=1)
    choices: list[tuple[str, Any, str]] = [
        ("--weight-bits", click.IntRange(2, 12), "Bits of a weight, sign included.  [default: 5]"),
        ("--weight-steps", click.Choice(["1", "2", "4", "8"]), "Levels an octave.  [default: 2]"),
        ("--zero-code/--no-zero-code", bool, "An exponent stands for 0.  [default: yes]"),
        ("--rounding", click.Choice(["log", "linear"]), "Of weights.  [default: log]"),
        ("--full-scale", click.Choice(["ceil", "nearest", "mse"]), "Rule.  [default: mse]"),
        ("--timesteps", one, "T of a window.  [default: the model's]"),
        ("--tau", one, "Steps in which the threshold halves.  [default: the model's]"),
        ("--table-bits", bits, "Width of the mantissa table.  [default: 12]"),
        ("--accumulator-bits", bits, "Width of the accumulator.  [default: 32]"),
        ("--fraction-bits", int, "Bits below the table's last one.  [default: as fit]"),
        ("--input-bits", bits, "Bits of an input value.  [default: 8]"),
        ("--pe-count", one, "Processing elements.  [default: 128]"),
        ("--clock-hz", Real(), "Clock.  [default: 250e6]"),
        ("--weight-kib", one, "Weight memory.  [default: 1024]"),
        ("--membrane-kib", one, "Memory of accumulators.  [default: 32]"),
    ]
    for name, kind, text in reversed(choices):
        function = click.option(name, type=kind, default=None, help=text)(function)
    return click.option("--saturate", is_flag=True, help="Accept sums that clip.")(function)


@command.command("compile")
@click.argument("model", type=options.MODEL)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="An .npz.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@_widths
@options.model_options
def compile_command(
    model: Path,
    output: Path,
    force: bool,
    architecture: Path | None,
    replace: tuple[tuple[str, str], ...],
    **chosen: Any,
) -> None:
    """Compile MODEL, trained with TTFS activations, into a program of whole numbers."""
    check_output(output, (".npz",), "--output", force)
    from spkeras.hardware import log_ttfs

    given = options.given(**chosen)
    if "weight_steps" in given:
        given["weight_steps"] = int(given["weight_steps"])
    config = log_ttfs.HardwareConfig(**given)
    cnn = read_cnn(model, architecture, replace)
    program = log_ttfs.compile(cnn.model, config)
    log_ttfs.save_program(program, output)
    for text in program.notes:
        note(text)
    widest = max(program.layers, key=lambda layer: layer.needed_bits)
    click.echo(
        f"{program.name}: {len(program.layers)} layers, T = {program.timesteps}, "
        f"{program.config.weight_bits}-bit weights, widest sums {widest.needed_bits} bits "
        f"({widest.name}) of {program.config.accumulator_bits}"
    )
    click.echo(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    click.echo(f"next: spkeras hardware run {output} --data DATA")


@command.command("run")
@click.argument("program", type=_PROGRAM)
@options.data_options("test", None)
@click.option(
    "--costs",
    default=COSTS[0],
    show_default=True,
    metavar="NAME|FILE.json",
    help="Table of energies: horowitz-45nm, jouppi-7nm, or one of your own.",
)
@click.option("--reference", is_flag=True, help="One addition at a time, far slower.")
@options.json_option
def run_command(
    program: Path,
    data: options.DataChoice,
    batch_size: int,
    costs: str,
    reference: bool,
    as_json: bool,
) -> None:
    """Run PROGRAM bit for bit: accuracy, spikes, operations, cycles and estimated energy."""
    from spkeras.data import read_data
    from spkeras.hardware import log_ttfs
    from spkeras.metrics.costs import cost_table

    loaded, table = log_ttfs.load_program(program), cost_table(costs)
    golden = log_ttfs.check_golden(loaded) if loaded.golden else None
    if golden is not None and not golden.equal:
        raise OptionError(
            f"{program}: its golden vectors do not come out here "
            f"({sum(golden.mismatches.values())} values differ); compile it again"
        )
    samples = read_data(
        data.spec,
        part=data.part,
        samples=data.samples,
        scale=data.scale,
        mean=data.mean,
        std=data.std,
        image_size=loaded.layers[0].shape,
    )
    with progress("running") as advance:
        result = log_ttfs.run(
            loaded,
            samples.x if len(loaded.encoders) > 1 else samples.x[0],
            samples.y,
            batch_size=min(batch_size, 50),
            costs=table,
            reference=reference,
            progress=advance,
        )
    if result.total.clipped:
        warn(f"{result.total.clipped:.1f} additions a sample were clipped")
    if as_json:
        show_json({"data": data.spec, "program": str(program), **result.to_dict()})
        return
    from spkeras.report.hardware import hardware_summary, hardware_table

    click.echo(hardware_summary(result) + "\n")
    show([hardware_table(result)])


@command.command("images")
@click.argument("program", type=_PROGRAM)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A new folder."
)
def images_command(program: Path, output: Path) -> None:
    """Write PROGRAM as memory images ($readmemh), a listing and golden vectors."""
    from spkeras.hardware import log_ttfs
    from spkeras.hardware.log_ttfs.images import write_images

    written = write_images(log_ttfs.load_program(program), output)
    click.echo(f"wrote {len(written)} files to {output}; start with {output / 'listing.txt'}")
