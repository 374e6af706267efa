"""Accuracy and spikes of every neuron model, step by step, on real test images.

    python tests/benchmarks/graded.py RESULTS.json --net NAME=MODEL:DATA[:DIVISOR] ...
    python tests/benchmarks/graded.py RESULTS.json --figure docs/figures/graded.svg

Each net is converted on 1,000 training images and run on the first 1,000 test images, once for
each of `MODELS` (or those named by --only). Results are added to the file as they come, so that
a run can be taken up again.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

# label: (T, arguments of spkeras.convert)
MODELS: dict[str, tuple[int, dict[str, Any]]] = {
    "sigma-delta": (4, {"recipe": "sigma_delta"}),
    "sigma-delta, powers of two": (8, {"recipe": "sigma_delta", "mantissa_bits": 0}),
    "multi-threshold, differential": (8, {"neuron": "multi_threshold", "code": "differential"}),
    "multi-threshold, rate": (8, {"neuron": "multi_threshold"}),
    "signed, for T = 8": (8, {"neuron": "signed", "thresholds": "mse"}),
    "signed, for T = 16": (16, {"neuron": "signed", "thresholds": "mse"}),
    "signed, for T = 32": (32, {"neuron": "signed", "thresholds": "mse"}),
    "burst": (64, {"neuron": "burst"}),
    "binary (default recipe)": (64, {}),
}
IMAGES = 1000


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--net", action="append", default=[], metavar="NAME=MODEL:DATA[:DIVISOR]")
    parser.add_argument("--only", action="append", metavar="LABEL")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--tables", action="store_true", help="Print the tables as Markdown.")
    return parser.parse_args()


def samples(path: str, divisor: float) -> tuple[Any, ...]:
    """Calibration images, test images and test labels."""
    with np.load(path) as file:
        x, y = file["x_train"], file["y_test"]
        x_test = file["x_test"]
    chosen = np.sort(np.random.default_rng(0).permutation(len(x))[:IMAGES])

    def scaled(images: Any) -> Any:
        images = images if images.ndim == 4 else images[..., None]
        return images.astype("float32") / divisor

    return scaled(x[chosen]), scaled(x_test[:IMAGES]), y.reshape(-1)[:IMAGES]


def measure(model: Any, data: tuple[Any, ...], label: str) -> dict[str, Any]:
    """One conversion and one run."""
    import spkeras

    steps, options = MODELS[label]
    calibration, x, y = data
    snn = spkeras.convert(model, calibration, timesteps=steps, **options)
    result = spkeras.evaluate(snn, x, y, any_range=True)
    neurons = sum(layer.neurons for layer in result.activity.layers)
    spikes = np.sum(list(result.layer_spikes.values()), axis=0) / neurons
    score = result.scores[0]
    return {
        "cnn": result.cnn_accuracy,
        "accuracy": [round(float(a), 4) for a in score.accuracy],
        "agreement": [round(float(a), 4) for a in score.agreement],
        "deviation": [round(float(d / score.cnn_spread), 5) for d in score.deviation],
        "spikes": [round(float(s), 4) for s in spikes],
        "options": options,
    }


def run(args: argparse.Namespace) -> None:
    """Measure what is asked for and not yet in the file."""
    import keras

    import spkeras

    found = json.loads(args.results.read_text()) if args.results.exists() else {}
    found["versions"] = {"keras": keras.__version__, "python": platform.python_version()}
    for given in args.net:
        name, _, rest = given.partition("=")
        path, data, *divisor = rest.split(":")
        images = samples(data, float(divisor[0]) if divisor else 1.0)
        loaded = spkeras.load_model(path)
        model = getattr(loaded, "model", loaded)
        for label in args.only or MODELS:
            if label in found.setdefault(name, {}):
                continue
            found[name][label] = measure(model, images, label)
            args.results.write_text(json.dumps(found, indent=1) + "\n")
            last = found[name][label]
            print(name, label, last["cnn"], last["accuracy"][-1], last["spikes"][-1], flush=True)


def tables(found: dict[str, Any]) -> str:
    """One Markdown table per net: accuracy in % (spikes per neuron so far)."""
    columns = (1, 2, 3, 4, 8, 16, 32, 64)
    lines = []
    for name, rows in found.items():
        if name == "versions":
            continue
        cnn = next(iter(rows.values()))["cnn"]
        lines += [f"**{name}**, CNN {100 * cnn:.1f} %", ""]
        lines += ["| neuron | " + " | ".join(f"T = {t}" for t in columns) + " |"]
        lines += ["|---" * (len(columns) + 1) + "|"]
        for label, row in rows.items():
            cells = [
                f"{100 * row['accuracy'][t - 1]:.1f} ({row['spikes'][t - 1]:.2f})"
                if t <= len(row["accuracy"]) else ""
                for t in columns
            ]  # fmt: skip
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def figure(found: dict[str, Any], path: Path) -> None:
    """Accuracy against steps and against spikes per neuron, a row of plots per net."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    nets = [name for name, rows in found.items() if name != "versions" and len(rows) > 2]
    plot, axes = pyplot.subplots(len(nets), 2, figsize=(10, 3.6 * len(nets)), squeeze=False)
    for row, name in zip(axes, nets, strict=True):
        for label, result in found[name].items():
            accuracy = 100 * np.asarray(result["accuracy"])
            row[0].plot(np.arange(1, len(accuracy) + 1), accuracy, ".-", label=label)
            row[1].plot(result["spikes"], accuracy, ".-", label=label)
        for axis, title in zip(row, ("steps T", "spikes per neuron so far"), strict=True):
            cnn = 100 * next(iter(found[name].values()))["cnn"]
            axis.axhline(cnn, color="black", linestyle=":", label="CNN")
            axis.set_xscale("log", base=2)
            axis.set(title=name, xlabel=title, ylabel="accuracy (%)")
            axis.grid(alpha=0.3)
        row[1].legend(fontsize=7, loc="lower right")
    plot.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    plot.savefig(path)


if __name__ == "__main__":
    options = arguments()
    run(options)
    results = json.loads(options.results.read_text())
    if options.tables:
        print(tables(results))
    if options.figure:
        figure(results, options.figure)
