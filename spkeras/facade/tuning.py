"""Find the cheapest network within bounds, and confirm it on samples that took no part."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from spkeras.data import Batch, DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.errors import DataError, OptionError
from spkeras.facade.bench import Bench, Case, Evaluator, essential
from spkeras.facade.evaluation import evaluate
from spkeras.files.locks import locked
from spkeras.frontend.walk import walk
from spkeras.metrics.costs import CostTable
from spkeras.metrics.sweep import Baseline, Refusal, SweepPoint
from spkeras.metrics.tuning import Bounds, likely_drop
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.ops.sampling import chosen
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import Recipe, Simulation, get
from spkeras.report.objects import Tuned

if TYPE_CHECKING:
    import optuna

KINDS = ("binary", "signed", "graded")
# Share of the data that confirms where no others are given, and the most samples of a search.
_CONFIRMS, _SEARCHED = 1 / 3, 1000
# T of each kind of spikes.
_STEPS = {
    "binary": (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128),
    "signed": (2, 3, 4, 6, 8, 12, 16, 24, 32),
    "graded": (1, 2, 3, 4, 6),
}


def tune(
    model: keras.Model,
    data: DataLike,
    *,
    confirmation: DataLike = None,
    max_drop: float = 0.5,
    max_energy: float | None = None,
    max_latency: float | None = None,
    spikes: Sequence[str] = KINDS,
    trials: int = 40,
    simulation: Simulation | None = None,
    costs: str | CostTable = "horowitz-45nm",
    numbers: str = "float32",
    batch_size: int = 100,
    insist: bool = False,
    checkpoint: str | Path | None = None,
    evaluator: Evaluator = evaluate,
    progress: Progress | None = None,
    verbose: str | int = "auto",
) -> Tuned:
    """Find the network of least energy whose accuracy stays within bounds.

    The search (Optuna's TPE sampler, with the seed of the simulation) chooses spikes, T,
    thresholds, percentile, correction, stagger, levels and mantissa. It scores networks on a part of
    the data that did not calibrate them, where a loss counts with its one-sided 95 % margin; the one
    it finds is scored on samples that took no part.

    Args:
        model: As for `convert`.
        data: Samples of the search, with their labels as a pair (x, y), or without.
        confirmation: Samples that confirm the result, of the same form. None: a third of the
            data, drawn at random, which then takes no part in the search.
        max_drop: Largest loss of accuracy in points; without labels, of equal decisions.
        max_energy: Largest energy in uJ a sample.
        max_latency: Largest latency in time steps.
        spikes: Kinds of spikes that the hardware allows: "binary", "signed", "graded".
        trials: Number of networks to try.
        simulation: Schedule, stagger, input encoding and seed.
        costs: Cost table, as for `sweep`.
        numbers: Format of the numbers, as for `sweep`.
        batch_size: As for `sweep`.
        insist: As for `sweep`.
        checkpoint: As for `sweep`.
        evaluator: As for `sweep`.
        progress: Called with (networks tried, networks in all).
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.

    Raises:
        OptionError: Optuna is not installed; an option out of its range; or no network is within
            the bounds: the message names the nearest one.
        DataError, UnsupportedLayerError, WeightsError: as `sweep`.
    """
    bounds = Bounds(max_drop=max_drop, max_energy=max_energy, max_latency=max_latency)
    base = simulation or Simulation()
    _check(spikes, trials)
    optuna = _optuna()
    searched, held = _halves(model, data, confirmation)
    with locked(checkpoint):
        bench = Bench.of(
            walk(model),
            _tuple(searched),
            calibration=None,
            simulation=base,
            costs=costs,
            numbers=numbers,
            checkpoint=checkpoint,
            batch_size=batch_size,
            insist=insist,
            evaluator=evaluator,
        )
        search = _Search(bench=bench, bounds=bounds, spikes=tuple(spikes), found={})
        default = search.point(
            Case(config={"recipe": "ecc"}, recipe=get("ecc", "conversion"), timesteps=64)
        )
        sampler = optuna.samplers.TPESampler(seed=base.seed, n_startup_trials=max(5, trials // 4))
        with reported(progress, verbose, "network") as report:
            search.run(optuna.create_study(sampler=sampler), trials, report)
    tried = bench.sweep(list(search.found.values()))
    case, point = search.best()
    snn = bench.network(case)
    bench.scored = held
    result = bench.run(snn)
    energy = result.energy(bench.costs, bench.numbers)
    return Tuned(
        network=snn,
        point=point,
        confirmed=SweepPoint.of(case.network, case.config, result, energy, stagger=case.stagger),
        cnn=Baseline.of(result, energy),
        default=default if isinstance(default, SweepPoint) else None,
        bounds=bounds,
        tried=tried,
    )


@dataclass(kw_only=True)
class _Search:
    """What is tried, and what was found."""

    bench: Bench
    bounds: Bounds
    spikes: tuple[str, ...]
    found: dict[str, SweepPoint | Refusal]
    cases: dict[str, Case] = field(default_factory=dict)

    def starts(self) -> list[dict[str, Any]]:
        """Return the networks to begin with: the defaults of each kind of spikes."""
        steps = {"binary": 32, "signed": 8, "graded": 2}
        return [
            {"spikes": kind, f"timesteps {kind}": steps[kind], **_DEFAULTS[kind]}
            for kind in self.spikes
        ]

    def run(self, study: "optuna.Study", trials: int, progress: Progress) -> None:
        """Try networks, and report each."""
        for start in self.starts():
            study.enqueue_trial(start)
        for number in range(trials):
            trial = study.ask()
            study.tell(trial, self.cost(self.case(trial)))
            progress(number + 1, trials)

    def case(self, trial: "optuna.Trial") -> Case:
        """Return the network of a trial."""
        kind = trial.suggest_categorical("spikes", self.spikes)
        timesteps = int(trial.suggest_categorical(f"timesteps {kind}", _STEPS[kind]))
        options, stagger = _options(kind, trial, self.bench.simulation)
        name = "sigma_delta" if kind == "graded" else "ecc"
        recipe: Recipe = get(name, "conversion", **options)
        return Case(config=essential(recipe), recipe=recipe, timesteps=timesteps, stagger=stagger)

    def point(self, case: Case) -> SweepPoint | Refusal:
        """Return the point of a case."""
        key = str(case.key)
        if key not in self.found:
            self.found[key], self.cases[key] = self.bench.point(case), case
        return self.found[key]

    def drop(self, point: SweepPoint) -> float:
        """Return the loss of a network in points, with its margin."""
        if self.bench.cnn is None:
            return math.inf
        return likely_drop(point, self.bench.cnn, len(self.bench.scored))

    def cost(self, case: Case) -> float:
        """Return the energy of a network in uJ; one beyond the bounds costs more than any other."""
        point = self.point(case)
        if isinstance(point, Refusal):
            return 1e12
        beyond = self.bounds.excess(point, self.drop(point))
        return point.energy if beyond == 0 else 1e6 * (1 + beyond)

    def best(self) -> tuple[Case, SweepPoint]:
        """Return the cheapest network within the bounds.

        Raises:
            OptionError: there is none.
        """
        found = ((self.cases[key], point) for key, point in self.found.items())
        points = [(case, point) for case, point in found if isinstance(point, SweepPoint)]
        if not points:
            raise OptionError(f"tune: no network could be built; {next(iter(self.found.values()))}")
        ranked = [(self.bounds.excess(p, self.drop(p)), p.energy, c, p) for c, p in points]
        beyond, _, case, point = min(ranked, key=lambda entry: entry[:2])
        if beyond > 0:
            raise OptionError(
                f"tune: none of {len(points)} networks keeps {self.bounds.words}; the nearest "
                f"is {case.network}, T = {case.timesteps}: up to {self.drop(point):.2f} points lost, "
                f"{point.energy:.4g} uJ, {point.latency:g} steps; allow more, or give more trials"
            )
        return case, point


_DEFAULTS: dict[str, dict[str, Any]] = {
    "binary": {"thresholds": "mse", "correction": "none", "stagger": "auto"},
    "signed": {"percentile signed": 99.97},
    "graded": {"levels": 16, "mantissa": 1},
}


def _options(
    kind: str, trial: "optuna.Trial", simulation: Simulation
) -> tuple[dict[str, Any], float | None]:
    """Return options of the recipe, and the stagger."""
    if kind == "graded":
        levels = trial.suggest_categorical("levels", (6, 8, 10, 16))
        return {"levels": levels, "mantissa_bits": trial.suggest_int("mantissa", 0, 2)}, None
    if kind == "signed":
        share = trial.suggest_categorical("percentile signed", (99.5, 99.9, 99.97, 100.0))
        return {"neuron": "signed", "percentile": share}, None
    options: dict[str, Any] = {}
    thresholds = trial.suggest_categorical("thresholds", ("mse", "percentile", "iteration"))
    options["thresholds"] = thresholds
    if thresholds == "percentile":
        options["percentile"] = trial.suggest_categorical("percentile", (99.0, 99.9, 100.0))
    correction = trial.suggest_categorical("correction", ("none", "light"))
    if correction != "none" and simulation.schedule == "clock_driven":
        options["correction"] = correction
    stagger = None
    if simulation.stagger is None and trial.suggest_categorical("stagger", ("auto", "0")) == "0":
        stagger = 0.0
    return options, stagger


def _halves(model: keras.Model, data: DataLike, confirmation: DataLike) -> tuple[Batch, Batch]:
    """Return samples of the search, and samples that confirm."""
    graph = attach_readouts(walk(model).convertible())
    layout = Layout.of(graph, labels=True)
    batch = open_data(layout, data, part="train").held().batch
    if confirmation is not None:
        return _some(batch), open_data(layout, confirmation, part="test").held().batch
    count = len(batch)
    if count < 6:
        raise DataError(
            f"tune: {count} samples cannot calibrate, be searched and confirm; give hundreds"
        )
    held = np.zeros(count, bool)
    held[chosen(count, int(_CONFIRMS * count), 1)] = True
    return _some(batch.part(~held)), batch.part(held)


def _some(batch: Batch) -> Batch:
    """Return the samples of a search: a quarter of them calibrates."""
    return batch.part(chosen(len(batch), int(_SEARCHED / 0.75)))


def _tuple(batch: Batch) -> Any:
    x: Any = batch.x[0] if len(batch.x) == 1 else list(batch.x)
    return x if batch.y is None else (x, batch.targets)


def _check(spikes: Sequence[str], trials: int) -> None:
    unknown = [kind for kind in spikes if kind not in KINDS]
    if unknown or not spikes or isinstance(spikes, str):
        raise OptionError(f"spikes={spikes!r}; allowed: some of {KINDS}")
    if not isinstance(trials, int) or isinstance(trials, bool) or trials < 1:
        raise OptionError(f"trials={trials!r}; allowed: whole numbers from 1")


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise OptionError('tune: needs Optuna; run `pip install "spkeras[tune]"`') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
