"""`spkeras reproduce`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, write_whole
from spkeras.cli.generated import GroupedCommand, option
from spkeras.cli.messages import note, say, show, show_json
from spkeras.cli.progress import progress
from spkeras.cli.quiet import load_keras
from spkeras.recipes.claims import PAPERS, claims_of

if TYPE_CHECKING:
    from spkeras.data import Data
    from spkeras.metrics.reproduction import Reproduced

_QUICK = 500


@click.command(cls=GroupedCommand)
@click.argument("paper", type=click.Choice(PAPERS))
@option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="models",
    show_default=True,
    metavar="FOLDER",
    help="Folder of the stored networks.",
    group="data",
)
@option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder of mnist.npz, cifar10.npz, cifar100.npz with pixels of 0..255.  [default: those of "
    "keras.datasets]",
    group="data",
)
@option("--quick", is_flag=True, help=f"Score {_QUICK} test samples instead of all.", group="data")
@option(
    "--calibration",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    metavar="N",
    help="Training samples that calibrate and train thresholds.",
    group="data",
)
@option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed by which they are drawn.",
    group="data",
)
@options.batch_option
@option(
    "--markdown",
    type=click.Path(path_type=Path),
    help="Write the table as .md.  [default: none]",
)
@options.force_option
@options.json_option
def command(
    paper: str,
    models: Path,
    data: Path | None,
    quick: bool,
    calibration: int,
    seed: int,
    batch_size: int,
    markdown: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Measure the stored networks of a method beside the figures of its publication.

    Each network is converted with training samples and scored on the test set, which chose
    nothing. A figure whose network is not there is listed with the command that makes it.
    """
    if markdown is not None:
        check_output(markdown, (".md",), "--markdown", force)
    load_keras()
    from spkeras.facade.reproductions import reproduce

    rows: list["Reproduced"] = []
    total = len(claims_of(paper))
    with progress(f"reproducing {paper}") as advance:
        for row in reproduce(
            paper,
            models,
            _reader(data),
            samples=_QUICK if quick else None,
            calibration=calibration,
            seed=seed,
            batch_size=batch_size,
            progress=lambda done, of: advance(len(rows) * of + done, total * of),
        ):
            rows.append(row)
            if row.accuracy is not None:
                note(f"{len(rows)} of {total}: {row.claim.net}, {row.accuracy:.2f} %")
    if markdown is not None:
        write_whole(markdown, lambda path: _write(path, rows))
    _show(rows, paper, as_json)


def _reader(folder: Path | None) -> Any:
    """Return what reads a data set by its name, with pixels in [0, 1]."""
    from spkeras.data import read_data

    def read(name: str, part: str) -> "Data":
        spec = name if folder is None else str(folder / f"{name}.npz")
        return read_data(spec, part=part, scale=255.0)

    return read


def _write(path: Path, rows: list["Reproduced"]) -> None:
    from spkeras.report.reproduction import reproduction_page

    path.write_text(reproduction_page(rows), encoding="utf-8")


def _show(rows: list["Reproduced"], paper: str, as_json: bool) -> None:
    if as_json:
        show_json({"paper": paper, "schema": 1, "rows": [row.to_dict() for row in rows]})
        return
    from spkeras.report.reproduction import missing_sentences, reproduction_table

    show([reproduction_table([row for row in rows if not row.missing])])
    say()
    for sentence in missing_sentences(rows):
        say(sentence)
    say("here: the spiking network; lost: points against the CNN; settings: docs/papers.md")
