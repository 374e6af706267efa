"""`spkeras sweep`."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras import recipes
from spkeras.cli import options
from spkeras.cli.checkpoint import discard
from spkeras.cli.comparing import Comparing, comparing_options
from spkeras.cli.files import check_installed, check_output, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, option
from spkeras.cli.kinds import Counts, Names
from spkeras.cli.messages import say, show, show_json
from spkeras.cli.progress import progress
from spkeras.errors import OptionError

if TYPE_CHECKING:
    from spkeras.report.objects import Sweep

_SPIKES = {
    "binary": {"recipe": "ecc"},
    "signed": {"recipe": "ecc", "neuron": "signed"},
    "graded": {"recipe": "sigma_delta"},
}

choice_options = all_of(
    [
        option(
            "--recipe",
            type=Names(recipes.names("conversion")),
            metavar="RECIPE,...",
            help="Recipes to compare.  [default: those of --spikes]",
            group="network",
        ),
        option(
            "--spikes",
            type=Names(tuple(_SPIKES)),
            metavar="KIND,...",
            help="Kinds of spikes that the hardware allows: binary, signed, graded.  [default: all]",
            group="network",
        ),
        option(
            "--timesteps",
            type=Counts(),
            metavar="T,...",
            help="Time steps.  [default: 2,4,8,16,32,64; 2,4,8 where spikes carry values]",
            group="timing",
        ),
    ]
)


HELP = f"""Convert a CNN into many networks and compare them.

Each network is converted for its own T and scored on samples that chose nothing:
accuracy with its exact 95 % confidence interval, latency, operations and energy.
A star marks the networks that no other one dominates. A sweep that was stopped goes
on when the same command is given again.

{options.recipe_summaries("conversion")}
"""


@click.command(cls=GroupedCommand, help=HELP)
@choice_options
@comparing_options(None)
@option("--csv", type=click.Path(path_type=Path), help="Write the networks as a .csv table.")
@option("--latex", type=click.Path(path_type=Path), help="Write the table as .tex (booktabs).")
@option("--plot", type=click.Path(path_type=Path), help="Plot quality over T and energy.")
@options.force_option
@options.json_option
def command(
    comparing: Comparing,
    recipe: tuple[str, ...] | None,
    spikes: tuple[str, ...] | None,
    timesteps: tuple[int, ...] | None,
    csv: Path | None,
    latex: Path | None,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compare, show, write."""
    _check_outputs({"--csv": csv, "--latex": latex, "--plot": plot}, force)
    chosen = chosen_recipes(recipe, spikes)
    begun = comparing.begin("sweep")
    samples, calibration = comparing.parts(begun.cnn)
    import spkeras

    with progress("comparing") as advance:
        result = spkeras.sweep(
            begun.cnn,
            (samples.inputs, samples.y),
            chosen,
            timesteps=timesteps,
            calibration=calibration,
            progress=advance,
            **begun.rules,
        )
    _write(result, {csv: result.to_csv, latex: result.to_latex}, plot)
    if as_json:
        show_json({"data": comparing.data.spec, **result.to_dict()})
    else:
        _show(result)
        say(f"next: {comparing.converting(result.recommended())}")
    discard(begun.checkpoint, start_over=True)


def chosen_recipes(names: tuple[str, ...] | None, spikes: tuple[str, ...] | None) -> list[Any]:
    """Return the recipes to compare."""
    if names and spikes:
        raise OptionError("--recipe with --spikes; allowed: one of them")
    if names:
        return list(names)
    return [_SPIKES[kind] for kind in spikes or _SPIKES]


def _check_outputs(outputs: dict[str, Path | None], force: bool) -> None:
    suffixes = {"--csv": (".csv",), "--latex": (".tex",), "--plot": (".png", ".svg", ".pdf")}
    for name, path in outputs.items():
        if path is not None:
            check_output(path, suffixes[name], name, force)
    if outputs["--plot"] is not None:
        check_installed("matplotlib", "--plot")


def _show(result: "Sweep") -> None:
    from spkeras.report.sweep import sweep_sentences, sweep_table

    show([sweep_table(result)])
    say()
    for sentence in sweep_sentences(result):
        say(sentence)


def _write(
    result: "Sweep", texts: Mapping[Path | None, Callable[[], str]], plot: Path | None
) -> None:
    for path, made in texts.items():
        if path is not None:
            write_whole(path, partial(_text, made))
    if plot is not None:
        write_whole(plot, result.plot)


def _text(made: Callable[[], str], path: Path) -> None:
    path.write_text(made(), encoding="utf-8")
