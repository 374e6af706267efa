"""`spkeras export`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_snn
from spkeras.cli.generated import GroupedCommand, option
from spkeras.cli.messages import note, say, show_json

if TYPE_CHECKING:
    from spkeras.exchange.check import Comparison

# `spkeras.facade.exporting.SUFFIXES`, whose import takes Keras.
SUFFIXES = (".nir", ".npz", ".h", ".images")


@click.command(cls=GroupedCommand)
@click.argument("snn", type=options.MODEL)
@options.output_option(
    "The file: .nir, .npz (and .json beside it), .h, or .images, a folder of memory images.",
    required=True,
)
@option(
    "--pools",
    type=click.Choice(("sum", "average", "conv")),
    default="sum",
    show_default=True,
    help="How average pooling is written; other tools read different ones (docs/export.md).",
)
@option(
    "--allow-loss",
    is_flag=True,
    help="Leave out what the file cannot state; --data measures what that costs.",
)
@option(
    "--check",
    metavar="NAMES",
    default="",
    help="Run the file in these simulators: sinabs, snntorch, norse, spikingjelly, with commas.  "
    "[default: none]",
)
@options.data_options("test", 200, required=False)
@options.force_option
@options.json_option
def command(
    snn: Path,
    output: Path,
    pools: str,
    allow_loss: bool,
    check: str,
    data: options.DataChoice | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a spiking network for other tools: NIR, plain arrays, a C header, memory images."""
    check_output(output, SUFFIXES, "--output", force)
    network = read_snn(snn)
    import spkeras

    samples = data.read(network) if data else None
    found = spkeras.export(
        network,
        output,
        pools=pools,
        allow_loss=allow_loss,
        data=samples.inputs if samples else None,
        labels=samples.y if samples else None,
        check=[name.strip() for name in check.split(",") if name.strip()],
    )
    if as_json:
        show_json(found.to_dict())
        return
    for text in found.left_out:
        note(f"left out: {text}")
    if found.before is not None and found.after is not None:
        note(f"accuracy {found.before:.2%} with it, {found.after:.2%} without it")
    for name in found.pulsed:
        note(
            f"input {name} has one more channel: 1 in the first step, 0 afterwards (docs/export.md)"
        )
    say(f"{output}: {found.layers} layers of {found.neurons} neurons")
    for comparison in found.comparisons:
        say(_line(comparison))


def _line(found: "Comparison") -> str:
    if found.refused:
        return f"{found.simulator}: not run, {found.refused}"
    start = f"{found.simulator}: {found.samples} samples, {found.spikes} spikes, "
    if found.equal:
        return f"{start}all counts equal"
    different = sum(found.different.values())
    return (
        f"{start}{different} of {found.neurons} counts differ ({different / found.neurons:.3%}), "
        f"{found.decisions:.0%} of the decisions equal"
    )
