"""Networks of one CNN, converted and measured on the same samples, by the same rules."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from spkeras import __version__
from spkeras.data import Batch, DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.data.open import as_samples
from spkeras.errors import DataError, OptionError
from spkeras.facade.converter import Converter
from spkeras.facade.evaluation import evaluate
from spkeras.facade.sweep_checkpoint import Checkpoint
from spkeras.frontend.visits import Walk
from spkeras.graph.structure import structure
from spkeras.metrics import Evaluation
from spkeras.metrics.costs import CostTable
from spkeras.metrics.energy import table_for
from spkeras.metrics.sweep import Baseline, Refusal, SweepPoint, measure_of
from spkeras.ops.arrays import Samples
from spkeras.ops.progress import Progress, quiet
from spkeras.ops.sampling import chosen
from spkeras.passes.readout import attach_readouts
from spkeras.recipes import Recipe, Simulation
from spkeras.report.objects import Sweep

# Share and largest number of the samples that calibrate where no others are given.
_SHARE, _MOST = 0.25, 1000

Evaluator = Callable[..., Evaluation]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One network of a sweep.

    Attributes:
        config: Name and options of its recipe.
        recipe: The recipe.
        timesteps: T; None where the recipe fixes it.
        stagger: Start delay; None for that of the bench.
    """

    config: Mapping[str, Any]
    recipe: Recipe
    timesteps: int | None
    stagger: float | None = None

    @property
    def network(self) -> str:
        """The recipe in words."""
        own = {} if self.stagger is None else {"stagger": self.stagger}
        return words({**self.config, **own})

    def settings(self, simulation: Simulation) -> Simulation:
        """Return the settings of a simulation, with T and the start delay of this network."""
        own = {} if self.stagger is None else {"stagger": self.stagger}
        return simulation.changed(timesteps=self.timesteps, **own)

    @property
    def key(self) -> dict[str, Any]:
        """What sets it apart from the other networks."""
        own = {} if self.stagger is None else {"stagger": self.stagger}
        return {**self.recipe.get_config(), "timesteps": self.timesteps, **own}


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
class Bench:
    """Samples and rules by which networks of a CNN are measured.

    Attributes:
        converter: Of the CNN, with the samples that calibrate.
        fit: Those samples.
        scored: Samples that are scored.
        simulation: Schedule, stagger, input encoding and seed of all networks.
        costs: Cost table.
        numbers: Numbers that the estimate of energy assumes.
        evaluator: `spkeras.evaluate`, or its counterpart on a cluster.
        batch_size: Samples at once.
        insist: Accept samples and labels that look wrong.
        saved: Points that were measured before; None for none.
        cnn: The CNN on the same samples, once a network has been measured.
        measure: What quality means, from then on.
    """

    converter: Converter
    fit: list[np.ndarray]
    scored: Batch
    simulation: Simulation
    costs: CostTable
    numbers: str
    evaluator: Evaluator = evaluate
    batch_size: int = 100
    insist: bool = False
    saved: Checkpoint | None = None
    cnn: Baseline | None = field(default=None, init=False)
    measure: str = field(default="", init=False)

    @classmethod
    def of(
        cls,
        walked: Walk,
        data: DataLike,
        *,
        calibration: DataLike,
        simulation: Simulation | None,
        costs: str | CostTable,
        numbers: str,
        checkpoint: str | Path | None = None,
        batch_size: int = 100,
        **rules: Any,
    ) -> "Bench":
        """Return the bench of a CNN that the frontend has walked; the other arguments are `sweep`'s.

        Raises:
            DataError, OptionError, UnsupportedLayerError: see `sweep`.
        """
        table, base = table_for(numbers, costs), simulation or Simulation()
        if base.timesteps is not None:
            raise OptionError(
                f"Simulation(timesteps={base.timesteps}) in a sweep; allowed: timesteps=[...]"
            )
        graph = attach_readouts(walked.convertible())
        batch = open_data(Layout.of(graph, labels=True), data, part="test").held().batch
        fit, scored = parted(batch, None if calibration is None else as_samples(graph, calibration))
        saved = None
        if checkpoint is not None:
            settings = {"simulation": base.get_config(), "costs": asdict(table), "numbers": numbers}
            settings |= {"graph": structure(graph), "version": __version__}
            weights = [array for node in graph.nodes for array in node.arrays.values()]
            arrays = [*weights, *fit, *scored.x, *(scored.y or []), scored.weights]
            saved = Checkpoint(Path(checkpoint), [a for a in arrays if a is not None], settings)
        return cls(
            converter=Converter(walked, as_given(fit), batch_size=batch_size),
            fit=fit,
            scored=scored,
            simulation=base,
            costs=table,
            numbers=numbers,
            batch_size=batch_size,
            saved=saved,
            **rules,
        )

    def network(self, case: Case, progress: Progress = quiet) -> keras.Model:
        """Return the spiking network of a case.

        Raises:
            OptionError: options that the recipe cannot run with.
        """
        return self.converter.network(case.recipe, case.settings(self.simulation), progress)

    def point(self, case: Case, progress: Progress = quiet) -> SweepPoint | Refusal:
        """Return the point of a case, or why there is none.

        Args:
            case: The network.
            progress: Called with (sample steps done, sample steps in all).
        """
        record = None if self.saved is None else self.saved.find(case.key)
        if record is None:
            record = self._measured(case, progress)
            if self.saved is not None:
                self.saved.add(case.key, record)
        if "refused" in record:
            return Refusal(
                network=case.network, timesteps=case.timesteps, reason=str(record["refused"])
            )
        self.cnn, self.measure = Baseline(**record["cnn"]), str(record["measure"])
        return SweepPoint(**record["point"])

    def _measured(self, case: Case, progress: Progress) -> dict[str, Any]:
        try:
            snn = self.network(case)
        except OptionError as error:
            return {"refused": str(error)}
        result = self.run(snn, progress)
        energy = result.energy(self.costs, self.numbers)
        return {
            "point": asdict(
                SweepPoint.of(case.network, case.config, result, energy, stagger=case.stagger)
            ),
            "cnn": asdict(Baseline.of(result, energy)),
            "measure": measure_of(result.scores[0]),
        }

    def run(self, snn: keras.Model, progress: Progress = quiet) -> Evaluation:
        """Return the evaluation of a network on the samples that are scored."""
        x, y, weights = as_given(self.scored.x), self.scored.targets, self.scored.weights
        return self.evaluator(
            snn,
            x if weights is None else (x, y, weights),
            y if weights is None else None,
            batch_size=self.batch_size,
            insist=self.insist,
            progress=progress,
        )

    def sweep(self, found: list[SweepPoint | Refusal]) -> Sweep:
        """Return all points as one record.

        Raises:
            OptionError: there is no point.
        """
        points = tuple(one for one in found if isinstance(one, SweepPoint))
        refused = tuple(one for one in found if isinstance(one, Refusal))
        if not points or self.cnn is None:
            reasons = "; ".join(f"{case.network}: {case.reason}" for case in refused)
            raise OptionError(f"sweep: no network could be built; {reasons}")
        return Sweep(
            model=self.converter.walked.graph.name,
            samples=len(self.scored),
            calibration=len(self.fit[0]),
            measure=self.measure,
            costs=self.costs.name,
            node=self.costs.node,
            numbers=self.numbers,
            cnn=self.cnn,
            points=points,
            refused=refused,
        )
