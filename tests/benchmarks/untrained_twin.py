"""A CNN as the twin of clamp and quantise, not trained: what levels and time steps cost.

    python -m tests.benchmarks.untrained_twin models/cifar10_vgg16.keras --data cifar10.npz -o twin.json

Prints the table of docs/measurements/training.md: accuracy on the first test images, operations over the
multiply-accumulates of the CNN in brackets. Ranges, scales and thresholds come from the first
training images.
"""

from pathlib import Path
from typing import Any

import click

from tests.benchmarks.results import Results, cost, first, measured, percent
from tests.networks import convert

# label: (shift of the twin, thresholds)
ROWS = {
    "v0 = 0": (0.0, "learned"),
    "v0 = 0, thresholds trained": (0.0, "trained"),
    "initial_potential": (0.5, "learned"),
}
STAGGERS: dict[str, dict[str, Any]] = {"at once": {"stagger": 0}, "staggered": {}}


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--samples", default=400, show_default=True, help="Test samples, the first ones.")
@click.option("--calibration", default=750, show_default=True, help="Training samples.")
@click.option("--timesteps", default=64, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    model: Path,
    data: str,
    scale: float,
    samples: int,
    calibration: int,
    timesteps: int,
    output: Path,
) -> None:
    import spkeras
    from spkeras.data import fit_inputs, read_data
    from spkeras.training import finished, prepare

    cnn, results = spkeras.load_model(model), Results(output)
    train, test = (
        fit_inputs(first(read_data(data, part=part, samples=None, scale=scale), count), cnn)
        for part, count in (("train", calibration), ("test", samples))
    )
    click.echo(f"| T = {timesteps} | twin | {' | '.join(STAGGERS)} |\n|---|---|---|---|")
    for label, (shift, thresholds) in ROWS.items():
        options = {"encoding": "real", "pooling_neurons": False, "shift": shift}
        twin = finished(prepare(cnn, train.inputs, "cq", timesteps=timesteps, **options))
        own = float((twin.predict(test.inputs, verbose=0).argmax(-1) == test.y).mean())
        cells = [percent(own, 2)]
        for words, settings in STAGGERS.items():
            key = f"{label}, {words}"
            if not results.holds(model.stem, key):
                snn = convert(twin, train.inputs, "cq", thresholds=thresholds, **settings)
                results.put(model.stem, key, measured(snn, test.inputs, test.y))
            record = results.nets[model.stem][key]
            cells.append(f"{percent(record['accuracy'], 2)} ({cost(record)})")
        click.echo(f"| {label} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
