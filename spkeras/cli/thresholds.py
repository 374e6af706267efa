"""`spkeras thresholds`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.checkpoint import discard
from spkeras.cli.files import check_output, read_snn, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, config_options
from spkeras.cli.messages import keep, note, say, show_json
from spkeras.cli.progress import progress
from spkeras.errors import OptionError, SpkerasError
from spkeras.files.locks import locked
from spkeras.files.models import save_model
from spkeras.recipes import ThresholdPlan

if TYPE_CHECKING:
    import keras


@click.command(cls=GroupedCommand)
@click.argument("snn", type=options.MODEL)
@options.output_option("The trained network, .keras.  [default: ./SNN_trained.keras]")
@options.force_option
@options.data_options("train", 5000)
@all_of(config_options(ThresholdPlan, "rate", "batch_size"))
@options.start_over_option
@options.json_option
def command(
    snn: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    start_over: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Train the thresholds of a clock-driven network.

    One pass over training data, without gradients, brings the mean rate of each channel to
    that of the quantised CNN (CQ+; channel-wise threshold training). A run that was stopped
    continues from its checkpoint.
    """
    output = output or Path(f"{snn.stem}_trained.keras")
    check_output(output, (".keras",), "--output", force)
    checkpoint = output.with_name(f"{output.stem}.checkpoint.keras")
    check_output(checkpoint, (".keras",), "--output", force=True)
    plan = ThresholdPlan(**options.given(**chosen))
    network = read_snn(snn)
    samples = data.read(network)
    from spkeras.calibration import train_thresholds

    discard(checkpoint, start_over)
    errors: list[Any] = []
    keep(checkpoint)
    with locked(checkpoint), progress("training thresholds") as advance:
        trained = train_thresholds(
            network,
            samples.inputs,
            plan,
            resume=_checkpoint(checkpoint, network),
            checkpoint=lambda part: write_whole(checkpoint, partial(save_model, part)),
            on_batch=errors.append,
            progress=advance,
        )
        write_whole(output, partial(save_model, trained))
    discard(checkpoint, start_over=True)
    record = {"output": str(output), "samples": samples.samples, **_errors(errors)}
    if as_json:
        show_json(record)
        return
    for key, value in record.items():
        say(f"{key}: {value}")


def _checkpoint(path: Path, network: "keras.Model") -> "keras.Model | None":
    """Return the network of a stopped run, or None."""
    if not path.is_file():
        return None
    from spkeras.snn.model import loop_of

    try:
        part = read_snn(path)
    except SpkerasError as error:
        raise OptionError(
            f"{error} The file is no checkpoint, or is damaged; give --start-over."
        ) from error
    kinds = [
        [(node.name, node.op, dict(node.attributes)) for node in loop_of(net).graph.nodes]
        for net in (part, network)
    ]
    if kinds[0] != kinds[1]:
        raise OptionError(
            f"{path}: is the checkpoint of another network; give --start-over, or another --output"
        )
    note(f"{path}: continuing from this checkpoint")
    return part


def _errors(errors: list[Any]) -> dict[str, float]:
    """Return the mean absolute rate error per channel, over all layers, of the first and last batch."""
    if not errors:
        return {}
    first, last = (float(batch.mean()) for batch in (errors[0], errors[-1]))
    return {"first_rate_error": first, "last_rate_error": last}
