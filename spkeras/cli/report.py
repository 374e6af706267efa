"""`spkeras report`."""

import datetime
import hashlib
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click

from spkeras.cli import options
from spkeras.cli.checkpoint import discard
from spkeras.cli.comparing import Comparing, comparing_options
from spkeras.cli.files import check_installed, check_output, write_whole
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.messages import say, show_json
from spkeras.cli.progress import progress
from spkeras.cli.sweep import choice_options, chosen_recipes

HELP = f"""Compare networks of a CNN and write one page on the best of them.

The page needs no network and no script: a verdict in words, accuracy over T and energy,
confusion, the samples that changed class, spikes of single samples, the loss by layer,
thresholds, the network as a graph, and where every figure comes from.

{options.recipe_summaries("conversion")}
"""


@click.command(cls=GroupedCommand, help=HELP)
@options.output_option("The page, .html.  [default: ./MODEL_report.html]")
@options.force_option
@choice_options
@comparing_options(1000)
@options.json_option
def command(
    comparing: Comparing,
    output: Path | None,
    force: bool,
    recipe: tuple[str, ...] | None,
    spikes: tuple[str, ...] | None,
    timesteps: tuple[int, ...] | None,
    as_json: bool,
) -> None:
    """Measure, write, say where."""
    output = output or Path(f"{comparing.model.stem}_report.html")
    check_output(output, (".html", ".htm"), "--output", force)
    check_installed("jinja2", "report")
    chosen = chosen_recipes(recipe, spikes)
    begun = comparing.begin("report")
    samples, calibration = comparing.parts(begun.cnn)
    from spkeras.facade.studies import study
    from spkeras.report.page import page
    from spkeras.report.verdict import verdict

    with progress("comparing") as advance:
        found = study(
            begun.cnn,
            (samples.inputs, samples.y),
            chosen,
            timesteps=timesteps,
            calibration=calibration,
            provenance=provenance_of(comparing.model, comparing.data),
            progress=advance,
            **begun.rules,
        )
    if found.sweep is not None:
        following = comparing.following(found.sweep.recommended())
        found = replace(found, following=following)
    text = page(found)
    write_whole(output, lambda path: path.write_text(text, encoding="utf-8"))
    discard(begun.checkpoint, start_over=True)
    if as_json:
        show_json(found.to_dict())
        return
    for sentence in verdict(found):
        say(sentence)
    say(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    if found.following:
        say(f"next: {found.following[0]}")


def provenance_of(model: Path, data: options.DataChoice) -> dict[str, str]:
    """Return where the figures of a page come from."""
    return {
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "data": data.spec,
        "command": "spkeras " + " ".join(shlex.quote(word) for word in sys.argv[1:]),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
    }
