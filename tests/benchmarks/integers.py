"""Accuracy of networks of whole numbers at several widths: docs/measurements/integers.md.

    python -m tests.benchmarks.integers RESULTS.json --net NAME=MODEL:DATA[:DIVISOR] ...
    python -m tests.benchmarks.integers RESULTS.json                    # print the table

Calibrates, chooses units and rounds on the first 1,000 training samples and evaluates on the first
test samples. Each record is written as it comes: the same command goes on where it stopped.
The events engine computes with the whole numbers in float32, which are exact up to 2^24.
"""

from pathlib import Path
from typing import Any

import click

from tests import networks
from tests.benchmarks.results import Net, Results, measured, percent

# label: options of spkeras.convert
WIDTHS: dict[str, dict[str, Any]] = {
    "float32": {},
    "16": {"weight_bits": 16, "threshold_bits": 20},
    "8": {"weight_bits": 8, "threshold_bits": 16},
    "6": {"weight_bits": 6, "threshold_bits": 16},
    "4": {"weight_bits": 4, "threshold_bits": 16},
    "8, nearest": {"weight_bits": 8, "threshold_bits": 16, "rounding": "nearest"},
    "4, nearest": {"weight_bits": 4, "threshold_bits": 16, "rounding": "nearest"},
}


def table(results: Results, digits: int) -> str:
    """A row per net, a column per width: accuracy in % (decisions equal to the CNN's)."""
    lines = [
        "| net | CNN | " + " | ".join(WIDTHS) + " |",
        "|---" * (len(WIDTHS) + 2) + "|",
    ]
    for net, records in results.nets.items():
        cells = [_cell(records.get(width), digits) for width in WIDTHS]
        cnn = percent(next(iter(records.values()))["cnn"], digits)
        lines.append(f"| `{net}` | {cnn} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(record: dict[str, Any] | None, digits: int) -> str:
    if record is None:
        return ""
    return f"{percent(record['accuracy'], digits)} ({percent(record['agreement'], digits)})"


@click.command(help=__doc__)
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--net", "nets", multiple=True, metavar="NAME=MODEL:DATA[:DIVISOR]")
@click.option("--width", "widths", multiple=True, type=click.Choice(list(WIDTHS)))
@click.option("--recipe", default="ecc", show_default=True)
@click.option("--timesteps", type=int, help="Default: 64, or what the net was trained for.")
@click.option("--samples", default=2000, show_default=True, help="Test samples, the first ones.")
@click.option("--calibration", default=1000, show_default=True, help="Training samples.")
@click.option("--digits", default=2, show_default=True, help="Decimals of the table.")
def main(
    output: Path,
    nets: tuple[str, ...],
    widths: tuple[str, ...],
    recipe: str,
    timesteps: int | None,
    samples: int,
    calibration: int,
    digits: int,
) -> None:

    results = Results(output)
    for net in map(Net.parse, nets):
        wanted = [width for width in widths or WIDTHS if not results.holds(net.name, width)]
        if not wanted:
            continue
        cnn, train, test = net.load(calibration, samples)
        for width in wanted:
            options = {"relays": True, "timesteps": timesteps, **WIDTHS[width]}
            snn = networks.convert(cnn, train.inputs, recipe, **options)
            record = measured(snn, test.inputs, test.y, engine="events")
            results.put(net.name, width, {"recipe": recipe, "options": options, **record})
            click.echo(f"{net.name}, {width}: {record}", err=True)
    click.echo(table(results, digits))


if __name__ == "__main__":
    main()
