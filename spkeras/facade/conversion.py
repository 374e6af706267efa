"""Turn a trained CNN into a spiking Keras model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from spkeras import targets
from spkeras.data import DataLike
from spkeras.errors import OptionError
from spkeras.facade import automatic
from spkeras.facade.converter import Converter
from spkeras.frontend.walk import walk
from spkeras.ops import log
from spkeras.ops.bar import reported
from spkeras.ops.progress import Progress
from spkeras.recipes import Auto, Recipe, Simulation
from spkeras.recipes.arguments import check_arguments
from spkeras.snn.converted import converted_of
from spkeras.targets import Target
from spkeras.targets.settings import (
    recipe_for,
    refuse_misfits,
    simulation_for,
    whole_simulation_for,
)


def convert(
    model: keras.Model,
    data: DataLike,
    recipe: str | Recipe | Mapping[str, Any] | None = None,
    *,
    target: str | Path | Target | None = None,
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
            returned. None: "ecc", or the recipe of the target.
        target: The chip or format that the network is for: a name, the path of a TOML file, or a
            `spkeras.targets.Target`. Its settings are the defaults of all options; options that it
            cannot run are refused.
        timesteps: T, counted from the first input; the same as in `simulation`. None: 64, 4
            where spikes carry values, what the CNN was trained for, or what "auto" finds. `spkeras.configure`
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
        OptionError: an option that the recipe does not have, out of its range, or not possible on
            the target; a read-out that would start after T.
        WeightsError: weights that are NaN or infinite.
    """
    check_arguments(batch_size=batch_size, progress=progress, simulation=simulation)
    settings = {name: options.pop(name) for name in Simulation.options() if name in options}
    simulation = _with_settings(simulation or Simulation(), timesteps=timesteps, **settings)
    wanted = None if target is None else targets.target(target)
    simulation = simulation_for(wanted, simulation)
    chosen = recipe_for(wanted, recipe, simulation.schedule, options)
    simulation = whole_simulation_for(wanted, chosen, simulation)
    if wanted is not None:
        refuse_misfits(wanted, chosen, simulation)
    walked = walk(model)
    with reported(progress, verbose, "sample") as report:
        if isinstance(chosen, Auto):
            snn = automatic.choose(
                walked, data, chosen, simulation, batch_size=batch_size, progress=report
            )
        else:
            converter = Converter(walked, data, batch_size=batch_size)
            snn = converter.network(chosen, simulation, report)
    for text in converted_of(snn).graph.notes:
        log.note(text)
    return snn


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
