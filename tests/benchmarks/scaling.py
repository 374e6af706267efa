"""How the time of a simulation grows with T, batch size and width of the network; plots.

    python -m tests.benchmarks.scaling --data cifar10.npz -o docs/figures/scaling.svg

Networks of VGG16's pattern with random weights (speed asks for no training), simulated as in
`race.py`. Times are milliseconds an image and step; under "width" in forward passes.
"""

import json
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import click

from tests.benchmarks.machine import processor, versions
from tests.benchmarks.race import UNIT, prepare, race

SYSTEMS = ("spkeras, events", "spkeras, predict, TensorFlow", "SpikingJelly")
BASE = {"timesteps": 32, "batch": 100, "images": 100, "width": 16}
AXES = {"timesteps": (8, 32, 128, 512), "batch": (10, 25, 100), "width": (8, 16, 32)}


def network(width: int, folder: Path) -> str:
    """A net of VGG16's pattern with random weights, as a file."""
    import keras

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models"))
    import train

    keras.utils.set_random_seed(0)
    model = train.cifar10_vgg16((width, 2 * width, 4 * width, 8 * width, 8 * width))
    path = folder / f"vgg{width}.keras"
    model.save(path)
    return str(path)


def measure(data: str, setting: dict[str, int], rounds: int) -> list[dict[str, Any]]:
    """One point of the plots: all systems under one setting."""
    timesteps, images = setting["timesteps"], setting["images"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = network(setting["width"], folder)
        wanted = prepare(
            path,
            data,
            folder,
            (timesteps,),
            scale=255.0,
            images=images,
            batch=setting["batch"],
            threads=2,
        )
        long = timesteps > 128
        systems = [UNIT, *(system for system in SYSTEMS if not long or "spkeras" in system)]
        rows = race(systems, folder, wanted, rounds)[timesteps]
    return [{**row, "ms_per_image_and_step": 1e3 * row["seconds_a_step"] / images} for row in rows]


def plot(points: dict[str, list[tuple[int, list[dict[str, Any]]]]], output: Path) -> None:
    """One panel per axis, one line per system."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for panel, (axis, course) in zip(figure.subplots(1, 3), points.items(), strict=True):
        measured = "forward_passes_per_step" if axis == "width" else "ms_per_image_and_step"
        for system in SYSTEMS:
            pairs = [
                (value, row[measured])
                for value, rows in course
                for row in rows
                if row["system"] == system
            ]
            panel.plot(*zip(*pairs, strict=True), marker="o", label=system)
        panel.set_xscale("log", base=2)
        panel.set_ylim(bottom=0)
        panel.set_xlabel({"timesteps": "T", "batch": "batch size", "width": "channels"}[axis])
        panel.set_ylabel("forward passes a step" if axis == "width" else "ms an image and step")
        panel.grid(alpha=0.3)
    panel.legend(fontsize="small")
    figure.savefig(output)


@click.command(help=__doc__)
@click.option("--data", required=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
def main(data: str, rounds: int, output: Path) -> None:
    measured = cache(lambda setting: measure(data, dict(setting), rounds))
    points = {
        axis: [(value, measured(tuple({**BASE, axis: value}.items()))) for value in values]
        for axis, values in AXES.items()
    }
    plot(points, output)
    record = {"processor": processor(), "versions": versions(), "base": BASE, "points": points}
    click.echo(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
