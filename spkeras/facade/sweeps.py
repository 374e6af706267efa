"""Convert one CNN into many networks and measure each: accuracy, latency, operations, energy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras import __version__
from spkeras.data import Batch, DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.data.open import as_samples
from spkeras.errors import DataError, OptionError
from spkeras.facade.conversion import Converter
from spkeras.facade.evaluation import evaluate
from spkeras.facade.sweep_checkpoint import Checkpoint
from spkeras.frontend.walk import walk
from spkeras.graph.graph import structure
from spkeras.metrics import Evaluation
from spkeras.metrics.costs import CostTable
from spkeras.metrics.energy import Energy, table_for
from spkeras.metrics.sweep import Baseline, Refusal, SweepPoint, measure_of
from spkeras.ops.arrays import Samples
from spkeras.ops.progress import Progress, quiet
from spkeras.ops.sampling import chosen
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import Recipe, Simulation, get
from spkeras.report.objects import Sweep

# T of recipes whose spikes are bits, and of those whose spikes carry values.
TIMESTEPS = (2, 4, 8, 16, 32, 64)
VALUE_TIMESTEPS = (2, 4, 8)
# What is compared where nothing is named.
RECIPES: tuple[Mapping[str, Any], ...] = (
    {"recipe": "ecc"},
    {"recipe": "ecc", "neuron": "signed"},
    {"recipe": "sigma_delta"},
)
# Share and largest number of the samples that calibrate where no others are given.
_SHARE, _MOST = 0.25, 1000

Evaluator = Callable[..., Evaluation]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network of a sweep.

    Attributes:
        config: Name and options of its recipe.
        recipe: The recipe.
        timesteps: T; None where the recipe fixes it.
    """

    config: Mapping[str, Any]
    recipe: Recipe
    timesteps: int | None

    @property
    def network(self) -> str:
        """The recipe in words."""
        return words(self.config)

    @property
    def key(self) -> dict[str, Any]:
        """What sets it apart from the other networks."""
        return {**self.recipe.get_config(), "timesteps": self.timesteps}


def sweep(
    model: keras.Model,
    data: DataLike,
    recipes: Sequence[str | Recipe | Mapping[str, Any]] | None = None,
    *,
    timesteps: Sequence[int] | None = None,
    simulation: Simulation | None = None,
    calibration: DataLike = None,
    costs: str | CostTable = "horowitz-45nm",
    numbers: str = "float32",
    batch_size: int = 100,
    insist: bool = False,
    checkpoint: str | Path | None = None,
    evaluator: Evaluator = evaluate,
    progress: Progress | None = None,
) -> Sweep:
    """Convert a CNN by several recipes for several T, each for its own T, and measure all.

    Args:
        model: As for `convert`.
        data: Samples that are scored, with their labels as a pair (x, y), or without; any form of
            docs/data.md. All are held in memory.
        recipes: Names, recipe objects, or dictionaries of name and options. None: binary spikes,
            signed spikes and graded spikes without training.
        timesteps: T of each recipe. None: 2, 4, ... 64, for spikes that carry values 2, 4 and 8.
        simulation: Schedule, stagger, input encoding and seed of all networks.
        calibration: Samples that set thresholds and weights. None: a quarter of the samples, 1,000
            at most, drawn at random; they are not scored.
        costs: Cost table: its name, a .toml or .json file, or the table itself.
        numbers: Numbers that the estimate of energy assumes, "float32" or "int8".
        batch_size: Samples at once.
        insist: Accept samples and labels that look wrong.
        checkpoint: File that keeps finished points; a sweep that was stopped goes on from it.
        evaluator: Counterpart of `spkeras.evaluate`, such as one that runs on a cluster.
        progress: Called with (sample steps done, sample steps in all).

    Returns:
        All points, the CNN beside them, and the networks that could not be built with the reason.

    Raises:
        UnsupportedLayerError, DataError, OptionError, WeightsError: as `convert` and `evaluate`;
            OptionError also where no network can be built, and for a checkpoint of other data.
    """
    table, base = table_for(numbers, costs), simulation or Simulation()
    if base.timesteps is not None:
        raise OptionError(
            f"Simulation(timesteps={base.timesteps}) in a sweep; allowed: timesteps=[...]"
        )
    cases = list(cases_of(recipes or RECIPES, timesteps, base))
    graph = attach_readouts(walk(model).convertible())
    batch = open_data(Layout.of(graph, labels=True), data, part="test").held().batch
    fit, scored = parted(batch, None if calibration is None else as_samples(graph, calibration))
    run = _Run(
        converter=Converter(model, as_given(fit), batch_size=batch_size),
        evaluator=evaluator,
        samples=scored,
        simulation=base,
        energy=lambda result: result.energy(table, numbers),
        insist=insist,
        batch_size=batch_size,
    )
    saved = None
    if checkpoint is not None:
        settings = {"simulation": base.get_config(), "costs": asdict(table), "numbers": numbers}
        settings |= {"graph": structure(graph), "version": __version__}
        arrays = [*model.get_weights(), *fit, *scored.x, *(scored.y or []), scored.weights]
        saved = Checkpoint(Path(checkpoint), [a for a in arrays if a is not None], settings)
    measured = run.all(cases, saved, progress or quiet)
    if not measured.points:
        reasons = "; ".join(f"{case.network}: {case.reason}" for case in measured.refused)
        raise OptionError(f"sweep: no network could be built; {reasons}")
    return Sweep(
        model=model.name,
        samples=len(scored),
        calibration=len(fit[0]),
        measure=str(measured.measure),
        costs=table.name,
        node=table.node,
        numbers=numbers,
        cnn=measured.cnn,
        points=tuple(measured.points),
        refused=tuple(measured.refused),
    )


def cases_of(
    recipes: Sequence[str | Recipe | Mapping[str, Any]],
    timesteps: Sequence[int] | None,
    simulation: Simulation,
) -> Iterator[Case]:
    """Yield the networks of a sweep.

    Raises:
        OptionError: no recipe or T, an unknown recipe or option, a T that is none.
    """
    if not recipes or (timesteps is not None and not list(timesteps)):
        raise OptionError("sweep: received no recipe or no T; give at least one of each")
    for known in recipes:
        recipe = get(known, "conversion", schedule=simulation.schedule)
        steps = _steps(recipe) if timesteps is None else tuple(timesteps)
        for count in dict.fromkeys(steps):
            if count is not None:
                simulation.changed(timesteps=count)
            yield Case(config=essential(recipe), recipe=recipe, timesteps=count)


def _steps(recipe: Recipe) -> tuple[int | None, ...]:
    """Return T where none is given."""
    if recipe.needs_training or recipe.name == "ttfs":
        return (None,)
    carries = getattr(recipe, "spike_code", None) in ("delta", "differential")
    return VALUE_TIMESTEPS if carries or recipe.name == "sigma_delta" else TIMESTEPS


def essential(recipe: Recipe) -> dict[str, Any]:
    """Return the name of a recipe and the options that make it what it is, without defaults."""
    own, plain = recipe.get_config(), type(recipe)().get_config()
    given = {n: v for n, v in own.items() if n != "recipe" and v != plain.get(n, MISSING)}
    for name in list(given):
        # An option that follows from the others says nothing.
        others = {n: v for n, v in given.items() if n != name}
        if type(recipe)(**others).get_config() == own:
            given = others
    return {"recipe": recipe.name, **given}


def words(config: Mapping[str, Any]) -> str:
    """Return name and options of a recipe in words."""
    shown = (v if isinstance(v, str) else f"{n}={v}" for n, v in config.items())
    return " ".join(shown)


def parted(batch: Batch, calibration: list[np.ndarray] | None) -> tuple[list[np.ndarray], Batch]:
    """Return samples that calibrate, and those that are scored."""
    if calibration is not None:
        return calibration, batch
    count = len(batch)
    if count < 2:
        raise DataError(
            "sweep: one sample cannot calibrate and be scored; give more, or calibration="
        )
    held = np.zeros(count, bool)
    held[chosen(count, min(max(int(_SHARE * count), 1), _MOST))] = True
    return batch.part(held).x, batch.part(~held)


def as_given(arrays: list[np.ndarray]) -> Samples:
    return arrays if len(arrays) > 1 else arrays[0]


@dataclass(kw_only=True)
class _Measured:
    """What a sweep has found so far."""

    points: list[SweepPoint]
    refused: list[Refusal]
    cnn: Any = None
    measure: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Run:
    """The parts of a sweep that all networks share."""

    converter: Converter
    evaluator: Evaluator
    samples: Batch
    simulation: Simulation
    energy: Callable[[Evaluation], Energy]
    insist: bool
    batch_size: int

    def all(self, cases: Sequence[Case], saved: Checkpoint | None, progress: Progress) -> _Measured:
        """Measure all networks; those in the checkpoint are taken from there."""
        found, work = _Measured(points=[], refused=[]), [case.timesteps or 64 for case in cases]
        total, done = sum(work), 0
        for case, share in zip(cases, work, strict=True):

            def advance(part: int, of: int, done: int = done, share: int = share) -> None:
                progress(int(1000 * (done + share * part / max(of, 1))), 1000 * total)

            known = None if saved is None else saved.find(case.key)
            if known is None:
                known = self._measure(case, advance)
                if saved is not None:
                    saved.add(case.key, known)
            _add(found, case, known)
            done += share
            progress(1000 * done, 1000 * total)
        return found

    def _measure(self, case: Case, progress: Progress) -> dict[str, Any]:
        """Return the record of a point, with the CNN's; or the reason why there is none."""
        simulation = self.simulation.changed(timesteps=case.timesteps)
        try:
            snn = self.converter.network(case.recipe, simulation)
        except OptionError as error:
            return {"refused": str(error)}
        x, y, weights = as_given(self.samples.x), self.samples.targets, self.samples.weights
        result = self.evaluator(
            snn,
            x if weights is None else (x, y, weights),
            y if weights is None else None,
            batch_size=self.batch_size,
            insist=self.insist,
            progress=progress,
        )
        energy = self.energy(result)
        point = SweepPoint.of(case.network, case.config, result, energy)
        return {
            "point": asdict(point),
            "cnn": asdict(Baseline.of(result, energy)),
            "measure": measure_of(result.scores[0]),
        }


def _add(found: _Measured, case: Case, record: Mapping[str, Any]) -> None:
    if "refused" in record:
        refusal = Refusal(
            network=case.network, timesteps=case.timesteps, reason=str(record["refused"])
        )
        found.refused.append(refusal)
        return
    found.points.append(SweepPoint(**record["point"]))
    found.cnn, found.measure = Baseline(**record["cnn"]), record["measure"]
