"""Everything that a report shows, measured: the network, its cost, its loss, single samples."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import keras
import numpy as np

from spkeras import __version__
from spkeras.data import DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.facade.bench import as_given, parted
from spkeras.facade.conversion import convert
from spkeras.facade.evaluation import evaluate
from spkeras.facade.summaries import layers_of
from spkeras.facade.sweeps import sweep
from spkeras.facade.verification import verify
from spkeras.frontend.walk import walk
from spkeras.metrics import Verification
from spkeras.metrics.costs import CostTable
from spkeras.metrics.sweep import SweepPoint
from spkeras.ops.progress import Progress, quiet
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import Recipe, Simulation
from spkeras.report.objects import Evaluation, Sweep
from spkeras.report.study import Study, Train, Watched, image_of
from spkeras.simulation.raster import Raster, rasters
from spkeras.snn.converted import converted_of
from spkeras.snn.settings import configured
from spkeras.snn.spike_loop import SpikeLoop

# Samples that the page shows: those that changed class, and those whose spikes are drawn.
_CHANGED, _WATCHED = 24, 3
# Layers whose spikes are drawn, evenly from the first to the last.
_LAYERS = 6
# Samples on which layers are compared with the CNN's.
_VERIFIED = 200


def study(
    model: keras.Model,
    data: DataLike,
    recipes: Sequence[str | Recipe | Mapping[str, Any]] | None = None,
    *,
    calibration: DataLike = None,
    costs: str | CostTable = "horowitz-45nm",
    numbers: str = "float32",
    provenance: Mapping[str, str] | None = None,
    batch_size: int = 100,
    insist: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Study:
    """Compare networks of a CNN, and measure the recommended one from all sides.

    Args:
        model, data, recipes, calibration, costs, numbers, batch_size, insist: As for `sweep`.
        provenance: What else the page says about where its figures come from.
        progress: Called with (part of the work done, all of it).
        options: `timesteps`, `simulation`, `checkpoint` and `evaluator` of `sweep`.

    Returns:
        All figures and pictures of a report.

    Raises:
        As `sweep`.
    """
    report = progress or quiet
    graph = attach_readouts(walk(model).convertible())
    batch = open_data(Layout.of(graph, labels=True), data, part="test").held().batch
    given = None
    if calibration is not None:
        given = open_data(Layout.of(graph), calibration).held().batch.x
    fit, scored = parted(batch, given)
    pair = (as_given(scored.x), scored.targets)
    compared = sweep(
        model,
        pair,
        recipes,
        calibration=as_given(fit),
        costs=costs,
        numbers=numbers,
        batch_size=batch_size,
        insist=insist,
        progress=lambda done, total: report(3 * done, 4 * total),
        **options,
    )
    best = compared.recommended()
    simulation = _simulation_of(best, options.get("simulation") or Simulation())
    rules: dict[str, Any] = {"batch_size": batch_size, "insist": insist}
    snn = convert(model, as_given(fit), best.recipe, simulation=simulation, **rules)
    result = evaluate(
        snn,
        *pair,
        predictions=True,
        progress=lambda done, total: report(3 * total + done, 4 * total),
        **rules,
    )
    some = as_given([array[:_VERIFIED] for array in scored.x])
    return study_of(
        snn,
        result,
        scored.x,
        title=model.name,
        costs=costs,
        numbers=numbers,
        provenance=provenance or {},
        compared=compared,
        verification=verify(model, snn, some, any_range=True),
    )


def _simulation_of(best: SweepPoint, base: Simulation) -> Simulation:
    """Return the settings under which a row of the comparison was measured."""
    own = {} if best.stagger is None else {"stagger": best.stagger}
    return base.changed(timesteps=best.timesteps, **own)


def study_of(
    snn: keras.Model,
    result: Evaluation,
    samples: Sequence[np.ndarray],
    *,
    title: str,
    costs: str | CostTable,
    numbers: str,
    provenance: Mapping[str, str],
    compared: Sweep | None = None,
    verification: Verification | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Study:
    """Return the study of a network that has been evaluated.

    Args:
        snn: The network.
        result: Its evaluation, with the answers to single samples.
        samples: One array per input, those of the evaluation.
        title, provenance: As the page shows them.
        costs, numbers: As for `Evaluation.energy`.
        compared: Other networks of the same CNN, or None.
        verification: Of the network, or None.
        settings: Of the evaluation, instead of the network's own.
    """
    loop = converted_of(snn)
    with configured(loop, settings or {}):
        watched = _with_spikes(loop, result, samples)
    changed: tuple[Watched, ...] = ()
    if result.answers and result.answers[0].decisions is not None:
        places = [entry.sample for entry in result.changed()[:_CHANGED]]
        changed = tuple(_watched(result, samples, place) for place in places)
    return Study(
        title=title,
        evaluation=result,
        energy=result.energy(costs, numbers),
        provenance={**provenance, "versions": versions()},
        layers=layers_of(loop),
        sweep=compared,
        verification=verification,
        changed=changed,
        watched=watched,
    )


def versions() -> str:
    """Return the versions that made the figures."""
    backend = keras.backend.backend()
    return (
        f"spkeras {__version__}, Keras {version('keras')} on {backend}, Python "
        f"{platform.python_version()}"
    )


def _with_spikes(
    loop: Any, result: Evaluation, samples: Sequence[np.ndarray]
) -> tuple[Watched, ...]:
    """Return a few samples with their spikes: first one that changed class, if there is one."""
    if not isinstance(loop, SpikeLoop) or loop.schedule != "clock_driven" or not result.answers:
        return ()
    first = (
        [entry.sample for entry in result.changed()[:1]]
        if result.answers[0].decisions is not None
        else []
    )
    places = list(dict.fromkeys([*first, *range(min(_WATCHED, result.samples))]))[:_WATCHED]
    found = rasters(loop, [array[places] for array in samples])
    return tuple(
        _watched(result, samples, place, _trains(found, index))
        for index, place in enumerate(places)
    )


def _trains(found: Sequence[Raster], sample: int) -> tuple[Train, ...]:
    places = np.unique(np.linspace(0, len(found) - 1, _LAYERS).round().astype(int))
    some = [found[place] for place in places] if found else []
    return tuple(Train(one.name, one.neurons, one.spikes[sample]) for one in some)


def _watched(
    result: Evaluation, samples: Sequence[np.ndarray], place: int, trains: tuple[Train, ...] = ()
) -> Watched:
    answers = result.answers[0]
    decided = answers.decisions is not None and answers.cnn_decisions is not None
    labelled = decided and answers.targets is not None
    return Watched(
        sample=place,
        label=int(answers.targets[place]) if labelled and answers.targets is not None else None,
        cnn=int(answers.cnn_decisions[place]) if answers.cnn_decisions is not None else None,
        snn=int(answers.decisions[place]) if answers.decisions is not None else None,
        image=image_of(samples[0][place]) if len(samples) == 1 else None,
        trains=trains,
    )
