"""`spkeras hardware`: the program of a log-TTFS processor."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import CnnReader, check_output, check_output_folder, write_whole
from spkeras.cli.generated import all_of, config_options, option
from spkeras.cli.group import Group
from spkeras.cli.messages import note, say, show, show_json, warn
from spkeras.cli.progress import progress
from spkeras.errors import OptionError
from spkeras.hardware.config import HardwareConfig

_MODEL = click.Path(exists=True, dir_okay=False, path_type=Path)
_PROGRAM = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Group)
def command() -> None:
    """Compile a network for a log-TTFS processor, and run it.

    \b
    spkeras hardware compile model.keras -o program.npz
    spkeras hardware run program.npz --data test.npz
    spkeras hardware simulate program.npz
    spkeras hardware images program.npz -o memories/
    """


@command.command("compile")
@click.argument("model", type=options.MODEL)
@options.output_option("The program, .npz.", required=True)
@option(
    "--cnn",
    type=_MODEL,
    help="The CNN that MODEL was trained from; `run` compares with it.  [default: none]",
)
@options.force_option
@options.json_option
@options.model_options
@all_of(config_options(HardwareConfig))
def compile_command(
    model: Path,
    output: Path,
    cnn: Path | None,
    force: bool,
    as_json: bool,
    reader: CnnReader,
    **chosen: Any,
) -> None:
    """Compile MODEL, trained with TTFS activations, into an integer program."""
    check_output(output, (".npz",), "--output", force)
    config = HardwareConfig(**options.given(**chosen))
    from spkeras.hardware import log_ttfs

    program = log_ttfs.compile(reader.read(model).model, config)
    program = replace(program, origin=options.given(cnn=cnn and str(cnn), cat=str(model)))
    write_whole(output, lambda path: log_ttfs.save_program(program, path))
    if as_json:
        show_json(
            {
                "output": str(output),
                "name": program.name,
                "timesteps": program.timesteps,
                "config": program.config.get_config(),
                "notes": list(program.notes),
                "layers": {layer.name: layer.needed_bits for layer in program.layers},
            }
        )
        return
    for text in program.notes:
        note(text)
    widest = max(program.layers, key=lambda layer: layer.needed_bits)
    say(
        f"{program.name}: {len(program.layers)} layers, T = {program.timesteps}, "
        f"{program.config.weight_bits}-bit weights, widest sums {widest.needed_bits} bits "
        f"({widest.name}) of {program.config.accumulator_bits}"
    )
    say(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    say(f"next: spkeras hardware run {shlex.quote(str(output))} --data DATA")


@command.command("run")
@click.argument("program", type=_PROGRAM)
@options.data_options("test", None)
@options.batch_option
@options.costs_option
@option(
    "--cnn",
    type=_MODEL,
    help="CNN to compare with.  [default: as given to compile]",
)
@option(
    "--cat",
    type=_MODEL,
    help="Network that was compiled, to compare with.  [default: as given to compile]",
)
@option("--reference", is_flag=True, help="Compute one addition at a time; far slower.")
@options.json_option
def run_command(
    program: Path,
    data: options.DataChoice,
    batch_size: int,
    costs: str,
    cnn: Path | None,
    cat: Path | None,
    reference: bool,
    as_json: bool,
) -> None:
    """Run PROGRAM bit for bit: accuracy, spikes, operations, cycles and estimated energy.

    Accuracy is shown beside that of the network that was compiled, and of its CNN.
    """
    from spkeras.cli.origins import compared
    from spkeras.hardware import log_ttfs
    from spkeras.metrics.costs import cost_table

    loaded, table = log_ttfs.load_program(program), cost_table(costs)
    golden = log_ttfs.check_golden(loaded) if loaded.golden else None
    if golden is not None and not golden.equal:
        raise OptionError(
            f"{program}: {sum(golden.mismatches.values())} values of its golden vectors differ "
            "on this machine; compile it again"
        )
    samples = data.stored(loaded.layers[0].shape)
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
        warn(f"{result.total.clipped:.1f} additions per sample were clipped")
    given = options.given(cnn=cnn, cat=cat)
    others = compared(loaded, program, samples, result=result, given=given)
    if as_json:
        record = {name: asdict(other) for name, other in others.items()}
        show_json({"data": data.spec, "program": str(program), **result.to_dict(), **record})
        return
    from spkeras.report.hardware import hardware_summary, hardware_table

    say(hardware_summary(result, others) + "\n")
    show([hardware_table(result)])


@command.command("simulate")
@click.argument("program", type=_PROGRAM)
@option(
    "--simulator",
    type=click.Choice(("icarus", "verilator")),
    help="Verilog simulator.  [default: the one that is installed, else icarus]",
)
@option(
    "--every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Compute every N-th neuron of each layer.",
)
@options.json_option
def simulate_command(program: Path, simulator: str | None, every: int, as_json: bool) -> None:
    """Run the golden vectors of PROGRAM through its Verilog, and compare every value.

    The exit code is 1 if a value differs.
    """
    from spkeras.hardware import log_ttfs
    from spkeras.hardware.log_ttfs.simulate import simulate

    loaded = log_ttfs.load_program(program)
    with progress("simulating") as advance:
        layers = simulate(loaded, simulator, stride=every, progress=advance)
    different = sum(layer.different for layer in layers)
    values = sum(layer.values for layer in layers)
    if as_json:
        record = {"values": values, "different": different, "equal": not different}
        show_json({"program": str(program), **record, "layers": [asdict(one) for one in layers]})
    else:
        for layer in layers:
            say(f"{layer.name}: {layer.values} values, {layer.different} different")
            for line in layer.first:
                say(f"  {line}")
        verdict = f"{different} differ from" if different else "all equal"
        say(f"{loaded.name}: {values} values, {verdict} the golden vectors")
    click.get_current_context().exit(1 if different else 0)


@command.command("images")
@click.argument("program", type=_PROGRAM)
@options.output_option("A folder that does not exist or is empty.", required=True)
@options.json_option
def images_command(program: Path, output: Path, as_json: bool) -> None:
    """Write PROGRAM as memory images ($readmemh), a listing and golden vectors."""
    check_output_folder(output, "--output")
    from spkeras.hardware import log_ttfs
    from spkeras.hardware.log_ttfs.images import write_images

    written = write_images(log_ttfs.load_program(program), output)
    if as_json:
        show_json({"output": str(output), "files": sorted(str(path) for path in written)})
        return
    say(f"wrote {len(written)} files to {output}; start with {output / 'listing.txt'}")
    say(f"next: make -C {shlex.quote(str(output))}, which simulates every layer (Icarus Verilog)")
