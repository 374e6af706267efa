"""`spkeras evaluate`."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spkeras.cli import options
from spkeras.cli.files import CnnReader, check_installed, check_output, read_snn, write_whole
from spkeras.cli.generated import GroupedCommand, all_of, option, simulation_options
from spkeras.cli.kinds import Real
from spkeras.cli.messages import say, show, show_json, warn
from spkeras.cli.plain import plain_network
from spkeras.cli.progress import progress
from spkeras.errors import OptionError

if TYPE_CHECKING:
    import keras

    from spkeras.metrics import EarlyExit, Energy
    from spkeras.report.objects import Evaluation


_EXIT: dict[str, Any] = {"group": "early exit"}
_exit_options = all_of(
    [
        option(
            "--early-exit",
            type=Real(min=0, min_open=True),
            metavar="MARGIN",
            help="Report what it saves and costs to stop each sample once the second class is "
            "MARGIN steps behind the first; choose MARGIN on calibration data.  [default: off]",
            **_EXIT,
        ),
        option(
            "--patience",
            type=click.IntRange(min=1),
            metavar="STEPS",
            help="Steps in a row that must agree, with --early-exit.  [default: 2]",
            **_EXIT,
        ),
        option(
            "--stop",
            is_flag=True,
            help="Stop simulating samples at their exit, with --early-exit.",
            **_EXIT,
        ),
    ]
)
ray_options = all_of(
    [
        option(
            "--ray",
            is_flag=False,
            flag_value="local",
            metavar="[HOST:PORT]",
            help="Run batches on a Ray cluster; without an address, or with 'local', on this "
            "machine.  [default: off]",
            group="cluster",
        ),
        option(
            "--ray-cpus",
            type=click.IntRange(min=1),
            metavar="CPUS",
            help="Processors of a worker, with --ray.  [default: those of this machine]",
            group="cluster",
        ),
    ]
)


@click.command(cls=GroupedCommand)
@click.argument("snn", type=options.MODEL)
@options.data_options("test", None)
@options.batch_option
@all_of(simulation_options(shows_defaults=False))
@options.engine_option
@option(
    "--cnn",
    type=options.MODEL,
    help="The converted CNN, to compare with.  [default: the reference in SNN]",
)
@options.model_options
@_exit_options
@options.costs_option
@options.numbers_option
@ray_options
@options.any_range_option
@options.insist_option
@options.json_option
@option("--plot", type=click.Path(path_type=Path), help="Plot accuracy over T: .png, .svg or .pdf.")
@option("--report", type=click.Path(path_type=Path), help="Write all results as an HTML page.")
@options.force_option
def command(
    snn: Path,
    data: options.DataChoice,
    batch_size: int,
    any_range: bool,
    insist: bool,
    as_json: bool,
    force: bool,
    plot: Path | None,
    report: Path | None,
    ray: str | None,
    ray_cpus: int | None,
    cnn: Path | None,
    reader: CnnReader,
    costs: str,
    numbers: str,
    **settings: Any,
) -> None:
    """Measure the accuracy, spikes and operations of a network.

    One run to T gives the accuracy at every time step.
    """
    _check_outputs(plot, report, force)
    from spkeras.metrics.energy import table_for

    policy, table = _policy(settings), table_for(numbers, costs)
    evaluate = evaluator_of(ray, ray_cpus)
    own = options.given(**settings)
    engine = own.pop("engine", "auto")
    plain = None if report or cnn or ray else plain_network(snn, data, engine, own)
    model = read_snn(snn) if plain is None else plain
    if plot and plain is None:
        _check_course(model)
    if cnn is not None:
        own["cnn"] = reader.read(cnn).model
    samples = data.read(model)
    if plain is not None and not plain.suits(samples.x):
        plain, model = None, read_snn(snn)
    if plain is not None:
        from spkeras.facade.scoring import evaluate_plain as evaluate
    else:
        own["engine"] = engine
    with progress("simulating") as advance:
        result = evaluate(
            model,
            samples.inputs,
            samples.y,
            batch_size=batch_size,
            any_range=any_range,
            insist=insist,
            early_exit=policy,
            predictions=report is not None,
            progress=advance,
            **own,
        )
    text = None
    if report:
        rules = {"costs": table, "numbers": numbers, "provenance": _provenance(snn, data)}
        text = _page(model, result, samples.x, {**rules, "settings": _of_network(model, settings)})
    _write(result, text, plot, report)  # before stdout, which another program may close
    for warning in result.warnings:
        warn(warning)
    energy = result.energy(table, numbers)
    if as_json:
        show_json({"data": data.spec, **result.to_dict(), "energy": energy.to_dict()})
    else:
        _show(result, energy)


def _provenance(snn: Path, data: options.DataChoice) -> dict[str, str]:
    from spkeras.cli.report import provenance_of

    return provenance_of(snn, data)


def _page(model: "keras.Model", result: "Evaluation", x: Any, rules: dict[str, Any]) -> str:
    """Return the report on one network."""
    from spkeras.facade.studies import study_of
    from spkeras.report.page import page

    return page(study_of(model, result, x, title=model.name, **rules))


def _of_network(model: "keras.Model", settings: dict[str, Any]) -> dict[str, Any]:
    """Return those of the command's settings that change how the network runs."""
    from spkeras.snn.converted import converted_of

    known = converted_of(model).changeable
    return {name: value for name, value in options.given(**settings).items() if name in known}


def _policy(settings: dict[str, Any]) -> "EarlyExit | None":
    """Remove the options of early exit from the settings; return the policy."""
    given = {name: settings.pop(name) for name in ("early_exit", "patience", "stop")}
    margin, patience, stop = given.values()
    if margin is None:
        if patience or stop:
            raise OptionError("--patience, --stop: need --early-exit MARGIN")
        return None
    from spkeras.metrics import EarlyExit

    return EarlyExit(margin, stop=stop, **options.given(patience=patience))


def evaluator_of(ray: str | None, ray_cpus: int | None) -> Callable[..., Any]:
    """Return `spkeras.evaluate`, or its counterpart on a cluster."""
    if ray is None:
        if ray_cpus is not None:
            raise OptionError("--ray-cpus: needs --ray")
        return _evaluate
    from spkeras import cluster
    from spkeras.cluster.session import ray_module

    ray_module()
    return partial(cluster.evaluate, address=ray, cpus=ray_cpus)


def _evaluate(*args: Any, **settings: Any) -> Any:
    """Call `spkeras.evaluate`, whose import needs Keras."""
    import spkeras

    return spkeras.evaluate(*args, **settings)


def _check_outputs(plot: Path | None, report: Path | None, force: bool) -> None:
    if plot:
        check_output(plot, (".png", ".svg", ".pdf"), "--plot", force)
    if report:
        check_output(report, (".html", ".htm"), "--report", force)
    if report:
        check_installed("jinja2", "--report")
    if plot:
        check_installed("matplotlib", "--plot")


def _check_course(model: "keras.Model") -> None:
    """Refuse a plot over time of a network that answers once."""
    from spkeras.snn.converted import converted_of

    if converted_of(model).windows:
        raise OptionError(
            "--plot: shows accuracy over time steps, and the layers of this network fire one after "
            "the other: it answers once; leave --plot out"
        )


def _show(result: "Evaluation", energy: "Energy") -> None:
    from spkeras.report import (
        accuracy_tables,
        activity_tables,
        begins,
        comparison,
        energy_sentence,
        energy_table,
        exit_sentence,
        exit_tables,
        in_short,
        latency,
        operations,
        reference_sentence,
        summary,
    )

    say(summary(result))
    say(in_short(result, energy) + "\n")
    tables = (accuracy_tables(result), exit_tables(result), activity_tables(result))
    show([*chain.from_iterable(tables), energy_table(energy)])
    say("\n" + operations(result))
    for sentence in (comparison, latency, begins, reference_sentence, exit_sentence):
        if sentence(result):
            say(sentence(result))
    say(energy_sentence(energy))


def _write(result: "Evaluation", text: str | None, plot: Path | None, report: Path | None) -> None:
    if plot:
        write_whole(plot, result.plot)
    if report and text is not None:
        write_whole(report, lambda path: path.write_text(text, encoding="utf-8"))
