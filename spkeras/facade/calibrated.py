"""A CNN with statistics of its activations, from which spiking networks are built."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from spkeras.calibration.moments import moments
from spkeras.calibration.statistics import calibrate
from spkeras.data import DataLike, Source, open_data
from spkeras.data.layout import Layout
from spkeras.data.source import inputs
from spkeras.graph import Graph
from spkeras.graph.stats import ActivationStats
from spkeras.ops.code import keeps_values
from spkeras.ops.progress import Progress
from spkeras.passes.constant_inputs import lift_biases
from spkeras.passes.fitted import Moments
from spkeras.passes.neurons import place_neurons
from spkeras.passes.pipeline import finish, prepare
from spkeras.passes.relays import is_relay
from spkeras.recipes import Conversion, Simulation, Stepwise
from spkeras.snn.ann import ann, bias_currents
from spkeras.snn.model import build, loop_of
from spkeras.snn.settings import check_start, stagger_in_force, start

# Samples of a stream that are checked before calibration.
CHECKED = 256


class Calibrated:
    """The graph of a CNN and statistics of all its layers, from one pass over the data.

    Args:
        graph: The CNN, as the frontend reads it.
        data: Calibration samples.
        recipe: Recipe of the first network; those of later ones must have the same options
            `readout`, `pooling_neurons` and `relays`, which decide the statistics.
        batch_size: Samples at once.
        progress: Called with (samples done, samples in all).
        seed: Seed of the positions drawn from large feature maps.
        check: Called with the graph with neurons and the samples before calibration; raises an
            error to refuse them.

    Raises:
        UnsupportedLayerError: layers that cannot be converted; all are listed.
        DataError: samples of another shape, none, or NaN.
    """

    def __init__(
        self,
        graph: Graph,
        data: DataLike | Source,
        recipe: Stepwise,
        *,
        batch_size: int,
        progress: Progress,
        seed: int = 0,
        check: Callable[[Graph, list[np.ndarray]], None] = lambda graph, samples: None,
    ) -> None:
        first = recipe.chosen(recipe.default_timesteps)
        self.graph = prepare(graph, first)
        neurons = place_neurons(self.graph, first)
        source = open_data(Layout.of(neurons), data)
        check(neurons, source.head(CHECKED).x)
        # In a network trained for spikes the activations define the value of a spike.
        names = [
            node.name
            for node in neurons.of("input", "neuron")
            if node.op == "input" or not first.learned or is_relay(node)
        ]
        self.stats = calibrate(
            ann(self.graph, names),
            names,
            inputs(source, batch_size),
            progress=lambda done: progress(done, source.expected),
            seed=seed,
        )
        self.notes = _drawn(self.stats, seed)

    def network(
        self,
        recipe: Stepwise,
        simulation: Simulation,
        samples: Sequence[np.ndarray] | None = None,
    ) -> keras.Model:
        """Return the spiking network of a recipe.

        Args:
            recipe: With the options of the first one that decide the statistics.
            simulation: Its T decides options that the recipe leaves open.
            samples: Samples whose currents weights of n bits keep, one array per input; None
                rounds weights to the nearest.

        Raises:
            OptionError: a read-out that would start after T.
        """
        timesteps = int(simulation.timesteps or recipe.default_timesteps)
        chosen = recipe.chosen(timesteps)
        graph = place_neurons(self.graph, chosen)
        check_start(graph, timesteps, simulation.schedule, simulation.stagger)
        simulation = simulation.changed(timesteps=timesteps)
        graph = finish(
            graph,
            self.stats,
            chosen,
            windows(graph, timesteps, simulation),
            moments=None if samples is None else _products(samples, simulation),
        )
        graph = graph.with_settings(**_settings(recipe, chosen), built_for=timesteps)
        if keeps_values(chosen.spike_code):
            graph = lift_biases(graph, bias_currents(graph))
        graph = graph.with_nodes(graph.nodes, notes=self.notes)
        return build(graph, simulation)


def _products(samples: Sequence[np.ndarray], simulation: Simulation) -> Callable[[Graph], Moments]:
    """Return the function from a graph to the mean products of the inputs of its kernels."""
    return lambda graph: moments(loop_of(build(graph, simulation)), samples, simulation.seed)


def _settings(recipe: Stepwise, chosen: Conversion) -> dict[str, Any]:
    """The options of the conversion, with what was chosen for T."""
    kinds = {"neuron": chosen.neuron, "spike_code": chosen.spike_code}
    found = {"recipe": recipe.name, **kinds, **recipe.conversion_config()}
    # `correct` adds its setting afterwards.
    found.pop("correction", None)
    decided = {name for name, value in found.items() if value is None and hasattr(chosen, name)}
    return {**found, **{name: getattr(chosen, name) for name in decided}}


def _drawn(stats: Mapping[str, ActivationStats], seed: int) -> list[str]:
    """Return a note on feature maps of which only a part was counted."""
    shares = [found.counted for found in stats.values() if found.counted < 1]
    if not shares:
        return []
    return [
        f"calibration: {len(shares)} of {len(stats)} maps are too large to count whole; their "
        f"percentiles are those of positions drawn at random (seed {seed}, at least "
        f"{min(shares):.2%} of a map), their maxima those of all positions"
    ]


def windows(graph: Graph, timesteps: int, simulation: Simulation) -> dict[str, int]:
    """Return the number of time steps from the start of each layer of neurons to T.

    Args:
        graph: With neurons.
        timesteps: T.
        simulation: Schedule and stagger.
    """
    waits = 0.0
    if simulation.schedule == "clock_driven":
        waits = stagger_in_force(graph, timesteps, simulation.stagger)
    return {node.name: max(timesteps - start(node, waits), 1) for node in graph.of("neuron")}
