"""Accuracy of networks of whole numbers at several widths: docs/measurements/integers.md.

    python -m tests.benchmarks.integers RESULTS.json --net NAME=MODEL:DATA[:DIVISOR] ...
    python -m tests.benchmarks.integers RESULTS.json                    # print the tables

Calibrates, chooses units and rounds on the first 1,000 training samples and evaluates on the first
test samples. Each record is written as it comes: the same command goes on where it stopped.
The events engine computes with the whole numbers in float32, which are exact up to 2^24.
"""

import math
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from tests import networks
from tests.benchmarks.results import Net, Results, operations, percent

# Relative change of each weight of a disturbed network: what 16 bits change at most.
_DISTURBANCE = 1e-4

# label: options of spkeras.convert
WIDTHS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float32, disturbed 1": {},
    "float32, disturbed 2": {},
    "float32, disturbed 3": {},
    "16": {"weight_bits": 16, "threshold_bits": 20},
    "8": {"weight_bits": 8, "threshold_bits": 16},
    "6": {"weight_bits": 6, "threshold_bits": 16},
    "4": {"weight_bits": 4, "threshold_bits": 16},
    "8, nearest": {"weight_bits": 8, "threshold_bits": 16, "rounding": "nearest"},
    "4, nearest": {"weight_bits": 4, "threshold_bits": 16, "rounding": "nearest"},
}


def table(results: Results, digits: int) -> str:
    """A row per net, a column per width: accuracy in % (decisions equal to the CNN's)."""
    used = [w for w in WIDTHS if any(w in records for records in results.nets.values())]
    lines = ["| net | CNN | " + " | ".join(used) + " |", "|---" * (len(used) + 2) + "|"]
    for net, records in results.nets.items():
        cells = [_cell(records.get(width), digits) for width in used]
        cnn = percent(next(iter(records.values()))["cnn"], digits)
        lines.append(f"| `{net}` | {cnn} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def paired(results: Results) -> str:
    """A row per net and width: images decided rightly by it or by float32 only, and McNemar's p."""
    lines = ["| net | width | images | only it | only float32 | p |", "|---|---|---|---|---|---|"]
    for net, records in results.nets.items():
        if "float32" not in records:
            continue
        base = set(records["float32"]["wrong"])
        for width, record in records.items():
            own = set(record["wrong"])
            gained, lost = len(base - own), len(own - base)
            cells = f"{record['samples']} | {gained} | {lost} | {sign_test(gained, lost):.2f}"
            if width != "float32" and record["samples"] == records["float32"]["samples"]:
                lines.append(f"| `{net}` | {width} | {cells} |")
    return "\n".join(lines)


def sign_test(gained: int, lost: int) -> float:
    """The two-sided exact probability of a split as uneven, if both are equally likely."""
    total = gained + lost
    tail = sum(math.comb(total, count) for count in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**total)


def _cell(record: dict[str, Any] | None, digits: int) -> str:
    if record is None:
        return ""
    return f"{percent(record['accuracy'], digits)} ({percent(record['agreement'], digits)})"


def disturbed(snn: keras.Model, seed: int) -> keras.Model:
    """The network with random relative changes of its weights, which no rounding made."""
    from spkeras.snn.model import loop_of, rebuilt

    loop, rng = loop_of(snn), np.random.default_rng(seed)
    changed = {}
    for node in loop.graph.nodes:
        kernel = node.array("kernel")
        if kernel is not None:
            noise = 1 + _DISTURBANCE * rng.standard_normal(kernel.shape)
            changed[node.name] = node.with_arrays(kernel=(kernel * noise).astype("float32"))
    return rebuilt(loop, loop.graph.updated(changed))


def measured(snn: keras.Model, x: Any, y: Any) -> dict[str, Any]:
    """One run over labelled samples, with the numbers of those decided wrongly."""
    import spkeras

    result = spkeras.evaluate(snn, x, y, engine="events", predictions=True)
    decided = result.answers[0].decisions
    return {
        "samples": result.samples,
        "timesteps": result.timesteps,
        "stagger": result.settings["stagger"],
        "accuracy": round(float(result.accuracy[-1]), 4),
        "cnn": round(float(result.cnn_accuracy), 4),
        "agreement": round(float(result.agreement[-1]), 4),
        "seconds": round(result.seconds, 1),
        **operations(result.activity),
        "wrong": np.flatnonzero(decided != np.ravel(y)).tolist(),
    }


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
            if "disturbed" in width:
                snn = disturbed(snn, seed=int(width[-1]))
            record = measured(snn, test.inputs, test.y)
            results.put(net.name, width, {"recipe": recipe, "options": options, **record})
            click.echo(f"{net.name}, {width}: {record['accuracy']}", err=True)
    click.echo(table(results, digits))
    click.echo("\n" + paired(results))


if __name__ == "__main__":
    main()
