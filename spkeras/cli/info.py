"""`spkeras info`."""

from pathlib import Path

import click

from spkeras.cli import options
from spkeras.cli.files import read_snn
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.messages import say, show, show_json


@click.command(cls=GroupedCommand)
@click.argument("snn", type=options.MODEL)
@click.option(
    "--integers",
    is_flag=True,
    help="Show the bits that potentials need, for a network of whole numbers.",
)
@options.json_option
def command(snn: Path, integers: bool, as_json: bool) -> None:
    """Show what a converted network is: layers, neurons, thresholds, settings."""
    from spkeras.facade.summaries import summary, summary_of
    from spkeras.plain.read import read_network

    plain = None if integers else read_network(snn)
    model = read_snn(snn) if plain is None else None
    found = summary(model) if plain is None else summary_of(plain.name, plain)
    ranges = None
    if integers:
        import spkeras

        ranges = spkeras.integer_ranges(model)
    if as_json:
        own = {} if ranges is None else {"integers": ranges.to_dict()}
        show_json({**found.to_dict(), **own})
        return
    from spkeras.report.numbers import count

    say(f"{snn}: {found.run}, {count(found.neurons)} neurons")
    shown = (f"{name} {value}" for name, value in found.settings.items() if value is not None)
    say(", ".join(shown) + "\n")
    show([found.table(), *([] if ranges is None else [ranges.table()])])
    for note in found.notes:
        say(f"  - {note}")
