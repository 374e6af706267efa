"""A CNN and calibration samples, from which networks of several recipes are built."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from spkeras.calibration.correction import correct
from spkeras.calibration.moments import moments
from spkeras.calibration.thresholds import train_thresholds
from spkeras.data import DataLike, Source, open_data
from spkeras.data.layout import Layout
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.facade.calibrated import Calibrated
from spkeras.facade.first_spikes import convert_windows
from spkeras.facade.plausible import check_calibration
from spkeras.frontend.verdict import all_problems
from spkeras.frontend.visits import Walk
from spkeras.graph import Graph
from spkeras.graph.integers import Integers
from spkeras.ops.progress import Progress, quiet
from spkeras.ops.published import PUBLISHED
from spkeras.passes.as_published import check_trained
from spkeras.passes.learned import trained_steps
from spkeras.passes.whole_checks import check_whole
from spkeras.passes.whole_numbers import whole_numbers
from spkeras.recipes import TTFS, Auto, Recipe, Simulation, Stepwise, Trained, names
from spkeras.snn.model import loop_of, rebuilt
from spkeras.snn.settings import check_start

# Most samples whose currents whole numbers keep.
_FITTED = 1000


class Converter:
    """A CNN and calibration samples, from which networks of several recipes are built.

    Recipes that read the same statistics share one pass over the samples.

    Args:
        walked: The CNN, as the frontend has walked it.
        data, batch_size: As for `convert`.
    """

    def __init__(self, walked: Walk, data: DataLike | Source, *, batch_size: int = 100) -> None:
        self.walked, self.batch_size = walked, batch_size
        self.data: DataLike | Source = data
        self._calibrated: dict[tuple[bool | str | int, ...], Calibrated] = {}

    def network(
        self, recipe: Recipe, simulation: Simulation, progress: Progress = quiet
    ) -> keras.Model:
        """Return the spiking network of a recipe.

        Args:
            recipe: For conversions, other than `Auto`, which is a choice of several.
            simulation: T None: the recipe's, or what the CNN was trained for.
            progress: Called with (samples done, samples in all).

        Raises:
            As `convert`.
        """
        simulation = recipe.simulation(simulation)
        if isinstance(recipe, TTFS):
            recipe.check(simulation)
            return convert_windows(
                self.walked,
                self.data,
                recipe,
                simulation.timesteps,
                batch_size=self.batch_size,
                progress=progress,
            )
        if not isinstance(recipe, Stepwise):
            raise OptionError(f"recipe={recipe!r}; allowed: {names('conversion')}")
        if self.walked.problems:
            raise UnsupportedLayerError(all_problems(self.walked, spike_code(recipe)))
        graph = self.walked.convertible()
        if recipe.published and recipe.needs_training:
            check_trained(graph, recipe.name, PUBLISHED[recipe.name].training)
        simulation = simulation.changed(
            input_encoding=simulation.input_encoding or "constant",
            timesteps=_timesteps(recipe, simulation, graph),
        )
        recipe.check(simulation)
        return self._stepwise(recipe, simulation, progress)

    def _stepwise(
        self, recipe: Stepwise, simulation: Simulation, progress: Progress
    ) -> keras.Model:
        """Return a network that runs step by step, with what its recipe trains or corrects."""
        trains = isinstance(recipe, Trained) and recipe.thresholds == "trained"
        method = getattr(recipe, "correction", None)
        form, rounding = recipe.integers, recipe.rounding
        if trains or method is not None or rounding == "fitted":
            self.data = open_data(Layout.of(self.walked.convertible()), self.data).again()
        calibrated = self._calibration(recipe, simulation, quiet if trains else progress)
        keeps = rounding == "fitted" and form is None
        snn = calibrated.network(recipe, simulation, self._some() if keeps else None)
        if trains:
            snn = train_thresholds(snn, self.data, progress=progress)
        if method is not None:
            snn = correct(snn, self.data, method, progress=progress)
        if form is None:
            return snn
        return whole_network(snn, form, self.data if rounding == "fitted" else None)

    def _some(self) -> Sequence[np.ndarray]:
        """Return the samples whose currents whole weights keep."""
        return open_data(Layout.of(self.walked.convertible()), self.data).some(_FITTED).x

    def _calibration(
        self, recipe: Stepwise, simulation: Simulation, progress: Progress
    ) -> Calibrated:
        """Return the statistics for a recipe, from an earlier pass where one has them."""
        first = recipe.chosen(recipe.default_timesteps)
        read_out = first.neuron if first.readout == "spikes" else first.readout
        key = (read_out, first.pooling_neurons, first.relays, first.learned, simulation.seed)
        if key not in self._calibrated:
            self._calibrated[key] = Calibrated(
                self.walked.convertible(),
                self.data,
                recipe,
                batch_size=self.batch_size,
                progress=progress,
                seed=simulation.seed,
                check=_checks(self.walked, recipe, simulation),
            )
        return self._calibrated[key]


def whole_network(
    snn: keras.Model, form: Integers, data: DataLike | Source | None = None
) -> keras.Model:
    """Return a network with all its numbers rounded to whole ones.

    Args:
        snn: Of a recipe that runs step by step.
        form: Widths.
        data: Samples whose currents the whole numbers keep; None rounds to the nearest.

    Raises:
        UnsupportedLayerError: what has no form in whole numbers, all at once.
    """
    loop = loop_of(snn)
    check_whole(loop.graph)
    inputs = None
    if data is not None:
        source = open_data(Layout.of(loop.graph), data)
        inputs = moments(loop, source.some(_FITTED).x, loop.simulation.seed)
    return rebuilt(loop, whole_numbers(loop.graph, form, inputs))


def spike_code(recipe: Recipe) -> str:
    """Return the code of a recipe's network; the one that computes most where the recipe chooses."""
    if isinstance(recipe, Auto) or not isinstance(recipe, Stepwise):
        return "delta"
    return recipe.conversion(1).spike_code


def _timesteps(recipe: Recipe, simulation: Simulation, graph: Graph) -> int:
    """Return T: as given, as the CNN was trained for, or the recipe's default."""
    trained = trained_steps(graph) if recipe.needs_training else None
    return int(simulation.timesteps or trained or recipe.default_timesteps)


def _checks(
    walked: Walk, recipe: Recipe, simulation: Simulation
) -> Callable[[Graph, list[np.ndarray]], None]:
    """Return the check before calibration: of the start of the read-out, and of the samples."""

    def check(graph: Graph, samples: list[np.ndarray]) -> None:
        check_start(graph, int(simulation.timesteps or 1), simulation.schedule, simulation.stagger)
        if not recipe.insist:
            check_calibration(walked, samples)

    return check
