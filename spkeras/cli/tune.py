"""`spkeras tune`."""

import shlex
from dataclasses import replace as changed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.convert import SUFFIXES
from spkeras.cli.evaluate import evaluator_of, ray_options
from spkeras.cli.files import CnnReader, check_installed, check_output, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, option, simulation_options
from spkeras.cli.kinds import Microjoules, Names, Real
from spkeras.cli.messages import note, say, show, show_json, warn
from spkeras.cli.progress import progress
from spkeras.files.models import save_model
from spkeras.recipes import Simulation

if TYPE_CHECKING:
    from spkeras.report.objects import Tuned

# As `spkeras.facade.tuning.KINDS`, whose import takes Keras.
_KINDS = ("binary", "signed", "graded")
_SEARCHED = 1300


@click.command(cls=GroupedCommand)
@click.argument("model", type=options.MODEL)
@options.output_option("The network, .keras or .h5.  [default: ./MODEL_tuned.keras]")
@options.force_option
@options.data_options("test", 1000)
@options.batch_option
@options.insist_option
@option(
    "--max-drop",
    type=Real(min=0),
    default=0.5,
    show_default=True,
    metavar="POINTS",
    help="Largest loss of accuracy (without labels of equal decisions).",
    group="network",
)
@option(
    "--max-energy",
    type=Microjoules(),
    metavar="ENERGY",
    help="Largest energy a sample, such as 5uJ.  [default: any]",
    group="network",
)
@option(
    "--max-latency",
    type=Real(min=0, min_open=True),
    metavar="STEPS",
    help="Largest latency in time steps.  [default: any]",
    group="network",
)
@option(
    "--spikes",
    type=Names(_KINDS),
    metavar="KIND,...",
    help="Kinds of spikes that the hardware allows: binary, signed, graded.  [default: all]",
    group="network",
)
@option(
    "--trials",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    metavar="N",
    help="Number of networks to try.",
    group="network",
)
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
    max_drop: float,
    max_energy: float | None,
    max_latency: float | None,
    spikes: tuple[str, ...] | None,
    trials: int,
    costs: str,
    numbers: str,
    ray: str | None,
    ray_cpus: int | None,
    start_over: bool,
    as_json: bool,
    reader: CnnReader,
    **settings: Any,
) -> None:
    """Find the cheapest network that stays within bounds.

    The search chooses spikes, T, thresholds, correction and stagger on training data; the
    network that it finds is confirmed on test data, which took no part, and written.
    A search that was stopped goes on when the same command is given again.
    """
    output = output or Path(f"{model.stem}_tuned.keras")
    check_output(output, SUFFIXES, "--output", force)
    check_installed("optuna", "tune")
    from spkeras.metrics.energy import table_for

    table = table_for(numbers, costs)
    checkpoint = Path(f"{model.stem}_tune.checkpoint")
    if start_over:
        checkpoint.unlink(missing_ok=True)
    cnn = reader.read(model).model
    searched = changed(data, part="train", samples=_SEARCHED).read(cnn)
    confirming = data.read(cnn)
    apart = searched.part != confirming.part
    if not apart:
        note(f"{data.spec}: has one part; a third of it confirms and takes no part in the search")
    evaluator = evaluator_of(ray, ray_cpus)
    import spkeras

    if checkpoint.is_file():
        note(f"{checkpoint}: continuing from this checkpoint")
    with progress("searching") as advance:
        found = spkeras.tune(
            cnn,
            (searched.inputs, searched.y),
            confirmation=(confirming.inputs, confirming.y) if apart else None,
            max_drop=max_drop,
            max_energy=max_energy,
            max_latency=max_latency,
            spikes=spikes or _KINDS,
            trials=trials,
            simulation=Simulation(**options.given(**settings)),
            costs=table,
            numbers=numbers,
            batch_size=batch_size,
            insist=insist,
            checkpoint=checkpoint,
            evaluator=evaluator,
            progress=advance,
        )
    write_whole(output, partial(save_model, found.network))
    checkpoint.unlink(missing_ok=True)
    if not found.kept:
        warn("the bounds do not hold on the samples that confirm; give more samples")
    if as_json:
        show_json({"output": str(output), "data": data.spec, **found.to_dict()})
        return
    _show(found)
    say(f"wrote {output} ({output.stat().st_size / 1e3:.0f} kB)")
    say(f"next: spkeras evaluate {shlex.quote(str(output))} {data.words()}")


def _show(found: "Tuned") -> None:
    from spkeras.report.sweep import sweep_table, tuned_sentences

    show([sweep_table(found.tried.pareto())])
    say()
    for sentence in tuned_sentences(found):
        say(sentence)
