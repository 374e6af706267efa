"""`spkeras convert`."""

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras import recipes
from spkeras.cli import options
from spkeras.cli.files import CnnReader, check_output, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, recipe_options, simulation_options
from spkeras.cli.labelled import cnn_quality
from spkeras.cli.messages import note, say, show_json
from spkeras.cli.progress import progress
from spkeras.cli.quiet import load_keras
from spkeras.files.models import save_model
from spkeras.recipes import Simulation

if TYPE_CHECKING:
    import keras


SUFFIXES = (".keras", ".h5", ".hdf5")


HELP = f"""Convert a trained CNN into a spiking network.

The CNN runs once over training samples; the range of its activations there sets
thresholds and weights.

{options.recipe_summaries("conversion")}
"""


@click.command(cls=GroupedCommand, help=HELP)
@click.argument("model", type=options.MODEL)
@options.output_option("The spiking network, .keras or .h5.  [default: ./MODEL_snn.keras]")
@options.force_option
@options.data_options("train", 1000)
@options.batch_option
@options.insist_option
@options.recipe_option(recipes.names("conversion"), "ecc", "One of the recipes above.")
@options.target_option
@options.published_option
@all_of([*recipe_options("conversion"), *simulation_options(shows_defaults=True)])
@options.json_option
@options.model_options
def command(
    model: Path,
    output: Path | None,
    force: bool,
    data: options.DataChoice,
    insist: bool,
    reader: CnnReader,
    recipe: str,
    target: str | None,
    batch_size: int,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Convert, write, report."""
    output = output or Path(f"{model.stem}_snn.keras")
    check_output(output, SUFFIXES, "--output", force)
    # Before anything else imports Keras, whose backend writes to stderr.
    load_keras()
    import spkeras
    from spkeras.facade.converter import spike_code
    from spkeras.targets import target as target_of
    from spkeras.targets.settings import recipe_for

    wanted = None if target is None else target_of(target)
    given = options.given(insist=insist or None, **chosen)
    settings = {name: given.pop(name) for name in Simulation.options() if name in given}
    named = None if _by_default(recipe) else recipe
    schedule = settings.get("schedule", "clock_driven")
    cnn = reader.read(model, spike_code(recipe_for(wanted, named, schedule, given)))
    for change in cnn.changes:
        note(f"{model}: {change}")
    samples = data.read(cnn.model)
    quality = cnn_quality(cnn.model, samples, batch_size, insist)
    with progress("calibrating") as advance:
        snn = spkeras.convert(
            cnn.model,
            samples.inputs,
            named,
            simulation=Simulation(**settings),
            batch_size=batch_size,
            progress=advance,
            **given,
            **options.given(target=wanted),
        )
    write_whole(output, partial(save_model, snn))
    if as_json:
        record = {"output": str(output), "writer": cnn.writer, "changes": list(cnn.changes)}
        show_json({**record, "calibration": samples.samples, **spkeras.summary(snn).to_dict()})
        return
    say(f"{model}: written by {cnn.writer}")
    say(f"calibrated on {samples.samples} samples of {samples.name}{quality}")
    _describe(snn)
    say(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    if named is None and wanted is None:
        say(_HINT.format(model=shlex.quote(str(model)), data=data.words()))
    say(f"next: spkeras evaluate {shlex.quote(str(output))} {data.words()}")


# What a conversion without --recipe takes, and what else there is.
_HINT = (
    "hint: recipe ecc is the default, since binary spikes run on every chip. Where the hardware can "
    "send graded spikes, --recipe sigma_delta takes 2 to 4 steps. `spkeras sweep {model} {data}` "
    "compares accuracy and energy."
)


def _by_default(recipe: str) -> bool:
    """Return whether the recipe was left to the command."""
    source = click.get_current_context().get_parameter_source("recipe")
    return recipe == "ecc" and source is click.core.ParameterSource.DEFAULT


def _describe(snn: "keras.Model") -> None:
    """Print the settings and the notes of a converted network."""
    from spkeras.facade.summaries import run_of
    from spkeras.snn.converted import converted_of

    loop = converted_of(snn)
    settings = {**loop.graph.settings, **loop.settings}
    shown = [
        f"{key} {value}"
        for key, value in settings.items()
        if value is not None and key != "built_for"
    ]
    say(f"{run_of(loop)}, {', '.join(shown)}")
    for text in loop.graph.notes:
        say(f"  - {text}")
