"""How long layers should wait: the loss at several staggers, for docs/measurements/accuracy.md.

    python tests/benchmarks/stagger.py models/cifar10_vgg16.keras --data cifar10.npz --times 32,64

Calibrates on the first 1,000 training samples and compares on others with the CNN: root mean
square difference of the logits, relative to the spread of the CNN's. No test sample, no label.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

# Of the stagger that is chosen by itself.
MULTIPLES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
CALIBRATION, APART = 1000, 10_000


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--samples", default=600, show_default=True)
@click.option("--times", default="16,32,64,128", show_default=True)
def main(model: Path, data: str, scale: float, samples: int, times: str) -> None:
    import spkeras
    from spkeras.data import fit_inputs, read_data
    from spkeras.errors import OptionError
    from spkeras.snn.model import loop_of

    cnn = spkeras.load_model(model)
    train = read_data(data, part="train", samples=None, scale=scale)
    seen, others = (
        fit_inputs(part(train, rows), cnn).inputs
        for rows in (slice(CALIBRATION), slice(APART, APART + samples))
    )
    for timesteps in map(int, times.split(",")):
        chosen = loop_of(spkeras.convert(cnn, seen, timesteps=timesteps)).offset
        for stagger in sorted({int(16 * chosen * multiple) / 16 for multiple in MULTIPLES}):
            simulation = spkeras.Simulation(timesteps=timesteps, stagger=stagger)
            try:
                snn = spkeras.convert(cnn, seen, simulation=simulation)
            except OptionError:
                click.echo(f"T = {timesteps}, stagger {stagger}: the read-out would start after T")
                continue
            score = spkeras.evaluate(snn, others, any_range=True).scores[0]
            mark = " (chosen)" if stagger == chosen else ""
            click.echo(
                f"T = {timesteps}, stagger {stagger}{mark}: "
                f"{score.deviation[-1] / (score.cnn_spread or 1.0):.4f}"
            )


def part(data: Any, rows: slice) -> Any:
    y = None if data.y is None else data.y[rows]
    return replace(data, x=tuple(x[rows] for x in data.x), y=y)


if __name__ == "__main__":
    main()
