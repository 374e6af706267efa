"""Recipe "auto": try what the hardware allows on calibration data, and take what loses least."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from spkeras.data.batches import as_samples
from spkeras.errors import OptionError
from spkeras.facade.calibrated import Calibrated
from spkeras.facade.evaluation import evaluate
from spkeras.facade.plausible import check_calibration
from spkeras.frontend.walk import read_graph
from spkeras.ops.sampling import chosen
from spkeras.passes.readout import attach_readouts
from spkeras.passes.recipes import Options
from spkeras.snn.settings import check_settings
from spkeras.snn.spike_loop import loop_of

SPIKES = ("binary", "signed", "graded")
# Share of the samples, and the most of them, that candidates are tried on and no statistics of
# the choice are taken from.
_HELD_BACK, _MOST = 0.25, 200
# Candidates that lose as little as the best, to within this share, are told apart by spikes.
_ALIKE = 0.05


@dataclass(frozen=True)
class Candidate:
    """A network to try.

    Attributes:
        label: What it is, in words.
        options: Of the network.
        simulation: `schedule`, `stagger`, `coding`, `seed`.
    """

    label: str
    options: Options
    simulation: Mapping[str, Any]


def candidates(
    spikes: str, timesteps: int, given: Mapping[str, Any], simulation: Mapping[str, Any]
) -> list[Candidate]:
    """What may be tried for these spikes.

    Args:
        spikes: One of `SPIKES`.
        timesteps: T.
        given: Options that the user has set: all candidates have them.
        simulation: Settings of the simulation; a stagger of None may be chosen.

    Raises:
        OptionError: unknown spikes, or a setting that does not go with them.
    """
    if spikes not in SPIKES:
        raise OptionError(f"spikes={spikes!r}; allowed: {SPIKES}")
    found = []
    for label, own in _variants(spikes):
        staggers: Sequence[float | None] = [simulation["stagger"]]
        options = Options(**{**own, **given})
        check_settings(timesteps, simulation["schedule"], staggers[0], simulation["coding"],
                       str(options.code))  # fmt: skip
        if spikes == "binary" and staggers[0] is None:
            staggers = [None, 0]
        for stagger in staggers:
            text = label if stagger is None else f"{label}, stagger {stagger}"
            found.append(Candidate(text, options, {**simulation, "stagger": stagger}))
    return found


def _variants(spikes: str) -> list[tuple[str, dict[str, Any]]]:
    """Label and options of each network that such spikes allow."""
    fitted = {name: {"thresholds": name} for name in ("percentile", "mse")}
    if spikes == "graded":
        kinds = [
            (f"sigma_delta, {levels} levels", {"recipe": "sigma_delta", "levels": levels})
            for levels in (8, 16)
        ]
    else:
        kinds = [(f"{spikes}, rate", {"neuron": spikes})]
        if spikes == "signed":
            kinds.append(("signed, differential", {"neuron": spikes, "code": "differential"}))
    return [
        (f"{kind}, thresholds by {name}", {**own, **extra})
        for kind, own in kinds
        for name, extra in fitted.items()
    ]


def choose(
    model: keras.Model,
    data: Any,
    tried: Sequence[Candidate],
    timesteps: int,
    batch_size: int,
    progress: Callable[[int, int], None],
    insist: bool = False,
) -> keras.Model:
    """The candidate whose outputs are nearest to the CNN's after T steps.

    A quarter of the calibration samples, 200 at most, is drawn at random for the comparison;
    statistics come from the others. The network that is returned has the statistics of all. Labels and test
    data play no part.

    Returns:
        The network; its graph's notes say what was chosen and why.
    """
    graph = attach_readouts(read_graph(model))
    samples = as_samples(graph, data)
    if not insist:
        check_calibration(model, samples)
    count, seed = len(samples[0]), int(tried[0].simulation["seed"])
    held = np.zeros(count, bool)
    if count > 1:
        held[chosen(count, min(max(int(_HELD_BACK * count), 1), _MOST), seed)] = True
    fit = [array[~held] for array in samples]
    check = [array[held] for array in samples] if held.any() else samples
    total = count + len(fit[0]) + len(tried)
    calibrated = Calibrated(
        model, _as_given(fit), tried[0].options, batch_size, lambda done, _: progress(done, total),
        seed,
    )  # fmt: skip
    outcomes = []
    for index, candidate in enumerate(tried):
        snn = calibrated.network(candidate.options, timesteps, **candidate.simulation)
        outcomes.append(_outcome(snn, _as_given(check), batch_size))
        progress(len(fit[0]) + index + 1, total)
    best = _best(outcomes)
    start = len(fit[0]) + len(tried)
    whole = Calibrated(
        model, _as_given(samples), tried[best].options, batch_size,
        lambda done, _: progress(start + done, total), seed,
    )  # fmt: skip
    snn = whole.network(tried[best].options, timesteps, **tried[best].simulation)
    return _noted(snn, tried, outcomes, best, len(check[0]))


def _as_given(arrays: list[np.ndarray]) -> Any:
    return arrays if len(arrays) > 1 else arrays[0]


def _outcome(snn: keras.Model, samples: Any, batch_size: int) -> tuple[float, float]:
    """Relative rms difference to the CNN's outputs, and spikes per neuron."""
    result = evaluate(snn, samples, batch_size=batch_size, any_range=True)
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
    """The network with the choice in its notes."""
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
