"""`spkeras report`."""

import datetime
import hashlib
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.evaluate import evaluator_of, ray_options
from spkeras.cli.files import CnnReader, check_installed, check_output, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, simulation_options
from spkeras.cli.messages import say, show_json
from spkeras.cli.progress import progress
from spkeras.cli.sweep import choice_options, chosen_recipes, read_parts
from spkeras.recipes import Simulation

HELP = f"""Compare networks of a CNN and write one page on the best of them.

The page needs no network and no script: a verdict in words, accuracy over T and energy,
confusion, the samples that changed class, spikes of single samples, the loss by layer,
thresholds, the network as a graph, and where every figure comes from.

{options.recipe_summaries("conversion")}
"""


@click.command(cls=GroupedCommand, help=HELP)
@click.argument("model", type=options.MODEL)
@options.output_option("The page, .html.  [default: ./MODEL_report.html]")
@options.force_option
@options.data_options("test", 1000)
@options.batch_option
@options.insist_option
@choice_options
@all_of(simulation_options(True, without="timesteps"))
@options.costs_option
@options.numbers_option
@ray_options
@options.start_over_option
@options.json_option
@options.model_options
def command(
    model: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    batch_size: int,
    insist: bool,
    recipe: tuple[str, ...] | None,
    spikes: tuple[str, ...] | None,
    timesteps: tuple[int, ...] | None,
    costs: str,
    numbers: str,
    ray: str | None,
    ray_cpus: int | None,
    start_over: bool,
    as_json: bool,
    reader: CnnReader,
    **settings: Any,
) -> None:
    """Measure, write, say where."""
    output = output or Path(f"{model.stem}_report.html")
    check_output(output, (".html", ".htm"), "--output", force)
    check_installed("jinja2", "report")
    chosen = chosen_recipes(recipe, spikes)
    from spkeras.metrics.energy import table_for

    table = table_for(numbers, costs)
    checkpoint = Path(f"{model.stem}_report.checkpoint")
    if start_over:
        checkpoint.unlink(missing_ok=True)
    cnn = reader.read(model).model
    samples, calibration = read_parts(data, cnn)
    evaluator = evaluator_of(ray, ray_cpus)
    from spkeras.facade.studies import study
    from spkeras.report.page import page
    from spkeras.report.verdict import verdict

    with progress("comparing") as advance:
        found = study(
            cnn,
            (samples.inputs, samples.y),
            chosen,
            timesteps=timesteps,
            simulation=Simulation(**options.given(**settings)),
            calibration=calibration,
            costs=table,
            numbers=numbers,
            batch_size=batch_size,
            insist=insist,
            checkpoint=checkpoint,
            evaluator=evaluator,
            provenance=provenance_of(model, data),
            progress=advance,
        )
    text = page(found)
    write_whole(output, lambda path: path.write_text(text, encoding="utf-8"))
    checkpoint.unlink(missing_ok=True)
    if as_json:
        show_json(found.to_dict())
        return
    for sentence in verdict(found):
        say(sentence)
    say(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")


def provenance_of(model: Path, data: options.DataChoice) -> dict[str, str]:
    """Return where the figures of a page come from."""
    return {
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "data": data.spec,
        "command": "spkeras " + " ".join(shlex.quote(word) for word in sys.argv[1:]),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    }
