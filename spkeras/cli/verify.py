"""`spkeras verify`."""

from pathlib import Path

import click

from spkeras.cli import options
from spkeras.cli.files import CnnReader, read_snn
from spkeras.cli.generated import GroupedCommand, all_of, config_options
from spkeras.cli.messages import say, show, show_json
from spkeras.cli.progress import progress
from spkeras.recipes import Simulation


@click.command(cls=GroupedCommand)
@click.argument("cnn", type=options.MODEL)
@click.argument("snn", type=options.MODEL)
@options.data_options("test", 200)
@options.batch_option
@all_of(config_options(Simulation, "timesteps", timesteps="the network's"))
@options.any_range_option
@options.json_option
@options.model_options
def command(
    cnn: Path,
    snn: Path,
    data: options.DataChoice,
    batch_size: int,
    timesteps: int | None,
    any_range: bool,
    as_json: bool,
    reader: CnnReader,
) -> None:
    """Compare a spiking network with its CNN, layer by layer."""
    import spkeras

    source, network = reader.read(cnn), read_snn(snn)
    samples = data.read(network)
    with progress("verifying") as advance:
        result = spkeras.verify(
            source.model,
            network,
            samples.inputs,
            batch_size=batch_size,
            any_range=any_range,
            progress=advance,
            **options.given(timesteps=timesteps),
        )
    if as_json:
        show_json({"data": data.spec, **result.to_dict()})
        return
    from spkeras.report import findings, verification_tables

    show(verification_tables(result))
    say("")
    for text in findings(result):
        say(text)
