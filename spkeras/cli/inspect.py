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

    import keras

    from spkeras.frontend.verdict import LayerVerdict
    from spkeras.targets.fit import LayerFit


# Recipes that differ in the layers that they convert, and what their spikes mean.
CODES = {"ecc": "rate", "sigma_delta": "delta", "ttfs": "ttfs"}


@click.command(cls=GroupedCommand)
@click.argument("model", type=options.MODEL)
@options.recipe_option(
    tuple(CODES),
    "ecc",
    "ecc: ReLU networks, as for cq and the other recipes; sigma_delta: any activation; "
    "ttfs: networks of ReLUs, or those that recipe cat has trained.",
)
@options.target_option
@options.json_option
@options.model_options
@click.pass_context
def command(
    ctx: click.Context,
    model: Path,
    recipe: str,
    target: str | None,
    as_json: bool,
    reader: CnnReader,
) -> None:
    """List how each layer converts, and why.

    The exit code is 1 if a layer is refused, or does not fit the target.
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
    fits, left = ([], ()) if target is None or refused else _fits(loaded.model, target)
    if target is not None:
        record["target"] = [asdict(one) for one in fits]
        record["unchecked"] = list(left)
    if as_json:
        show_json(record)
    else:
        _show(model, record, layers)
        _show_fits(target, fits, left)
    ctx.exit(1 if refused or not all(one.fits for one in fits) else 0)


def _fits(model: "keras.Model", name: str) -> "tuple[list[LayerFit], tuple[str, ...]]":
    """Return whether each layer fits a target, and what that leaves open."""
    from spkeras.frontend.walk import read_graph
    from spkeras.targets import target
    from spkeras.targets.fit import fit, unchecked

    chosen = target(name)
    return list(fit(read_graph(model), chosen)), unchecked(chosen)


def _show_fits(target: str | None, fits: "Sequence[LayerFit]", left: "Sequence[str]") -> None:
    for one in fits:
        for problem in one.problems:
            say(f"{one.layer} ({one.kind}): {problem}")
    if fits:
        wrong = sum(not one.fits for one in fits)
        verdict = "fits" if not wrong else f"does not fit: {wrong} of {len(fits)} entries above"
        say(f"target {target}: {verdict}")
        for sentence in left:
            say(f"  - {sentence}")


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
