"""`spkeras thresholds`."""

from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_snn, write_whole
from spkeras.cli.kinds import Real
from spkeras.cli.messages import note, show_json
from spkeras.cli.progress import progress
from spkeras.errors import OptionError


@click.command()
@click.argument("snn", type=options.MODEL)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The trained network.  [default: SNN_trained.keras here]",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@options.data_options("train", 5000)
@click.option(
    "--rate",
    type=Real(0, 1, min_open=True),
    default=0.1,
    show_default=True,
    help="Step of a threshold.",
)
@click.option("--start-over", is_flag=True, help="Forget the checkpoint of a stopped run.")
@options.json_option
def command(
    snn: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    batch_size: int,
    rate: float,
    start_over: bool,
    as_json: bool,
) -> None:
    """Train the thresholds of a clock-driven network, without gradients.

    One pass over training data lets each channel send on average what its exact count says
    (CQ+; channel-wise threshold training). A run that was stopped goes on where it was.
    """
    output = output or Path(f"{snn.stem}_trained.keras")
    check_output(output, (".keras",), "--output", force)
    network = read_snn(snn)
    samples = data.read(network)
    from spkeras.calibration import train_thresholds

    checkpoint = output.with_name(f"{output.stem}.checkpoint.keras")
    if start_over:
        checkpoint.unlink(missing_ok=True)
    errors: list[Any] = []
    with progress("training thresholds") as advance:
        trained = train_thresholds(
            network,
            samples.inputs,
            resume=_checkpoint(checkpoint, network),
            rate=rate,
            batch_size=batch_size,
            progress=advance,
            watch=errors.append,
            checkpoint=lambda part: write_whole(checkpoint, part.save),
        )
    write_whole(output, trained.save)
    checkpoint.unlink(missing_ok=True)
    record = {"output": str(output), "samples": samples.samples, **_errors(errors)}
    if as_json:
        show_json(record)
        return
    for key, value in record.items():
        click.echo(f"{key}: {value}")


def _checkpoint(path: Path, network: Any) -> Any:
    """The network of a stopped run, or None."""
    if not path.is_file():
        return None
    from spkeras.snn.spike_loop import loop_of

    part = read_snn(path)
    kinds = [
        [(node.name, node.op, dict(node.attributes)) for node in loop_of(net).graph.nodes]
        for net in (part, network)
    ]
    if kinds[0] != kinds[1]:
        raise OptionError(
            f"{path}: is the checkpoint of another network; give --start-over, or another --output"
        )
    note(f"{path}: going on from there")
    return part


def _errors(errors: list[Any]) -> dict[str, float]:
    """Mean absolute rate error per channel, over all layers, at both ends of the pass."""
    if not errors:
        return {}
    first, last = (float(batch.mean()) for batch in (errors[0], errors[-1]))
    return {"first_rate_error": first, "last_rate_error": last}
