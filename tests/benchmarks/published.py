"""Each method with its published settings beside the defaults: docs/measurements/published.md.

    python -m tests.benchmarks.published ecc models/cifar10_vgg16.keras --data cifar10.npz -o ecc.json
    python -m tests.benchmarks.published low_latency PUBLISHED.keras --cnn models/cifar10_vgg16.keras \
        --beside models/cifar10_vgg16_t8.keras --data cifar10.npz -o low_latency.json
    python -m tests.benchmarks.published cat models/cifar10_vgg16_cat.keras --cnn models/cifar10_vgg16.keras \
        --data cifar10.npz -o cat.json

PUBLISHED.keras is what `spkeras finetune --published` made of the CNN; `--beside` names the net
that was trained with this package's settings. Calibrates and trains thresholds on the first
training samples, evaluates on the first test samples. Each figure is written when it is there:
the same command goes on where it stopped, and prints the table at the end.
"""

from pathlib import Path
from typing import Any

import click

from tests import networks
from tests.benchmarks.results import Results, first

CLOCK, WINDOWS = "clock_driven", "layer_synchronous"
SCHEDULES = {
    "ecc": (CLOCK, WINDOWS),
    "low_latency": (CLOCK, WINDOWS),
    "qcfs": (CLOCK,),
    "cq": (CLOCK,),
    "cq+": (CLOCK,),
    "cat": ("first spikes",),
}
# Test samples, the first ones, on which operations are counted.
COUNTED = 50
# Of the published settings of ecc those two that cost most, and none of the others.
LARGEST = {"percentile": 100, "per_channel": False, "thresholds": "percentile", "stagger": 0}


def runs(recipe: str, nets: dict[str, Any], schedule: str, timesteps: int | None) -> Any:
    """(setting, CNN to convert, options) of each run."""
    own = {"recipe": recipe, "schedule": schedule}
    if timesteps is not None:
        own["timesteps"] = timesteps
    yield "published", nets["model"], {**own, "published": True}
    if recipe == "ecc":
        yield "here", nets["model"], own
        if schedule == CLOCK:
            yield "maximum, at once", nets["model"], {**own, **LARGEST}
    elif "beside" in nets:
        ways = {"thresholds": "learned"} if schedule == WINDOWS else {"thresholds": "trained"}
        yield "here", nets["beside"], {**own, **ways}
        if schedule == CLOCK:
            yield "here, at once", nets["beside"], {**own, **ways, "stagger": 0}


def spiking(net: Any, options: dict[str, Any], train: Any, test: Any) -> dict[str, Any]:
    """Accuracy and operations of one spiking network."""
    import spkeras
    from spkeras.snn.model import loop_of

    snn = networks.convert(net, train.inputs, **options)
    loop = loop_of(snn)
    if loop.schedule == WINDOWS:
        # One pass in closed form; `evaluate` makes one for each T up to this.
        found = snn.predict(test.inputs, batch_size=100, verbose=0).argmax(-1)
        accuracy = float((found == test.y).mean())
    else:
        accuracy = float(spkeras.evaluate(snn, test.inputs, test.y).accuracy[-1])
    activity = spkeras.evaluate(snn, test.x[0][:COUNTED], test.y[:COUNTED]).activity
    return {
        "timesteps": loop.timesteps,
        "stagger": loop.offset,
        "accuracy": accuracy,
        "spikes_per_neuron": activity.spikes_per_neuron,
        "synaptic_operations": activity.synaptic_operations,
        "membrane_updates": activity.membrane_updates,
        "macs": activity.macs,
        "cnn_macs": activity.cnn_macs,
    }


def first_spikes(net: Any, test: Any) -> dict[str, Any]:
    """Accuracy and operations of the integer program of a network of first spikes."""
    from spkeras.frontend.walk import read_graph
    from spkeras.graph.macs import macs
    from spkeras.hardware import log_ttfs

    result = log_ttfs.run(log_ttfs.compile(net), test.x[0], test.y)
    return {
        "timesteps": result.timing.latency,
        "stagger": None,
        "accuracy": result.accuracy,
        "spikes_per_neuron": result.total.spikes / sum(r.neurons for r in result.layers),
        "synaptic_operations": result.total.synaptic,
        "membrane_updates": result.total.synaptic,
        "macs": 0,
        "cnn_macs": int(sum(macs(read_graph(net)).values())),
    }


def score(model: Any, test: Any) -> float:
    return float((model.predict(test.inputs, verbose=0).argmax(-1) == test.y).mean())


def line(row: dict[str, Any]) -> str:
    parts = [row[name] / row["cnn_macs"] for name in ("synaptic_operations", "membrane_updates")]
    return (
        f"| {row['schedule']} | {row['timesteps']} | {row['setting']} | {100 * row['cnn']:.1f} "
        f"| {100 * row['trained']:.1f} | {100 * row['accuracy']:.1f} "
        f"| {row['spikes_per_neuron']:.2f} | {parts[0]:.2f} | {parts[1]:.2f} |"
    )


@click.command(help=__doc__)
@click.argument("recipe", type=click.Choice(list(SCHEDULES)))
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--cnn", type=click.Path(exists=True, path_type=Path), help="The CNN it comes from.")
@click.option("--beside", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--samples", default=1000, show_default=True, help="Test samples, the first ones.")
@click.option("--calibration", default=1000, show_default=True, help="Training samples.")
@click.option("--times", help="T, by comma; of a trained net its own.")
@click.option("--schedule", "schedules", multiple=True, help="[default: all that are published]")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    recipe: str,
    model: Path,
    cnn: Path | None,
    beside: Path | None,
    data: str,
    scale: float,
    samples: int,
    calibration: int,
    times: str | None,
    schedules: tuple[str, ...],
    output: Path,
) -> None:
    import spkeras
    from spkeras.data import fit_inputs, read_data

    files = {"model": model, "cnn": cnn or model, **({"beside": beside} if beside else {})}
    results, name = Results(output), f"{recipe}, {model.stem}, {samples} samples of {data}"
    nets = {role: spkeras.load_model(path) for role, path in files.items()}
    train, test = (
        fit_inputs(first(read_data(data, part=part, samples=None, scale=scale), count), nets["cnn"])
        for part, count in (("train", calibration), ("test", samples))
    )
    own = {role: score(net, test) for role, net in nets.items()}

    def add(setting: str, schedule: str, asked: int | None, net: str, found: Any) -> None:
        row = {
            "setting": setting,
            "schedule": schedule,
            "calibration": calibration,
            "cnn": own["cnn"],
            "trained": own[net],
            **found,
        }
        results.put(name, f"{schedule}, T = {asked}, {setting}", row)
        click.echo(line(row), err=True)

    def known(setting: str, schedule: str, asked: int | None) -> bool:
        return results.holds(name, f"{schedule}, T = {asked}, {setting}")

    for asked in [int(number) for number in times.split(",")] if times else [None]:
        for schedule in schedules or SCHEDULES[recipe]:
            if recipe == "cat":
                if not known("published", schedule, asked):
                    add("published", schedule, asked, "model", first_spikes(nets["model"], test))
                continue
            for setting, net, options in runs(recipe, nets, schedule, asked):
                if not known(setting, schedule, asked):
                    role = "beside" if net is nets.get("beside") else "model"
                    add(setting, schedule, asked, role, spiking(net, options, train, test))
    click.echo(
        "| schedule | T | settings | CNN | trained | spiking | spikes per neuron "
        "| synaptic operations / MACs | membrane updates / MACs |"
    )
    click.echo("|---" * 9 + "|")
    for row in results.nets.get(name, {}).values():
        click.echo(line(row))


if __name__ == "__main__":
    main()
