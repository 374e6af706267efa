"""Recipe "auto": compare the networks that the hardware allows on calibration data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from spkeras.data import DataLike, Source
from spkeras.data.open import as_samples
from spkeras.facade.calibrated import Calibrated
from spkeras.facade.evaluation import evaluate
from spkeras.facade.plausible import check_calibration
from spkeras.frontend.visits import Walk
from spkeras.ops.arrays import Samples
from spkeras.ops.progress import Progress
from spkeras.ops.sampling import chosen
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import ECC, Auto, SigmaDelta, Simulation, Stepwise
from spkeras.snn.model import loop_of

# Share and largest number of the samples that are held back from calibration to compare
# candidates.
_HELD_BACK, _MOST = 0.25, 200
# Among candidates within this share of the least error the one with the fewest spikes is chosen.
_ALIKE = 0.05


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network to try.

    Attributes:
        label: Description in words.
        recipe: Recipe of the network.
        simulation: Its settings.
    """

    label: str
    recipe: Stepwise
    simulation: Simulation


def candidates(auto: Auto, simulation: Simulation) -> list[Candidate]:
    """Return the candidates for these spikes.

    Args:
        auto: Options of all candidates.
        simulation: Settings of all candidates; a stagger of None is chosen.

    Raises:
        OptionError: a setting that is not allowed with the spikes.
    """
    found = []
    for label, recipe in _variants(auto):
        recipe.check(simulation)
        staggers: Sequence[float | None] = [simulation.stagger]
        if auto.spikes == "binary" and simulation.stagger is None:
            staggers = [None, 0]
        for stagger in staggers:
            text = label if stagger is None else f"{label}, stagger {stagger}"
            changed = simulation.changed(stagger=stagger)
            found.append(Candidate(label=text, recipe=recipe, simulation=changed))
    return found


def _variants(auto: Auto) -> Iterator[tuple[str, Stepwise]]:
    """Label and recipe of each network that the spikes allow."""
    kinds: list[tuple[str, type[Stepwise], dict[str, Any]]]
    if auto.spikes == "graded":
        kinds = [(f"sigma_delta, {n} levels", SigmaDelta, {"levels": n}) for n in (8, 16)]
    else:
        kinds = [(f"{auto.spikes}, rate", ECC, {"neuron": auto.spikes})]
        if auto.spikes == "signed":
            own = {"neuron": "signed", "spike_code": "differential"}
            kinds.append(("signed, differential", ECC, own))
    for kind, recipe, options in kinds:
        for thresholds in ("percentile", "mse"):
            given = {"thresholds": thresholds, **options, **auto.candidate_options}
            yield f"{kind}, thresholds by {given['thresholds']}", recipe(**given)


def choose(
    walked: Walk,
    data: DataLike | Source,
    auto: Auto,
    simulation: Simulation,
    *,
    batch_size: int,
    progress: Progress,
) -> keras.Model:
    """Return the candidate whose outputs are nearest to the CNN's after T steps.

    A quarter of the calibration samples, 200 at most, is drawn at random for the comparison;
    statistics come from the others. The network that is returned has the statistics of all. No
    labels or test data are used.

    Args:
        walked: The CNN, as the frontend has walked it.
        data: Calibration samples.
        auto: The recipe with its options.
        simulation: T and the other settings.
        batch_size: Samples at once.
        progress: Called with (samples done, samples in all).

    Returns:
        The network; the notes of its graph list the candidates and the choice.
    """
    tried, graph = candidates(auto, simulation), walked.convertible()
    samples = as_samples(attach_readouts(graph), data)
    if not auto.insist:
        check_calibration(walked, samples)
    count, seed = len(samples[0]), simulation.seed
    held = np.zeros(count, bool)
    if count > 1:
        held[chosen(count, min(max(int(_HELD_BACK * count), 1), _MOST), seed)] = True
    fit = [array[~held] for array in samples]
    check = [array[held] for array in samples] if held.any() else samples
    total = count + len(fit[0]) + len(tried)
    calibrated = Calibrated(
        graph,
        _as_given(fit),
        tried[0].recipe,
        batch_size=batch_size,
        seed=seed,
        progress=lambda done, _: progress(done, total),
    )
    outcomes = []
    for index, candidate in enumerate(tried):
        snn = calibrated.network(candidate.recipe, candidate.simulation)
        outcomes.append(_outcome(snn, _as_given(check), batch_size))
        progress(len(fit[0]) + index + 1, total)
    best = tried[_best(outcomes)]
    start = len(fit[0]) + len(tried)
    whole = Calibrated(
        graph,
        _as_given(samples),
        best.recipe,
        batch_size=batch_size,
        seed=seed,
        progress=lambda done, _: progress(start + done, total),
    )
    snn = whole.network(best.recipe, best.simulation)
    return _noted(snn, tried, outcomes, best=_best(outcomes), samples=len(check[0]))


def _as_given(arrays: list[np.ndarray]) -> Samples:
    return arrays if len(arrays) > 1 else arrays[0]


def _outcome(snn: keras.Model, samples: Samples, batch_size: int) -> tuple[float, float]:
    """Return the relative rms difference to the CNN's outputs, and spikes per neuron."""
    result = evaluate(snn, samples, batch_size=batch_size, any_range=True, verbose=0)
    score = result.scores[0]
    return float(score.deviation[-1] / (score.cnn_spread or 1.0)), result.activity.spikes_per_neuron


def _best(outcomes: Sequence[tuple[float, float]]) -> int:
    least = min(error for error, _ in outcomes)
    alike = [i for i, (error, _) in enumerate(outcomes) if error <= least * (1 + _ALIKE)]
    return min(alike, key=lambda index: outcomes[index][1])


def _noted(
    snn: keras.Model,
    tried: Sequence[Candidate],
    outcomes: Sequence[tuple[float, float]],
    best: int,
    samples: int,
) -> keras.Model:
    """Return the network with the choice in its notes."""
    notes = [
        f"auto: {tried[best].label}; nearest to the CNN of {len(tried)} networks on {samples} "
        "calibration samples held back",
        *(
            f"auto tried {candidate.label}: rms difference {error:.2%} of the CNN's outputs, "
            f"{spikes:.2f} spikes per neuron"
            for candidate, (error, spikes) in zip(tried, outcomes, strict=True)
        ),
    ]
    loop_of(snn).add_notes(notes)
    return snn
