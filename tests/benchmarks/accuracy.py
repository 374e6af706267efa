"""Accuracy and operations of converted networks: docs/measurements/accuracy.md and training.md.

    python -m tests.benchmarks.accuracy RESULTS.json --group clock --net NAME=MODEL:DATA[:DIVISOR] ...
    python -m tests.benchmarks.accuracy RESULTS.json --group clock            # print the table

Calibrates on the first 1,000 training samples and evaluates on the first 1,000 test samples; no
label is read before a network is fixed. Each T is a conversion of its own, counted from the first
input. Each record is written as it comes: the same command goes on where it stopped.
"""

from pathlib import Path
from typing import Any

import click

from tests import networks
from tests.benchmarks.results import Net, Results, cost, measured, percent

_SYNCHRONOUS = {"schedule": "layer_synchronous"}

# group: (numbers of steps, label: arguments of spkeras.convert)
GROUPS: dict[str, tuple[tuple[int, ...], dict[str, dict[str, Any]]]] = {
    "clock": ((16, 32, 64, 128), {"default": {}}),
    "long": ((256,), {"default": {}, "layer-synchronous": _SYNCHRONOUS}),
    "synchronous": ((16, 32, 64, 128), {"layer-synchronous": _SYNCHRONOUS}),
    "signed": ((16, 32), {"signed": {"neuron": "signed"}}),
    "light": ((16, 32), {"default": {}, "light correction": {"correction": "light"}}),
    "foreign": ((64, 128), {"default": {}}),
    "switches": (
        (8, 16, 32, 64, 128),
        {
            "mse": {"thresholds": "mse"},
            "mse, light correction": {"thresholds": "mse", "correction": "light"},
            "percentile": {"thresholds": "percentile"},
            "percentile, no stagger": {"thresholds": "percentile", "stagger": 0},
        },
    ),
}


def table(results: Results, group: str, digits: int) -> str:
    """A row per net and setting, a column per T: accuracy in % (operations over the CNN's MACs)."""
    times, settings = GROUPS[group]
    lines = [
        "| net | CNN | setting | " + " | ".join(f"T = {time}" for time in times) + " |",
        "|---" * (len(times) + 3) + "|",
    ]
    for net, records in results.nets.items():
        for label in settings:
            found = [records.get(f"{label}, T = {time}") for time in times]
            known = next((record for record in found if record), None)
            if known is None:
                continue
            cells = [
                f"{percent(record['accuracy'], digits)} ({cost(record)})" if record else ""
                for record in found
            ]
            cnn = percent(known["cnn"], digits)
            lines.append(f"| `{net}` | {cnn} | {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--group", type=click.Choice(list(GROUPS)), required=True)
@click.option("--net", "nets", multiple=True, metavar="NAME=MODEL:DATA[:DIVISOR]")
@click.option("--samples", default=1000, show_default=True, help="Test samples, the first ones.")
@click.option("--calibration", default=1000, show_default=True, help="Training samples.")
@click.option("--digits", default=1, show_default=True, help="Decimals of the table.")
def main(
    output: Path, group: str, nets: tuple[str, ...], samples: int, calibration: int, digits: int
) -> None:

    results = Results(output)
    times, settings = GROUPS[group]
    for net in map(Net.parse, nets):
        wanted = [
            (f"{label}, T = {steps}", steps, options)
            for label, options in settings.items()
            for steps in times
        ]
        wanted = [entry for entry in wanted if not results.holds(net.name, entry[0])]
        if not wanted:
            continue
        cnn, train, test = net.load(calibration, samples)
        for key, steps, options in wanted:
            snn = networks.convert(cnn, train.inputs, timesteps=steps, **options)
            record = measured(snn, test.inputs, test.y)
            results.put(net.name, key, {"options": options, **record})
            click.echo(f"{net.name}, {key}: {record}", err=True)
    click.echo(table(results, group, digits))


if __name__ == "__main__":
    main()
