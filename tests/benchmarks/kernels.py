"""Where a step of the event engine spends its time, kernel by kernel; and calibration's counting.

    python tests/benchmarks/kernels.py MODEL --data cifar10.npz [--scale 1]

Runs one image up to the step before T, then repeats each operation of that step on its events.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import click
import numpy as np

REPEATS = 200


def microseconds(task: Callable[[], Any]) -> float:
    """Time of one call, over many."""
    task()
    start = time.perf_counter()
    for _ in range(REPEATS):
        task()
    return 1e6 * (time.perf_counter() - start) / REPEATS


def operations(batch: Any, timesteps: int) -> dict[str, tuple[float, int]]:
    """Microseconds and events (or neurons) of a step, by kind of operation."""
    from spkeras.events import kernels, passing
    from spkeras.events.engine import _scratch
    from spkeras.events.table import Field, Kind

    program, state, own = batch.program, batch.state[0], batch.own[0]
    scratch = _scratch(program)
    outputs = np.zeros((timesteps, program.output_size), np.float32)
    counted = np.zeros(program.neuron_count, np.int64)
    sums = np.zeros((timesteps, len(program.neurons)), np.int64)
    kernels.run(
        program.operations,
        program.tables,
        program.weights,
        program.regions,
        own,
        state,
        0,
        timesteps - 1,
        scratch,
        outputs,
        counted,
        sums,
    )
    places, sizes, numbers = scratch
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for op in program.operations:
        begin, slot = program.regions[op[Field.SOURCE]], program.regions[op[Field.SLOT]]
        index, value = places[begin:], sizes[begin:]
        events = int(numbers[op[Field.SOURCE]])
        common = (program.tables, program.weights, index, value, events, state)
        if op[Field.KIND] == Kind.CONTRACT:
            spent = microseconds(lambda op=op, c=common: passing.contract(op, *c))
        elif op[Field.KIND] == Kind.FIRE:
            to, events = places[slot:].copy(), int(op[Field.SIZE])
            spent = microseconds(
                lambda op=op, to=to: kernels._fire(op, program.weights, own, state, to)
            )
        else:
            continue
        entry = found[Kind(op[Field.KIND]).name.lower()]
        entry[0], entry[1] = entry[0] + spent, entry[1] + events
    return {kind: (spent, int(items)) for kind, (spent, items) in found.items()}


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
    for kind, (spent, items) in operations(batch, timesteps).items():
        click.echo(
            f"{kind}: {spent:.1f} us a step, {items} items, {1e3 * spent / items:.2f} ns each"
        )
    values = np.maximum(np.random.default_rng(0).normal(size=(3200, 96)), 0).astype(np.float32)
    bits, counts = values.view(np.uint32), np.zeros((BINS, 96), np.int64)
    for name, way in (("compiled", histogram._counter()), ("NumPy", histogram._by_index)):
        spent = microseconds(lambda way=way: way(bits, counts, SHIFT))
        click.echo(f"counting, {name}: {1e3 * spent / bits.size:.2f} ns a value")


if __name__ == "__main__":
    main()
