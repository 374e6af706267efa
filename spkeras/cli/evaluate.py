"""`spkeras evaluate`."""

from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_snn, write_whole
from spkeras.cli.messages import show, show_json, warn
from spkeras.cli.progress import progress
from spkeras.errors import OptionError


@click.command()
@click.argument("snn", type=options.MODEL)
@options.data_options("test", None)
@click.option("--timesteps", type=click.IntRange(min=1), help="T, instead of the network's own.")
@options.simulation_options
@options.engine_option
@options.any_range_option
@options.json_option
@click.option("--plot", type=click.Path(path_type=Path), help="Plot accuracy over T: .png, .svg.")
@click.option("--report", type=click.Path(path_type=Path), help="One HTML page of it all.")
def command(
    snn: Path,
    data: options.DataChoice,
    batch_size: int,
    any_range: bool,
    as_json: bool,
    plot: Path | None,
    report: Path | None,
    **settings: Any,
) -> None:
    """Measure a spiking network: accuracy at every step, spikes and operations."""
    _check_outputs(plot, report)
    import spkeras

    model = read_snn(snn)
    samples = data.read(model)
    with progress("simulating") as told:
        result = spkeras.evaluate(
            model,
            samples.inputs,
            samples.y,
            batch_size=batch_size,
            any_range=any_range,
            progress=told,
            **options.given(**settings),
        )
    for text in result.warnings:
        warn(text)
    if as_json:
        show_json({"data": data.spec, **result.to_dict()})
    else:
        _show(result)
    _write(result, plot, report)


def _check_outputs(plot: Path | None, report: Path | None) -> None:
    if plot:
        check_output(plot, (".png", ".svg", ".pdf"), "--plot", force=True)
    if report:
        check_output(report, (".html", ".htm"), "--report", force=True)
    if plot or report:
        try:
            import matplotlib  # noqa: F401  (before the work, not after it)
        except ImportError as error:
            raise OptionError(
                "--plot, --report: need matplotlib; pip install matplotlib"
            ) from error


def _show(result: Any) -> None:
    from spkeras.report import accuracy_tables, activity_tables, latency, operations, summary

    click.echo(summary(result) + "\n")
    show([*accuracy_tables(result), *activity_tables(result)])
    click.echo("\n" + operations(result))
    click.echo(latency(result))


def _write(result: Any, plot: Path | None, report: Path | None) -> None:
    if plot:
        from spkeras.report.plot import accuracy_over_time

        write_whole(plot, accuracy_over_time(result).savefig)
    if report:
        from spkeras.report.html import page

        text = page(result)
        write_whole(report, lambda path: path.write_text(text, encoding="utf-8"))
