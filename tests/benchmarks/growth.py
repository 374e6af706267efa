"""How time and memory of the event engine grow; plots with the exponent of a fitted power law.

    python -m tests.benchmarks.growth -o docs/figures/growth.svg [--axis depth ...]

Residual nets with random weights on random images: one variable changes, the others stay. Time is
the processor time of a run by one thread (for the cores: wall-clock time), memory what the engine
holds: its program, and the buffers of a thread.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from tests.benchmarks.machine import processor, versions

AXES = {
    "timesteps": (8, 16, 32, 64, 128),
    "images": (2, 4, 8, 16),
    "width": (8, 16, 32, 64),
    "depth": (2, 4, 8, 16),
    "size": (32, 64, 128, 256, 512),
    "rate": (0.25, 0.5, 1, 2, 4),
    "cores": (1, 2),
}


@dataclass(frozen=True)
class Case:
    """The variables of one run; `rate`: by how much thresholds are divided."""

    timesteps: int = 16
    images: int = 4
    width: int = 16
    depth: int = 4
    size: int = 32
    rate: float = 1
    cores: int = 1


def network(case: Case) -> Any:
    """Return a residual net with random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((case.size, case.size, 3))
    conv = {"padding": "same", "kernel_initializer": "he_normal"}
    x = layers.Conv2D(case.width, 3, activation="relu", **conv)(x)
    for _ in range(case.depth // 2):
        y = layers.Conv2D(case.width, 3, activation="relu", **conv)(x)
        y = layers.Conv2D(case.width, 3, **conv)(y)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x)


def measure(case: Case, wall: bool) -> dict[str, float]:
    """Return seconds, MiB and the firing rate of a run; `wall`: not of the processor."""
    import spkeras
    from spkeras.events import engine
    from spkeras.simulation import Simulator
    from spkeras.snn.model import build, loop_of
    from tests import runs

    drawn = np.random.default_rng(0).uniform(0, 1, (case.images, case.size, case.size, 3))
    x = drawn.astype("float32")
    graph = loop_of(spkeras.convert(network(case), x[:2], timesteps=case.timesteps)).graph
    nodes = [
        (
            node.with_arrays(threshold=node.arrays["threshold"] / np.float32(case.rate))
            if node.op == "neuron"
            else node
        )
        for node in graph.nodes
    ]
    loop = loop_of(build(graph.with_nodes(nodes), timesteps=case.timesteps, stagger=0))
    simulation, found = Simulator(loop, "events"), engine.available
    clock: Callable[[], float] = time.perf_counter if wall else time.process_time
    engine.available = lambda: case.cores
    try:
        run = lambda: runs.run(simulation, [x], case.images, lambda *_: None)  # noqa: E731
        trace = run()
        spent = []
        for _ in range(3):
            start = clock()
            run()
            spent.append(clock() - start)
    finally:
        engine.available = found
    program = simulation._events.program
    held = [program.weights, program.tables, program.state, *engine._scratch(program)[0]]
    sent = sum(float(counted.sum()) for counted in trace.spikes.values())
    neurons = program.neuron_count * case.images * case.timesteps
    memory = sum(array.nbytes for array in held) / 2**20
    return {"seconds": min(spent), "mib": memory, "rate": sent / neurons}


def exponent(values: list[float], found: list[float]) -> float:
    """Return p of the power law found = c values^p that fits best."""
    return float(np.polyfit(np.log(values), np.log(found), 1)[0])


def plot(records: dict[str, list[dict[str, float]]], output: Path) -> None:
    """Draw time and memory against each variable."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, len(records), figsize=(3 * len(records), 6), squeeze=False)
    for column, (axis, rows) in enumerate(records.items()):
        values = [row["value"] for row in rows]
        for panel, key in zip(panels[:, column], ("seconds", "mib"), strict=True):
            measured = [row[key] for row in rows]
            panel.loglog(values, measured, "o-")
            panel.set_title(f"{axis}: exponent {exponent(values, measured):.2f}", fontsize=9)
            panel.set_ylabel({"seconds": "seconds", "mib": "MiB"}[key])
            panel.set_xlabel(axis)
    figure.tight_layout()
    figure.savefig(output)


@click.command(help=__doc__)
@click.option("--axis", "axes", type=click.Choice(list(AXES)), multiple=True, default=list(AXES))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(axes: tuple[str, ...], output: Path) -> None:
    records: dict[str, list[dict[str, float]]] = {}
    for axis in axes:
        records[axis] = []
        for value in AXES[axis]:
            row = measure(replace(Case(), **{axis: value}), axis == "cores")
            records[axis].append({**row, "value": row["rate"] if axis == "rate" else value})
            click.echo(f"{axis} {value}: {json.dumps(row)}")
        values, spent = ([row[key] for row in records[axis]] for key in ("value", "seconds"))
        click.echo(f"| {axis} | time: exponent {exponent(values, spent):.2f} |")
    plot(records, output)
    click.echo(f"{processor()}, {versions()}")


if __name__ == "__main__":
    main()
