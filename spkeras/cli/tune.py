"""`spkeras tune`."""

import shlex
from dataclasses import replace as changed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.checkpoint import discard
from spkeras.cli.comparing import Comparing, comparing_options
from spkeras.cli.convert import SUFFIXES
from spkeras.cli.files import check_installed, check_output, write_whole
from spkeras.cli.generated import GroupedCommand, option
from spkeras.cli.kinds import Microjoules, Names, Real
from spkeras.cli.messages import note, say, show, show_json, warn
from spkeras.cli.progress import progress
from spkeras.files.models import save_model

if TYPE_CHECKING:
    from spkeras.report.objects import Tuned

# As `spkeras.facade.tuning.KINDS`, whose import takes Keras.
_KINDS = ("binary", "signed", "graded")
_SEARCHED = 1300


@click.command(cls=GroupedCommand)
@options.output_option("The network, .keras or .h5.  [default: ./MODEL_tuned.keras]")
@options.force_option
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
    help="Number of networks to try beside the default of convert.",
    group="network",
)
@comparing_options(1000)
@options.json_option
def command(
    comparing: Comparing,
    output: Path | None,
    force: bool,
    as_json: bool,
    spikes: tuple[str, ...] | None,
    **bounds: Any,
) -> None:
    """Find the cheapest network that stays within bounds.

    The search chooses spikes, T, thresholds, correction and stagger on training data; the
    network that it finds is confirmed on test data, which took no part, and written.
    A search that was stopped goes on when the same command is given again.
    """
    output, data = output or Path(f"{comparing.model.stem}_tuned.keras"), comparing.data
    check_output(output, SUFFIXES, "--output", force)
    check_installed("optuna", "tune")
    begun = comparing.begin("tune")
    searched = changed(data, part="train", samples=_SEARCHED).read(begun.cnn)
    confirming = data.read(begun.cnn)
    apart = searched.part != confirming.part
    if not apart:
        note(f"{data.spec}: has one part; a third of it confirms and takes no part in the search")
    import spkeras

    with progress("searching") as advance:
        found = spkeras.tune(
            begun.cnn,
            (searched.inputs, searched.y),
            confirmation=(confirming.inputs, confirming.y) if apart else None,
            spikes=spikes or _KINDS,
            progress=advance,
            **bounds,
            **begun.rules,
        )
    write_whole(output, partial(save_model, found.network))
    discard(begun.checkpoint, start_over=True)
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
