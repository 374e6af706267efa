"""The ranges of the potentials of a network of whole numbers."""

from typing import Any

import keras
import numpy as np

from spkeras.data import DataLike, Source, open_data
from spkeras.data.layout import Layout
from spkeras.data.source import inputs
from spkeras.errors import OptionError
from spkeras.integers.ranges import bits_of, bounds
from spkeras.recipes.arguments import check_arguments
from spkeras.report.ranges import PotentialRange, PotentialRanges
from spkeras.simulation.engine import choose
from spkeras.simulation.whole import WholeNumbers
from spkeras.snn.model import loop_of
from spkeras.snn.settings import configured
from spkeras.snn.spike_loop import SpikeLoop


def integer_ranges(
    snn: keras.Model, x: DataLike | None = None, *, batch_size: int = 100, **settings: Any
) -> PotentialRanges:
    """Return which bits the potentials of a network of whole numbers need.

    Args:
        snn: From `convert` with `threshold_bits` or `membrane_bits`, or loaded from a file.
        x: Samples of a run that shows which potentials occur; None: only bounds of any input.
        batch_size: Samples at once.
        settings: `timesteps`, `stagger`, ... for this run instead of the network's own.

    Raises:
        OptionError: the network has real numbers, or settings that whole numbers cannot run.
        DataError: the samples do not fit.
    """
    check_arguments(batch_size=batch_size)
    loop = loop_of(snn)
    source = None if x is None else open_data(Layout.of(loop.graph), x, part="test")
    with configured(loop, settings):
        if loop.schedule != "clock_driven":
            raise OptionError(f"schedule={loop.schedule!r}; allowed: 'clock_driven'")
        choose(loop, "integers")
        whole = WholeNumbers(loop)
        samples, seen = (0, {}) if source is None else _seen(loop, whole, source, batch_size)
        return PotentialRanges(
            name=snn.name,
            timesteps=loop.timesteps,
            samples=samples,
            membrane_bits=whole.program.form.membrane_bits,
            layers=tuple(
                PotentialRange(
                    name=layer.name,
                    threshold=layer.threshold,
                    current=layer.current,
                    bound=layer.potential,
                    bound_bits=bits_of(*layer.potential),
                    seen=seen.get(layer.name),
                    seen_bits=bits_of(*seen[layer.name]) if layer.name in seen else None,
                )
                for layer in bounds(whole.program, loop.timesteps)
            ),
        )


def _seen(
    loop: SpikeLoop, whole: WholeNumbers, source: Source, batch_size: int
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Return the number of samples, and the lowest and highest potential of each layer."""
    samples, seen = 0, {name: (0, 0) for name in whole.program.neurons}
    for batch in inputs(source, batch_size):
        scaled = [keras.ops.convert_to_numpy(value) for value in loop.units(_float(batch))]
        rows = whole.batch(scaled, len(scaled[0]))
        for _ in rows.taken(loop.timesteps, loop.timesteps):
            pass
        for name, (low, high) in rows.batch.ranges.items():
            seen[name] = (min(seen[name][0], low), max(seen[name][1], high))
        samples += len(scaled[0])
    return samples, seen


def _float(batch: list[np.ndarray]) -> list[np.ndarray]:
    return [np.asarray(array, np.float32) for array in batch]
