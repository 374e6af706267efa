"""`spkeras convert`."""

import shlex
from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_cnn, write_whole
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.labelled import cnn_quality
from spkeras.cli.messages import note
from spkeras.cli.progress import progress
from spkeras.recipes import Simulation

SUFFIXES = (".keras", ".h5", ".hdf5")


HELP = f"""Turn a trained CNN into a spiking network.

The CNN runs once over training samples, which say how large its activations become;
its thresholds and weights are set from that.

{options.recipe_summaries("conversion")}
"""


@click.command(cls=GroupedCommand, help=HELP)
@click.argument("model", type=options.MODEL)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The spiking network, .keras or .h5.  [default: MODEL_snn.keras here]",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@options.data_options("train", 1000)
@options.insist_option
@options.conversion_options
@options.model_options
def command(
    model: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    insist: bool,
    architecture: Path | None,
    replace: tuple[tuple[str, str], ...],
    recipe: str,
    batch_size: int,
    **chosen: Any,
) -> None:
    """Convert, write, report."""
    output = output or Path(f"{model.stem}_snn.keras")
    check_output(output, SUFFIXES, "--output", force)
    import spkeras

    cnn = read_cnn(model, architecture, replace)
    for change in cnn.changes:
        note(f"{model}: {change}")
    samples = data.read(cnn.model)
    quality = cnn_quality(cnn.model, samples, batch_size, insist)
    given = options.given(insist=insist or None, **chosen)
    settings = {name: given.pop(name) for name in Simulation.options() if name in given}
    with progress("calibrating") as advance:
        snn = spkeras.convert(
            cnn.model,
            samples.inputs,
            recipe,
            simulation=Simulation(**settings),
            batch_size=batch_size,
            progress=advance,
            **given,
        )
    write_whole(output, snn.save)
    _tell(model, cnn.writer, samples, snn=snn, quality=quality)
    click.echo(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    click.echo(f"next: spkeras evaluate {shlex.quote(str(output))} {data.words()}")


def _tell(model: Path, writer: str, samples: Any, snn: Any, quality: str) -> None:
    """What was done, in the words of the graph itself."""
    from spkeras.snn.spike_loop import loop_of

    loop = loop_of(snn)
    click.echo(f"{model}: written by {writer}")
    click.echo(f"calibrated on {samples.samples} samples of {samples.name}{quality}")
    settings = {**loop.graph.settings, **loop.settings}
    shown = [
        f"{key} {value}"
        for key, value in settings.items()
        if value is not None and key != "built_for"
    ]
    click.echo(
        f"T = {loop.timesteps}, {loop.schedule}, latency {loop.latency} steps "
        f"({loop.latency + loop.depth} pipelined), {', '.join(shown)}"
    )
    for text in loop.graph.notes:
        click.echo(f"  - {text}")
