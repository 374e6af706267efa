"""`spkeras inspect`."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.files import CnnReader
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.messages import show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spkeras.frontend.verdict import LayerVerdict


# Recipes that differ in the layers that they convert, and what their spikes mean.
CODES = {"ecc": "rate", "sigma_delta": "delta"}


@click.command(cls=GroupedCommand)
@click.argument("model", type=options.MODEL)
@options.recipe_option(
    tuple(CODES),
    "ecc",
    "ecc: ReLU networks, as for cq and the other recipes; sigma_delta: any activation.",
)
@options.json_option
@options.model_options
@click.pass_context
def command(
    ctx: click.Context,
    model: Path,
    recipe: str,
    as_json: bool,
    reader: CnnReader,
) -> None:
    """List how each layer converts, and why.

    The exit code is 1 if a layer is refused.
    """
    import spkeras

    loaded = reader.read(model)
    layers = spkeras.inspect(loaded.model, CODES[recipe])
    refused = any(layer.verdict == "refused" for layer in layers)
    record = {
        "model": loaded.model.name,
        "recipe": recipe,
        "writer": loaded.writer,
        "changes": list(loaded.changes),
        "convertible": not refused,
        "parameters": loaded.model.count_params(),
        "macs": sum(layer.macs for layer in layers),
        "layers": [asdict(layer) for layer in layers],
    }
    if as_json:
        show_json(record)
    else:
        _show(model, record, layers)
    ctx.exit(1 if refused else 0)


def _show(path: Path, record: dict[str, Any], layers: "Sequence[LayerVerdict]") -> None:
    from spkeras.report import verdict_table

    click.echo(f"{path}: written by {record['writer']}")
    for change in record["changes"]:
        click.echo(f"  - {change}")
    show([verdict_table(layers)])
    verdicts = Counter(layer.verdict for layer in layers)
    counted = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    click.echo(
        f"\n{len(layers)} layers for recipe {record['recipe']}: {counted}; "
        f"{record['parameters']} parameters, {record['macs']} multiply-accumulates per sample"
    )
