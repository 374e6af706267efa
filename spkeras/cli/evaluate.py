"""`spkeras evaluate`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from spkeras.cli import options
from spkeras.cli.files import check_output, read_cnn, read_snn, write_whole
from spkeras.cli.generated import GroupedCommand
from spkeras.cli.kinds import Real
from spkeras.cli.messages import show, show_json, warn
from spkeras.cli.progress import progress
from spkeras.errors import OptionError


def _exit_options(command: options.Command) -> options.Command:
    """--early-exit, --patience and --stop."""
    for option in (
        click.option("--stop", is_flag=True, help="With --early-exit: stop samples in earnest."),
        click.option(
            "--patience",
            type=click.IntRange(min=1),
            help="With --early-exit: steps in a row.  [default: 2]",
        ),
        click.option(
            "--early-exit",
            type=Real(min=0, min_open=True),
            metavar="MARGIN",
            help="What it saves and costs to stop each sample once the second class lies so many "
            "steps behind; choose MARGIN on calibration data.",
        ),
    ):
        command = option(command)
    return command


def _ray_options(command: options.Command) -> options.Command:
    """--ray and --ray-cpus."""
    for option in (
        click.option(
            "--ray-cpus",
            type=click.IntRange(min=1),
            help="With --ray: processors of a worker.  [default: as many as here]",
        ),
        click.option(
            "--ray",
            is_flag=False,
            flag_value="local",
            metavar="[ADDRESS]",
            help="Run batches on a Ray cluster at host:port; alone, or 'local', on this machine.",
        ),
    ):
        command = option(command)
    return command


@click.command(cls=GroupedCommand)
@click.argument("snn", type=options.MODEL)
@options.data_options("test", None)
@options.simulation_options
@options.engine_option
@click.option(
    "--cnn",
    type=options.MODEL,
    help="The CNN that was converted, to compare with.  [default: what SNN holds of it]",
)
@_exit_options
@_ray_options
@options.any_range_option
@options.insist_option
@options.json_option
@click.option("--plot", type=click.Path(path_type=Path), help="Plot accuracy over T: .png, .svg.")
@click.option("--report", type=click.Path(path_type=Path), help="One HTML page of it all.")
def command(
    snn: Path,
    data: options.DataChoice,
    batch_size: int,
    any_range: bool,
    insist: bool,
    as_json: bool,
    plot: Path | None,
    report: Path | None,
    ray: str | None,
    ray_cpus: int | None,
    cnn: Path | None,
    **settings: Any,
) -> None:
    """Measure a spiking network: accuracy at every step, spikes and operations."""
    _check_outputs(plot, report)
    policy = _policy(settings)
    model = read_snn(snn)
    evaluate = _evaluator(ray, ray_cpus)
    source = None if cnn is None else read_cnn(cnn, None, ()).model
    samples = data.read(model)
    with progress("simulating") as advance:
        result = evaluate(
            model,
            samples.inputs,
            samples.y,
            batch_size=batch_size,
            any_range=any_range,
            insist=insist,
            early_exit=policy,
            cnn=source,
            progress=advance,
            **options.given(**settings),
        )
    for text in result.warnings:
        warn(text)
    if as_json:
        show_json({"data": data.spec, **result.to_dict()})
    else:
        _show(result)
    _write(result, plot, report)


def _policy(settings: dict[str, Any]) -> Any:
    """Takes the options of early exit out of the settings."""
    given = {name: settings.pop(name) for name in ("early_exit", "patience", "stop")}
    margin, patience, stop = given.values()
    if margin is None:
        if patience or stop:
            raise OptionError("--patience, --stop: go with --early-exit MARGIN, which is missing")
        return None
    from spkeras.metrics import EarlyExit

    return EarlyExit(margin, stop=stop, **options.given(patience=patience))


def _evaluator(ray: str | None, ray_cpus: int | None) -> Callable[..., Any]:
    """`spkeras.evaluate`, or its twin on a cluster."""
    if ray is None:
        if ray_cpus is not None:
            raise OptionError("--ray-cpus: goes with --ray, which is missing")
        import spkeras

        return spkeras.evaluate
    from spkeras import cluster
    from spkeras.cluster.session import ray_module

    ray_module()
    return partial(cluster.evaluate, address=ray, cpus=ray_cpus)


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
    from spkeras.report import (
        accuracy_tables,
        activity_tables,
        begins,
        comparison,
        exit_sentence,
        exit_tables,
        latency,
        operations,
        reference_sentence,
        summary,
    )

    click.echo(summary(result) + "\n")
    show([*accuracy_tables(result), *exit_tables(result), *activity_tables(result)])
    click.echo("\n" + operations(result))
    if comparison(result):
        click.echo(comparison(result))
    click.echo(latency(result))
    if begins(result):
        click.echo(begins(result))
    if reference_sentence(result):
        click.echo(reference_sentence(result))
    if result.early_exit:
        click.echo(exit_sentence(result))


def _write(result: Any, plot: Path | None, report: Path | None) -> None:
    if plot:
        from spkeras.report.plot import accuracy_over_time

        write_whole(plot, accuracy_over_time(result).savefig)
    if report:
        from spkeras.report.html import page

        text = page(result)
        write_whole(report, lambda path: path.write_text(text, encoding="utf-8"))
