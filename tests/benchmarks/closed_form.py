"""What a layer-synchronous run costs, in forward passes of the CNN, whatever T is.

    python tests/benchmarks/closed_form.py models/cifar10_vgg16.keras [--repeats 7]

Random images of the model's own size; CNN and network take turns.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click


def seconds(task: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--images", default=800, show_default=True)
@click.option("--repeats", default=7, show_default=True)
def main(model: Path, images: int, repeats: int) -> None:
    import numpy as np

    import spkeras

    loaded = spkeras.load_model(model)
    cnn = getattr(loaded, "model", loaded)
    x = np.random.default_rng(0).random((images, *cnn.input_shape[1:]), dtype="float32")
    snn = spkeras.convert(
        cnn, x[:200], timesteps=32, simulation=spkeras.Simulation(schedule="layer_synchronous")
    )
    for timesteps in (32, 1024):
        spkeras.configure(snn, timesteps=timesteps)
        tasks = [lambda net=net: net.predict(x, batch_size=100, verbose=0) for net in (cnn, snn)]
        rounds = [[seconds(task) for task in tasks] for _ in range(repeats + 1)][1:]
        ratios = [run / forward for forward, run in rounds]
        click.echo(
            f"{model.stem}, T = {timesteps}: {median(ratios):.2f} forward passes "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
