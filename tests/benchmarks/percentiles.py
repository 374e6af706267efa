"""How thresholds should be chosen for many steps: percentile rule, mean square error, or fixed.

    python tests/benchmarks/percentiles.py RESULTS.json --net NAME=MODEL:DATA[:DIVISOR] ...
    python tests/benchmarks/percentiles.py RESULTS.json

Calibrates on some training images and compares with the CNN on others: root mean square
difference of the logits at T, relative to the CNN's, and share of equal decisions. No test image,
no label. DATA is an .npz with x_train, or "digits". Results are added to the file as they come,
so that a run can be taken up again; the tables of all that the file holds are printed.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

# The options of spkeras.convert that say how thresholds are chosen.
CHOICES: dict[str, dict[str, Any]] = {
    "rule": {"thresholds": "percentile"},
    "mse": {"thresholds": "mse"},
    "99.9 %": {"thresholds": "percentile", "percentile": 99.9},
    "99.97 %": {"thresholds": "percentile", "percentile": 99.97},
    "99.99 %": {"thresholds": "percentile", "percentile": 99.99},
}
TIMES = (64, 128, 256)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--net", action="append", default=[], metavar="NAME=MODEL:DATA[:DIVISOR]")
    parser.add_argument("--samples", type=int, default=300, help="Of either part.")
    parser.add_argument("--times", default=",".join(map(str, TIMES)))
    return parser.parse_args()


def images(source: str, divisor: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Calibration images and others, drawn at random from the training part."""
    if source == "digits":
        from spkeras.data import read_data

        x = read_data("digits", part="train").x[0]
    else:
        with np.load(source) as file:
            x = file["x_train"]
    rows = np.random.default_rng(0).permutation(len(x))[: 2 * count]
    chosen = x[rows].astype("float32") / divisor
    return chosen[:count], chosen[count:]


def measure(found: dict[str, Any], net: str, args: argparse.Namespace) -> None:
    """Run all choices for one net that the file does not hold yet."""
    import spkeras
    from spkeras.facade.calibrated import Calibrated
    from spkeras.frontend.walk import read_graph
    from spkeras.recipes import ECC, Simulation

    name, _, rest = net.partition("=")
    path, data, *divisor = rest.split(":")
    loaded = spkeras.load_model(path)
    cnn = getattr(loaded, "model", loaded)
    seen, others = images(data, float(divisor[0]) if divisor else 1.0, args.samples)
    shape = (-1, *cnn.input_shape[1:])
    seen, others = seen.reshape(shape), others.reshape(shape)
    calibrated = Calibrated(
        read_graph(cnn), seen, ECC(), batch_size=50, progress=lambda done, total: None
    )
    for timesteps in map(int, args.times.split(",")):
        row = found.setdefault(name, {}).setdefault(str(timesteps), {})
        for label in (label for label in CHOICES if label not in row):
            snn = calibrated.network(ECC(**CHOICES[label]), Simulation(timesteps=timesteps))
            score = spkeras.evaluate(snn, others, batch_size=50, any_range=True).scores[0]
            error = float(score.deviation[-1] / (score.cnn_spread or 1.0))
            row[label] = [round(error, 5), round(float(score.agreement[-1]), 4)]
            args.results.write_text(json.dumps(found, indent=1) + "\n")
            print(name, timesteps, label, *row[label], flush=True)


def table(found: dict[str, Any]) -> str:
    """Markdown: relative error and equal decisions in %, the least error of each row marked."""
    lines = ["| net | T | " + " | ".join(CHOICES) + " |", "|---" * (2 + len(CHOICES)) + "|"]
    for name, times in found.items():
        for timesteps, row in times.items():
            least = min(error for error, _ in row.values())
            cells = []
            for label in CHOICES:
                error, same = row.get(label, (np.nan, np.nan))
                text = f"{100 * error:.2f} ({100 * same:.1f})"
                cells.append(f"**{text}**" if error == least else text)
            lines.append(f"| {name} | {timesteps} | " + " | ".join(cells) + " |")
    ratios = [
        f"{label} {np.exp(np.mean(logs)):.3f}"
        for label in CHOICES
        if (
            logs := [
                np.log(row[label][0] / row["rule"][0])
                for times in found.values()
                for row in times.values()
                if {label, "rule"} <= set(row)
            ]
        )
    ]
    return "\n".join([*lines, "", "Error over the rule's, geometric mean: " + ", ".join(ratios)])


if __name__ == "__main__":
    given = arguments()
    results = json.loads(given.results.read_text()) if given.results.exists() else {}
    for one in given.net:
        measure(results, one, given)
    print(table(results))
