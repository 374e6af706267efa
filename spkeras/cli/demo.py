"""`spkeras demo`."""

from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, write_whole
from spkeras.cli.generated import GroupedCommand, option
from spkeras.cli.messages import say, show, show_json
from spkeras.cli.progress import progress
from spkeras.cli.quiet import load_keras

if TYPE_CHECKING:
    from spkeras.report.objects import Sweep

_RECIPES = ("ecc", "sigma_delta")
_TIMESTEPS = (4, 16)
_NEXT = """next, with files of your own in place of {cnn} and digits:
  spkeras inspect {cnn}
  spkeras convert {cnn} --data digits --timesteps 32
  spkeras evaluate digits_cnn_snn.keras --data digits"""


@click.command(cls=GroupedCommand)
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("digits_cnn.keras"),
    help="A copy of the CNN, for further commands.  [default: ./digits_cnn.keras]",
)
@options.force_option
@options.json_option
def command(output: Path, force: bool, as_json: bool) -> None:
    """Convert and evaluate a small CNN of the package.

    The CNN classifies handwritten digits of 8x8 pixels. It becomes spiking networks of two
    recipes: binary spikes (ecc) and graded spikes (sigma_delta). The table has their accuracy
    on 500 images that trained nothing, and their energy beside that of the CNN. The images are
    part of the package, too: give --data digits to other commands.
    """
    check_output(output, (".keras",), "--output", force)
    load_keras()
    import spkeras

    cnn, (x, _), test = spkeras.demo()
    with progress("comparing") as advance:
        result = spkeras.sweep(
            cnn, test, _RECIPES, timesteps=_TIMESTEPS, calibration=x, progress=advance
        )
    write_whole(output, _copy)
    if as_json:
        show_json({"output": str(output), **result.to_dict()})
        return
    _show(result)
    say(f"wrote {output}")
    say(_NEXT.format(cnn=output))


def _copy(path: Path) -> None:
    from spkeras.facade.demo import stored

    with stored().open("rb") as source, path.open("wb") as target:
        copyfileobj(source, target)


def _show(result: "Sweep") -> None:
    from spkeras.report.sweep import sweep_sentences, sweep_table

    show([sweep_table(result)])
    say()
    for sentence in sweep_sentences(result):
        say(sentence)
