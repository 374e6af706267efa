"""Where a step of the event engine spends its time, site by site; and calibration's counting.

    python tests/benchmarks/kernels.py MODEL --data cifar10.npz [--scale 1]

Runs one image up to the last block of steps, then repeats each site of this block on its events.
"""

import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

REPEATS = 7


def least(task: Callable[[], Any]) -> float:
    """Return the processor time of the fastest of some calls, in microseconds."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        task()
        found.append(time.process_time() - start)
    return 1e6 * min(found)


def sites(batch: Any, timesteps: int) -> dict[str, tuple[float, int]]:
    """Microseconds a step of each site in the last block of steps, and the number of its sums."""
    from spkeras.events import kernels
    from spkeras.events.table import Field, Kind

    program, (buffers, received) = batch.program, batch._scratch[0]
    constants = (program.tables, program.weights, program.regions)
    outputs = np.zeros((timesteps, program.output_size), np.float32)
    counted = np.zeros(program.neuron_count, np.int32)
    layers = np.zeros((timesteps, len(program.neurons)), np.int64)
    state = program.state.copy()

    def run(operations: np.ndarray, first: int, last: int) -> None:
        kernels.run(
            operations,
            constants,
            batch.own[0],
            state,
            (first, last),
            buffers,
            received,
            (outputs, counted, layers, batch._none),
        )

    begin = max(0, timesteps - program.block)
    for first in range(0, begin, program.block):
        run(program.operations, first, min(begin, first + program.block))
    found, number = {}, 0
    while number < len(program.operations):
        op = program.operations[number]
        rows = program.operations[number : number + 1 + op[Field.INPUTS]]
        kinds = ", ".join(Kind(row[Field.KIND]).name.lower() for row in rows)
        spent = least(lambda rows=rows: run(rows, begin, timesteps)) / (timesteps - begin)
        found[f"{number}: {kinds}"] = spent, int(op[Field.SIZE])
        number += len(rows)
    return found


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True))
@click.option("--data", required=True, help="An .npz with x_train and x_test.")
@click.option("--scale", default=1 / 255, show_default=True, help="Times the data.")
@click.option("--timesteps", default=32, show_default=True)
def main(model: str, data: str, scale: float, timesteps: int) -> None:
    import spkeras
    from spkeras.graph.stats import BINS, SHIFT
    from spkeras.ops import histogram
    from spkeras.simulation.engine import Events
    from spkeras.snn.model import loop_of

    with np.load(data) as file:
        x, train = ((file[name][:200] * scale).astype("float32") for name in ("x_test", "x_train"))
    loaded = spkeras.load_model(model)
    loop = loop_of(spkeras.convert(getattr(loaded, "model", loaded), train, timesteps=timesteps))
    batch = Events(loop).batch(loop.drive(loop.units(x[:1]), np.float32(0)), 1)
    found = sites(batch, timesteps)
    for name, (spent, items) in found.items():
        click.echo(f"{name}: {spent:.1f} us a step, {items} sums")
    click.echo(f"all: {sum(spent for spent, _ in found.values()):.1f} us a step")
    values = np.maximum(np.random.default_rng(0).normal(size=(3200, 96)), 0).astype(np.float32)
    bits, counts = values.view(np.uint32), np.zeros((BINS, 96), np.int64)
    for name, way in (("compiled", histogram._counter()), ("NumPy", histogram._by_index)):
        spent = least(lambda way=way: way(bits, counts, SHIFT))
        click.echo(f"counting, {name}: {1e3 * spent / bits.size:.2f} ns a value")


if __name__ == "__main__":
    main()
