"""What a step costs under each engine, and a run of graded spikes, in forward passes of the CNN.

    python -m tests.benchmarks.passes models/*.keras --data cifar10.npz

CNN and engines take turns, in one process. Images are those of the data where the model takes their
size, else random ones. The unit is `predict` of the CNN on several batches in one call. With
--memory each row is a process: its peak above that of a process that has loaded the model.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from tests.benchmarks.machine import peak, processor, versions

PASSES, GRADED = 4, 4
MEASURED = ("CNN", "events", "dense")


def images_of(
    model: Any, data: str | None, scale: float, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return calibration and test images for a model."""
    shape = tuple(model.inputs[0].shape[1:])
    if data:
        with np.load(data) as file:
            if file["x_test"].shape[1:] == shape:
                train, test = file["x_train"][:200], file["x_test"][:number]
                return (train / scale).astype("float32"), (test / scale).astype("float32")
    drawn = np.random.default_rng(0).uniform(0, 255 / scale, (number + 20, *shape))
    return drawn[:20].astype("float32"), drawn[20:].astype("float32")


def load(path: str) -> Any:
    """Return the Keras model of a file."""
    import spkeras

    loaded = spkeras.load_model(path)
    return getattr(loaded, "model", loaded)


def tasks_of(
    cnn: Any, images: tuple[np.ndarray, np.ndarray], times: tuple[int, ...], batch: int
) -> tuple[dict[str, tuple[Callable[[], Any], int]], dict[str, str]]:
    """Return tasks with their number of unit steps, and the engine that `auto` takes."""
    import spkeras
    from spkeras.simulation import Simulator
    from spkeras.snn.model import loop_of
    from tests import runs

    train, x = images
    many = np.concatenate([x] * PASSES)
    tasks: dict[str, tuple[Callable[[], Any], int]] = {
        "CNN": (lambda: cnn.predict(many, batch_size=batch, verbose=0), PASSES)
    }
    chosen = {}
    cases = [("rate", "ecc", t, t) for t in times] + [("graded", "sigma_delta", GRADED, 1)]
    for name, recipe, timesteps, steps in cases:
        loop = loop_of(spkeras.convert(cnn, train, recipe=recipe, timesteps=timesteps))
        chosen[f"{name}, T = {timesteps}"] = Simulator(loop).engine
        for engine in ("events", "dense"):
            try:
                simulation = Simulator(loop, engine)
            except spkeras.errors.OptionError as error:
                click.echo(f"{name}, {engine}: {error}", err=True)
                continue
            run = lambda s=simulation: runs.run(s, [x], batch, lambda *_: None)  # noqa: E731
            tasks[f"{name}, T = {timesteps}, {engine}"] = (run, steps)
    return tasks, chosen


def measure(tasks: dict[str, tuple[Callable[[], Any], int]], rounds: int) -> dict[str, list[float]]:
    """Return seconds of each task per unit step, in each round."""
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, (task, steps) in tasks.items():
            start = time.perf_counter()
            task()
            if number:  # the first round compiles
                found[name].append((time.perf_counter() - start) / steps)
    return found


def memory(path: str, options: list[str]) -> dict[str, float]:
    """Return the peak of a process for each of `MEASURED`, in MiB, above the loaded model."""
    found = {}
    for what in ("model", *MEASURED):
        command = [sys.executable, "-m", "tests.benchmarks.passes", path, *options]
        answer = subprocess.run([*command, "--only", what], capture_output=True, text=True)
        found[what] = json.loads(answer.stdout.splitlines()[-1])
    return {what: found[what] - found["model"] for what in MEASURED}


def peak_of(what: str, path: str, data: str | None, scale: float, images: int, batch: int) -> None:
    """Run once and print the peak of this process."""
    import spkeras
    from spkeras.simulation import Simulator
    from spkeras.snn.model import loop_of
    from tests import runs

    cnn = load(path)
    train, x = images_of(cnn, data, scale, images)
    if what == "CNN":
        cnn.predict(x, batch_size=batch, verbose=0)
    elif what != "model":
        loop = loop_of(spkeras.convert(cnn, train[:8], timesteps=8, batch_size=8))
        runs.run(Simulator(loop, what), [x], batch, lambda *_: None)
    click.echo(json.dumps(peak()))


@click.command(help=__doc__)
@click.argument("models", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--data", help="An .npz with x_train and x_test.")
@click.option("--scale", default=255.0, show_default=True, help="Divides the data.")
@click.option("--images", default=100, show_default=True)
@click.option("--batch", default=100, show_default=True)
@click.option("--timesteps", "times", default=(32, 64), show_default=True, multiple=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--memory", "with_memory", is_flag=True, help="Peaks of processes instead of times.")
@click.option("--only", type=click.Choice(("model", *MEASURED)), hidden=True)
def main(
    models: tuple[str, ...],
    data: str | None,
    scale: float,
    images: int,
    batch: int,
    times: tuple[int, ...],
    rounds: int,
    with_memory: bool,
    only: str | None,
) -> None:
    if only:
        peak_of(only, models[0], data, scale=scale, images=images, batch=batch)
        return
    own = ["--images", str(images), "--batch", str(batch), "--scale", str(scale)]
    for path in models:
        if with_memory:
            found = memory(path, [*own, *(["--data", data] if data else [])])
            listed = ", ".join(f"{what} {spent:.0f} MiB" for what, spent in found.items())
            click.echo(f"{Path(path).stem}, batch {batch}: {listed}")
            continue
        cnn = load(path)
        tasks, chosen = tasks_of(cnn, images_of(cnn, data, scale, images), times, batch)
        spent = measure(tasks, rounds)
        unit = np.array(spent.pop("CNN"))
        click.echo(f"\n{Path(path).stem}: CNN {1e3 * np.median(unit) / images:.3f} ms an image")
        for name, seconds in spent.items():
            ratio = np.array(seconds) / unit
            ending = "a run" if name.startswith("graded") else "a step"
            taken = chosen[name.rsplit(", ", 1)[0]] == name.rsplit(", ", 1)[1]
            click.echo(
                f"| {name}{' (auto)' if taken else ''} | {np.median(ratio):.2f} {ending} "
                f"| {ratio.min():.2f} to {ratio.max():.2f} |"
            )
    click.echo(f"\n{processor()}, {versions()}")


if __name__ == "__main__":
    main()
