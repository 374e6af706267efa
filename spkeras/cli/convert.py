"""`spkeras convert`."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_cnn, write_whole
from spkeras.cli.labelled import cnn_quality
from spkeras.cli.messages import note
from spkeras.cli.progress import progress
from spkeras.ops.names import GRADED

SUFFIXES = (".keras", ".h5", ".hdf5")


@click.command()
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
@options.simulation_options
@options.model_options
def command(
    model: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    insist: bool,
    architecture: Path | None,
    replace: tuple[tuple[str, str], ...],
    **chosen: Any,
) -> None:
    """Turn a trained CNN into a spiking network.

    The CNN runs once over training samples, which say how large its activations become;
    its thresholds and weights are set from that.

    \b
    Recipes:
      ecc          one-bit spikes whose rate is the value (explicit current control)
      sigma_delta  graded spikes (sign, exponent, mantissa) that carry changes of the
                   value; for any feed-forward network, at few time steps
      cq, cq+, low_latency, qcfs
                   for a CNN that `spkeras finetune` has trained for spikes
      auto         what --spikes and --timesteps allow, chosen on the calibration data
    """
    output = output or Path(f"{model.stem}_snn.keras")
    check_output(output, SUFFIXES, "--output", force)
    import spkeras

    cnn = read_cnn(model, architecture, replace)
    for change in cnn.changes:
        note(f"{model}: {change}")
    samples = data.read(cnn.model)
    quality = cnn_quality(cnn.model, samples, chosen["batch_size"], insist)
    with progress("calibrating") as told:
        snn = spkeras.convert(
            cnn.model, samples.inputs, progress=told,
            **options.given(insist=insist or None, **chosen),
        )  # fmt: skip
    write_whole(output, snn.save)
    _tell(model, cnn.writer, samples, snn, quality)
    click.echo(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    click.echo(f"next: spkeras evaluate {shlex.quote(str(output))} {data.words()}")


def _tell(model: Path, writer: str, samples: Any, snn: Any, quality: str) -> None:
    """What was done, in the words of the graph itself."""
    from spkeras.snn.spike_loop import loop_of

    loop = loop_of(snn)
    click.echo(f"{model}: written by {writer}")
    click.echo(f"calibrated on {samples.samples} samples of {samples.name}{quality}")
    settings = {**loop.graph.settings, **loop.settings}
    shown = [f"{key} {value}" for key, value in settings.items() if _matters(key, settings)]
    click.echo(
        f"T = {loop.timesteps}, {loop.schedule}, latency {loop.latency} steps "
        f"({loop.latency + loop.depth} pipelined), {', '.join(shown)}"
    )
    for text in loop.graph.notes:
        click.echo(f"  - {text}")


def _matters(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting has any meaning for the neuron that was chosen."""
    neuron = str(settings.get("neuron"))
    kinds = {
        "built_for": False,
        "levels": neuron in GRADED,
        "headroom": neuron in GRADED,
        "mantissa_bits": neuron in GRADED,
        "limit": "burst" in neuron,
        "alpha": neuron not in GRADED,
        "reset": neuron not in GRADED,
    }
    return settings[key] is not None and kinds.get(key, True)
