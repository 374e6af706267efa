"""`spkeras inspect`."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.files import CnnReader
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.messages import say, show, show_json
from spkeras.cli.quiet import load_keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    # Code of the user that builds the architecture may need the configured backend.
    load_keras(computes=bool(reader.architecture))
    import spkeras

    loaded = reader.examine(model)
    layers = _all(spkeras.inspect(loaded.model, CODES[recipe]), loaded.problems)
    refused = any(layer.verdict == "refused" for layer in layers)
    record = {
        "model": loaded.model.name,
        "recipe": recipe,
        "writer": loaded.writer,
        "changes": list(loaded.changes),
        "convertible": not refused,
        "parameters": None if loaded.problems else loaded.model.count_params(),
        "macs": _total(layer.macs for layer in layers),
        "layers": [asdict(layer) for layer in layers],
    }
    if as_json:
        show_json(record)
    else:
        _show(model, record, layers)
    ctx.exit(1 if refused else 0)


def _all(layers: "Sequence[LayerVerdict]", problems: "Sequence[str]") -> "tuple[LayerVerdict, ...]":
    """Add the layers that cannot be read and are inside others that cannot."""
    from spkeras.frontend.verdict import REFUSED, LayerVerdict

    listed = {layer.reason for layer in layers}
    rest = [problem for problem in problems if problem not in listed]
    made = [LayerVerdict("", "", REFUSED, problem, parameters=None, macs=None) for problem in rest]
    return (*layers, *made)


def _total(numbers: "Iterable[int | None]") -> int | None:
    """Return the sum; None if a number is unknown."""
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)


def _show(path: Path, record: dict[str, Any], layers: "Sequence[LayerVerdict]") -> None:
    from spkeras.report import verdict_table

    say(f"{path}: written by {record['writer']}")
    for change in record["changes"]:
        say(f"  - {change}")
    show([verdict_table(layers)])
    verdicts = Counter(layer.verdict for layer in layers)
    counted = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    numbers = ["unknown" if record[key] is None else record[key] for key in ("parameters", "macs")]
    say(
        f"\n{len(layers)} layers for recipe {record['recipe']}: {counted}; "
        f"{numbers[0]} parameters, {numbers[1]} multiply-accumulates per sample"
    )
