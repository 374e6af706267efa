"""How far two orders of addition differ on trained weights: docs/measurements/orders_of_addition.md.

    python -m tests.benchmarks.engines MODEL --data SET [--scale 255] [--samples 20] [--timesteps 64]

Runs each of the first test samples by itself, once with the dense engine and once with events, and
compares the spike count of every neuron, the outputs and the decisions. Both engines compute in
float32. A potential within rounding of its threshold fires in one and not in the other, and the
layers after it then receive another spike train.
"""

from pathlib import Path
from typing import Any

import click

from tests.benchmarks.results import Net


def spikes_and_outputs(loop: Any, engine: str, samples: list[Any]) -> tuple[Any, Any]:
    """Spike counts (samples, neurons) and outputs at T (samples, values)."""
    import numpy as np

    from spkeras.simulation import Simulator

    simulation = Simulator(loop, engine)
    counts, outputs = [], []
    for sample in samples:
        last: list[Any] = []

        def keep(
            index: int, found: list[Any], sent: Any, last: list[Any] = last
        ) -> None:  # the default binds this sample's list
            last[:] = found

        record = simulation.batch([array[None] for array in sample], keep)
        counts.append(np.concatenate([spikes.ravel() for spikes in record.spikes.values()]))
        outputs.append(last[0].ravel())
    return np.asarray(counts), np.asarray(outputs)


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True)
@click.option("--scale", type=float, default=255.0, show_default=True)
@click.option("--samples", default=20, show_default=True, help="Test samples, the first ones.")
@click.option("--timesteps", default=64, show_default=True)
def main(model: Path, data: str, scale: float, samples: int, timesteps: int) -> None:
    import numpy as np

    import spkeras
    from spkeras.snn.model import loop_of

    cnn, train, test = Net(model.stem, model, data, scale).load(1000, samples)
    loop = loop_of(spkeras.convert(cnn, train.inputs, timesteps=timesteps))
    rows = list(zip(*test.x, strict=True))
    (dense, values), (events, other) = (
        spikes_and_outputs(loop, engine, rows) for engine in ("dense", "events")
    )
    differ = dense != events
    spread = np.abs(values).max(axis=1, keepdims=True)
    click.echo(
        f"| `{model.stem}` | {differ.mean():.2%} | {differ[dense > 0].mean():.2%} "
        f"| {np.abs(dense - events).max():.0f} | {(np.abs(values - other) / spread).max():.2%} "
        f"| {(values.argmax(1) != other.argmax(1)).sum()} of {len(values)} |"
    )


if __name__ == "__main__":
    main()
