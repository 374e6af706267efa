"""`spkeras info`."""

from pathlib import Path

import click

from spkeras.cli import options
from spkeras.cli.files import read_snn
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.messages import say, show, show_json


@click.command(cls=GroupedCommand)
@click.argument("snn", type=options.MODEL)
@options.json_option
def command(snn: Path, as_json: bool) -> None:
    """Show what a converted network is: layers, neurons, thresholds, settings."""
    from spkeras.facade.summaries import summary, summary_of
    from spkeras.plain.read import read_network

    plain = read_network(snn)
    found = summary(read_snn(snn)) if plain is None else summary_of(plain.name, plain)
    if as_json:
        show_json(found.to_dict())
        return
    from spkeras.report.numbers import count

    say(f"{snn}: {found.run}, {count(found.neurons)} neurons")
    shown = (f"{name} {value}" for name, value in found.settings.items() if value is not None)
    say(", ".join(shown) + "\n")
    show([found.table()])
    for note in found.notes:
        say(f"  - {note}")
