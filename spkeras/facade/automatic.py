"""Recipe "auto": a small sweep on calibration samples, and the network that it recommends."""

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from spkeras.data import DataLike, Source
from spkeras.data.open import as_samples
from spkeras.facade.bench import Bench, as_given
from spkeras.facade.converter import Converter
from spkeras.facade.plausible import check_calibration
from spkeras.facade.sweeps import cases_of, points
from spkeras.frontend.visits import Walk
from spkeras.metrics.sweep import SweepPoint
from spkeras.ops.progress import Progress
from spkeras.ops.sampling import chosen
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import Auto, Simulation
from spkeras.report.objects import Sweep
from spkeras.snn.model import loop_of

# Share and largest number of the samples that are held back from calibration to compare networks.
_HELD_BACK, _MOST = 0.25, 200
_COSTS, _NUMBERS = "horowitz-45nm", "float32"


def choose(
    walked: Walk,
    data: DataLike | Source,
    auto: Auto,
    simulation: Simulation,
    *,
    batch_size: int,
    progress: Progress,
) -> keras.Model:
    """Return the network that a sweep over the spikes and T allowed recommends.

    A quarter of the calibration samples, 200 at most, is drawn at random for the comparison;
    statistics come from the others. The network that is returned has the statistics of all. No
    labels or test data are used.

    Args:
        walked: The CNN, as the frontend has walked it.
        data: Calibration samples.
        auto: The recipe with its options.
        simulation: Settings of all networks; T None: each of those that `sweep` tries.
        batch_size: Samples at once.
        progress: Called with (work done, work in all).

    Returns:
        The network; the notes of its graph list what was compared and the choice.

    Raises:
        OptionError: no network can be built.
    """
    graph = attach_readouts(walked.convertible())
    samples = as_samples(graph, data)
    if not auto.insist:
        check_calibration(walked, samples)
    given = None if simulation.timesteps is None else [simulation.timesteps]
    # All samples are checked here, so no part of them is refused later.
    cases = list(cases_of([replace(auto, insist=True)], given, simulation))
    held = _held_back(len(samples[0]), simulation.seed)
    scored = [array[held] for array in samples]
    bench = Bench.of(
        walked,
        as_given(scored),
        calibration=as_given([array[~held] for array in samples] if len(held) > 1 else samples),
        simulation=simulation.changed(timesteps=None),
        costs=_COSTS,
        numbers=_NUMBERS,
        batch_size=batch_size,
        insist=True,
    )
    found = points(bench, cases, progress)
    table = bench.sweep(found)
    best = table.recommended()
    converter = Converter(walked, as_given(samples), batch_size=batch_size)
    case = cases[found.index(best)]
    snn = converter.network(case.recipe, case.settings(simulation))
    loop_of(snn).add_notes(_notes(table, best, len(scored[0])))
    return snn


def _held_back(count: int, seed: int) -> np.ndarray:
    """Return which samples compare the networks; the only one, where there is one."""
    held = np.zeros(count, bool)
    held[chosen(count, min(max(int(_HELD_BACK * count), 1), _MOST), seed)] = True
    return held


def _notes(table: Sweep, best: SweepPoint, samples: int) -> Sequence[str]:
    """Return the choice, and the networks that no other one dominates."""
    front = table.pareto().points
    return [
        f"auto: {best.network}, T = {best.timesteps}; the least energy of {len(table.points)} networks "
        f"that {_WITHIN[table.measure]}, on {samples} calibration samples held back",
        f"auto tried them by energy ({table.costs}, {table.numbers}); no other one dominates:",
        *(
            f"T = {point.timesteps}, {point.network}: {_quality(point)}, {point.energy:.4g} uJ, "
            f"{point.spikes_per_neuron:.2f} spikes per neuron"
            for point in front
        ),
    ]


_WITHIN = {
    "agreement": "keep 99.5 % of the CNN's decisions, or most of them where none does",
    "deviation": "come within 5 % of the least difference to the CNN's outputs",
}


def _quality(point: SweepPoint) -> str:
    if point.agreement is not None:
        return f"{point.agreement:.2%} of the decisions"
    return f"rms difference {point.deviation:.4g}"
