"""Turn a trained CNN into a spiking Keras model."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from spkeras.calibration.correction import correct
from spkeras.calibration.thresholds import train_thresholds
from spkeras.data import DataLike, Source, open_data
from spkeras.data.layout import Layout
from spkeras.errors import OptionError, UnsupportedLayerError
from spkeras.facade import automatic
from spkeras.facade.calibrated import Calibrated
from spkeras.facade.first_spikes import convert_windows
from spkeras.facade.plausible import check_calibration
from spkeras.frontend.verdict import all_problems
from spkeras.frontend.visits import Walk
from spkeras.frontend.walk import walk
from spkeras.graph import Graph
from spkeras.ops import log
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress, quiet
from spkeras.ops.published import PUBLISHED
from spkeras.passes.as_published import check_trained
from spkeras.passes.learned import trained_steps
from spkeras.recipes import TTFS, Auto, Recipe, Simulation, Stepwise, Trained, get, names
from spkeras.recipes.arguments import check_arguments
from spkeras.snn.converted import converted_of
from spkeras.snn.settings import check_start


def convert(
    model: keras.Model,
    data: DataLike,
    recipe: str | Recipe | Mapping[str, Any] = "ecc",
    *,
    timesteps: int | None = None,
    simulation: Simulation | None = None,
    batch_size: int = 100,
    progress: Progress | None = None,
    verbose: str | int = "auto",
    **options: Any,
) -> keras.Model:
    """Turn a trained CNN into a spiking network, an ordinary Keras model.

    Args:
        model: Any functional or Sequential Keras model without a layer that `spkeras.inspect`
            lists as refused.
        data: Calibration samples, as the model takes them: an array (samples, ...), a list of
            arrays for several inputs, or any other form of docs/data.md; labels are left out.
            500 to 1,000 training samples suffice; all are used. A stream that can be read only
            once is kept in memory where the recipe reads it more than once.
        recipe: A recipe of `spkeras.recipes` (`ECC(percentile=99.9)`), its short name ("ecc",
            "sigma_delta", "cq", "cq+", "low_latency", "qcfs", "ttfs", "auto"), or what its `get_config`
            returned.
        timesteps: T, counted from the first input; the same as in `simulation`. None: 64, 4
            where spikes carry values, or what the CNN was trained for. `spkeras.configure`
            changes it later, with the scales that were chosen for this T.
        simulation: How the network runs: schedule, stagger, input encoding, seed.
        batch_size: Samples at once during calibration.
        progress: Called with (samples done, samples in all).
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none. With `progress` no bar is shown.
        options: Options of the recipe, if it is given by name (`neuron="signed"`);
            `published=True` for the settings of its publication (docs/papers.md); `insist=True`
            to accept calibration samples of an implausible range. Settings of the simulation may be
            given by name, too (`stagger=0`), as for `evaluate` and `configure`.

    Returns:
        A `keras.Model`: `predict`, `evaluate`, `summary`, `save` and
        `keras.models.load_model` work as on any other. It returns the logits where the CNN
        ends in softmax.

    Raises:
        UnsupportedLayerError: layers that cannot be converted, all of them at once.
        DataError: samples of another shape, none, or NaN; all the same, or of an absurd range.
        OptionError: an option that the recipe does not have, or out of its range; a read-out
            that would start after T.
        WeightsError: weights that are NaN or infinite.
    """
    check_arguments(batch_size=batch_size, progress=progress, simulation=simulation)
    settings = {name: options.pop(name) for name in Simulation.options() if name in options}
    simulation = _with_settings(simulation or Simulation(), timesteps=timesteps, **settings)
    chosen = get(recipe, "conversion", schedule=simulation.schedule, **options)
    converter = Converter(model, data, batch_size=batch_size)
    with reported(progress, verbose, "sample") as report:
        snn = converter.network(chosen, simulation, report)
    for text in converted_of(snn).graph.notes:
        log.note(text)
    return snn


class Converter:
    """A CNN and calibration samples, from which networks of several recipes are built.

    Recipes that read the same statistics share one pass over the samples.

    Args:
        model, data, batch_size: As for `convert`.
    """

    def __init__(
        self, model: keras.Model, data: DataLike | Source, *, batch_size: int = 100
    ) -> None:
        self.model, self.walked, self.batch_size = model, walk(model), batch_size
        self.data: DataLike | Source = data
        self._calibrated: dict[tuple[bool | str | int, ...], Calibrated] = {}

    def network(
        self, recipe: Recipe, simulation: Simulation, progress: Progress = quiet
    ) -> keras.Model:
        """Return the spiking network of a recipe.

        Args:
            recipe: For conversions.
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
        if isinstance(recipe, Auto):
            return automatic.choose(
                self.walked,
                self.data,
                recipe,
                simulation,
                batch_size=self.batch_size,
                progress=progress,
            )
        return self._stepwise(recipe, simulation, progress)

    def _stepwise(
        self, recipe: Stepwise, simulation: Simulation, progress: Progress
    ) -> keras.Model:
        """Return a network that runs step by step, with what its recipe trains or corrects."""
        trains = isinstance(recipe, Trained) and recipe.thresholds == "trained"
        method = getattr(recipe, "correction", None)
        if trains or method is not None:
            self.data = open_data(Layout.of(self.walked.convertible()), self.data).again()
        calibrated = self._calibration(recipe, simulation, quiet if trains else progress)
        snn = calibrated.network(recipe, simulation)
        if trains:
            snn = train_thresholds(snn, self.data, progress=progress)
        return snn if method is None else correct(snn, self.data, method, progress=progress)

    def _calibration(
        self, recipe: Stepwise, simulation: Simulation, progress: Progress
    ) -> Calibrated:
        """Return the statistics for a recipe, from an earlier pass where one has them."""
        first = recipe.conversion(recipe.default_timesteps)
        read_out = first.neuron if first.readout == "spikes" else first.readout
        key = (read_out, first.pooling_neurons, first.learned, simulation.seed)
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


def spike_code(recipe: Recipe) -> str:
    """Return the code of a recipe's network; the one that computes most where the recipe chooses."""
    if isinstance(recipe, Auto) or not isinstance(recipe, Stepwise):
        return "delta"
    return recipe.conversion(1).spike_code


def _with_settings(simulation: Simulation, **settings: Any) -> Simulation:
    """Return the simulation with the settings that are given by name; None counts as not given."""
    given = {name: value for name, value in settings.items() if value is not None}
    plain = Simulation()
    for name, value in given.items():
        own = getattr(simulation, name)
        if own not in (getattr(plain, name), value):
            raise OptionError(
                f"{name}={value!r} with Simulation({name}={own!r}); allowed: one of them"
            )
    return simulation.changed(**given)


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
