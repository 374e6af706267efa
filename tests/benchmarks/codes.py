"""CAT's codes beside each other, on the same CNN and images: docs/measurements/codes.md.

    python -m tests.benchmarks.codes RESULTS.json --net NAME=MODEL:DATA[:DIVISOR] ...
    python -m tests.benchmarks.codes RESULTS.json                    # print the table

Each code is trained from the CNN with the same plan on the first training samples; `--stored NET`
also measures a network that is stored trained. Each record is written as it comes: the same command
goes on where it stopped.
"""

from pathlib import Path
from typing import Any

import click
import keras

from tests.benchmarks.results import Net, Results, percent

# label: options of spkeras.prepare
CODES: dict[str, dict[str, Any]] = {
    "ttfs, T = 24": {"spike_code": "ttfs", "timesteps": 24},
    "phase, T = 4": {"spike_code": "phase", "timesteps": 4},
    "phase, T = 8": {"spike_code": "phase", "timesteps": 8},
    "burst, T = 8": {"spike_code": "burst", "timesteps": 8},
    "burst, T = 16": {"spike_code": "burst", "timesteps": 16},
}
STORED, CNN = "ttfs, T = 24, stored", "CNN"
TABLE = "horowitz-45nm"
_HEAD = (
    "net",
    "code",
    "accuracy",
    "latency (steps)",
    "spikes",
    "SOPs / MACs",
    "arithmetic (uJ)",
    "memory (uJ)",
    "of the CNN's",
)


def table(results: Results) -> str:
    """A row per net and code."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|---" * len(_HEAD) + "|"]
    for net, records in results.nets.items():
        cnn = percent(records[CNN]["accuracy"], 2)
        lines.append(f"| `{net}` | CNN | {cnn} |" + " |" * (len(_HEAD) - 3))
        for code, record in records.items():
            if code == CNN:
                continue
            cells = [
                f"`{net}`",
                code,
                percent(record["accuracy"], 2),
                f"{record['latency']:.0f}",
                f"{record['spikes']:,.0f}",
                f"{record['per_mac']:.2f}",
                f"{record['arithmetic']:.1f}",
                f"{record['memory']:.1f}",
                f"{record['energy']:.0%}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def measured(net: keras.Model, train: Any, test: Any) -> dict[str, Any]:
    """A trained network as spikes: one run over labelled samples."""
    import spkeras

    snn = spkeras.convert(net, train, "ttfs", verbose=0)
    result = spkeras.evaluate(snn, test.inputs, test.y, verbose=0)
    energy, activity = result.energy(TABLE), result.activity
    return {
        "samples": result.samples,
        "accuracy": round(float(result.accuracy[-1]), 4),
        "trained": round(float(result.cnn_accuracy), 4),
        "agreement": round(float(result.agreement[-1]), 4),
        "latency": result.latency,
        "spikes": round(activity.spikes, 1),
        "per_mac": round(activity.per_cnn_mac["synaptic_operations"], 4),
        "arithmetic": round(energy.snn.arithmetic, 4),
        "memory": round(energy.snn.memory, 4),
        "energy": round(float(energy.ratio or 0), 4),
    }


@click.command(help=__doc__)
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--net", "nets", multiple=True, metavar="NAME=MODEL:DATA[:DIVISOR]")
@click.option("--stored", "stored", multiple=True, metavar="NAME=MODEL:DATA[:DIVISOR]")
@click.option("--code", "codes", multiple=True, type=click.Choice(list(CODES)))
@click.option("--samples", default=2000, show_default=True, help="Test samples, the first ones.")
@click.option("--train", default=5000, show_default=True, help="Training samples, the first ones.")
@click.option("--calibration", default=1000, show_default=True, help="Those that set the ranges.")
def main(
    output: Path,
    nets: tuple[str, ...],
    stored: tuple[str, ...],
    codes: tuple[str, ...],
    samples: int,
    train: int,
    calibration: int,
) -> None:
    import spkeras
    from tests.benchmarks.results import first

    results = Results(output)
    for net in map(Net.parse, stored):
        if not results.holds(net.name, STORED):
            trained, own, test = net.load(calibration, samples)
            results.put(net.name, STORED, measured(trained, own.inputs, test))
    for net in map(Net.parse, nets):
        wanted = [code for code in codes or CODES if not results.holds(net.name, code)]
        if not wanted and results.holds(net.name, CNN):
            continue
        cnn, own, test = net.load(train, samples)
        right = cnn.predict(test.inputs, verbose=0).argmax(axis=1) == test.y.ravel()
        results.put(net.name, CNN, {"samples": len(right), "accuracy": float(right.mean())})
        for code in wanted:
            keras.utils.set_random_seed(0)
            ranges = first(own, calibration).inputs
            twin = spkeras.prepare(cnn, ranges, "cat", **CODES[code])
            given = (own.inputs, own.y)
            trained, _ = spkeras.finetune(twin, given, clamp=1, quantize=2, verbose=0)
            results.put(net.name, code, measured(trained, ranges, test))
            print(net.name, code, results.nets[net.name][code], flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
