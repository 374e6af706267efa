"""Accuracy and spikes of every neuron model, step by step, on real test images.

    python -m tests.benchmarks.graded RESULTS.json --net NAME=MODEL:DATA[:DIVISOR] ...
    python -m tests.benchmarks.graded RESULTS.json --plot docs/figures/graded.svg

Each net is converted on the first 1,000 training images and run on the first 1,000 test images, once
for each of `MODELS` (or those named by --only). Each record is written as it comes: the same command
goes on where it stopped.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np

from tests import networks
from tests.benchmarks.results import Net, Results, cost, operations, percent

# label: (T, arguments of spkeras.convert)
MODELS: dict[str, tuple[int, dict[str, Any]]] = {
    "sigma-delta": (4, {"recipe": "sigma_delta"}),
    "sigma-delta, powers of two": (8, {"recipe": "sigma_delta", "mantissa_bits": 0}),
    "multi-threshold, differential": (
        8,
        {"neuron": "multi_threshold", "spike_code": "differential"},
    ),
    "multi-threshold, rate": (8, {"neuron": "multi_threshold"}),
    "signed, for T = 8": (8, {"neuron": "signed", "thresholds": "mse"}),
    "signed, for T = 16": (16, {"neuron": "signed", "thresholds": "mse"}),
    "signed, for T = 32": (32, {"neuron": "signed", "thresholds": "mse"}),
    "burst": (64, {"neuron": "burst"}),
    "binary (default recipe)": (64, {}),
}
COLUMNS = (1, 2, 3, 4, 8, 16, 32, 64)


def measure(cnn: Any, train: Any, test: Any, label: str) -> dict[str, Any]:
    """One conversion and one run; curves from the first step at which the read-out receives something."""
    import spkeras

    steps, options = MODELS[label]
    snn = networks.convert(cnn, train.inputs, timesteps=steps, **options)
    result = spkeras.evaluate(snn, test.inputs, test.y, any_range=True)
    neurons = sum(layer.neurons for layer in result.activity.layers)
    spikes = np.sum(list(result.layer_spikes.values()), axis=0) / neurons
    score, begun = result.scores[0], result.steps >= result.first_step
    return {
        "cnn": result.cnn_accuracy,
        "steps": result.steps[begun].tolist(),
        "accuracy": np.round(score.accuracy[begun], 4).tolist(),
        "agreement": np.round(score.agreement[begun], 4).tolist(),
        "deviation": np.round(score.deviation[begun] / score.cnn_spread, 5).tolist(),
        "spikes": np.round(spikes[begun], 4).tolist(),
        "options": options,
        **operations(result.activity),
    }


def tables(results: Results) -> str:
    """One Markdown table per net: accuracy in % (spikes per neuron so far), operations at the end."""
    lines = []
    for name, rows in results.nets.items():
        cnn = next(iter(rows.values()))["cnn"]
        lines += [f"**{name}**, CNN {percent(cnn)} %", ""]
        lines += ["| neuron | " + " | ".join(f"T = {t}" for t in COLUMNS) + " | operations |"]
        lines += ["|---" * (len(COLUMNS) + 2) + "|"]
        for label, row in rows.items():
            curve = zip(row["steps"], row["accuracy"], row["spikes"], strict=True)
            found = {step: f"{percent(right)} ({spikes:.2f})" for step, right, spikes in curve}
            cells = [found.get(step, "") for step in COLUMNS]
            lines.append(f"| {label} | " + " | ".join(cells) + f" | {cost(row)} |")
        lines.append("")
    return "\n".join(lines)


def figure(results: Results, path: Path) -> None:
    """Accuracy against steps and against spikes per neuron, a row of plots per net."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    nets = {name: rows for name, rows in results.nets.items() if len(rows) > 2}
    plot, axes = pyplot.subplots(len(nets), 2, figsize=(10, 3.6 * len(nets)), squeeze=False)
    for row, (name, rows) in zip(axes, nets.items(), strict=True):
        for label, result in rows.items():
            accuracy = 100 * np.asarray(result["accuracy"])
            row[0].plot(result["steps"], accuracy, ".-", label=label)
            row[1].plot(result["spikes"], accuracy, ".-", label=label)
        for axis, title in zip(row, ("steps T", "spikes per neuron so far"), strict=True):
            cnn = 100 * next(iter(rows.values()))["cnn"]
            axis.axhline(cnn, color="black", linestyle=":", label="CNN")
            axis.set_xscale("log", base=2)
            axis.set(title=name, xlabel=title, ylabel="accuracy (%)")
            axis.grid(alpha=0.3)
        row[1].legend(fontsize=7, loc="lower right")
    plot.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    plot.savefig(path)


@click.command(help=__doc__)
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--net", "nets", multiple=True, metavar="NAME=MODEL:DATA[:DIVISOR]")
@click.option("--only", multiple=True, type=click.Choice(list(MODELS)))
@click.option("--samples", default=1000, show_default=True, help="Test samples, the first ones.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write the figure.")
def main(
    output: Path, nets: tuple[str, ...], only: tuple[str, ...], samples: int, plot: Path | None
) -> None:
    results = Results(output)
    for net in map(Net.parse, nets):
        labels = [label for label in only or MODELS if not results.holds(net.name, label)]
        if not labels:
            continue
        loaded = net.load(1000, samples)
        for label in labels:
            results.put(net.name, label, measure(*loaded, label))
            last = results.nets[net.name][label]
            click.echo(f"{net.name}, {label}: {last['accuracy'][-1]} of {last['cnn']}", err=True)
    click.echo(tables(results))
    if plot:
        figure(results, plot)


if __name__ == "__main__":
    main()
