"""A CNN whose activations have been measured: ready to become any number of networks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from spkeras.calibrate import calibrate
from spkeras.data.batches import as_samples, batches
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph
from spkeras.graph.stats import ActivationStats
from spkeras.ops.code import keeps_values
from spkeras.ops.names import GRADED, TRAINED
from spkeras.passes.offsets import lift_biases
from spkeras.passes.recipes import Options, finish, neurons_of, prepare
from spkeras.passes.scales import VALUES_PERCENTILE, automatic_percentile
from spkeras.passes.thresholds import automatic_thresholds
from spkeras.snn.network import analogue, resting_currents
from spkeras.snn.settings import stagger_in_force, start
from spkeras.snn.spike_loop import build


class Calibrated:
    """The graph of a CNN and statistics of all its layers, from one pass over the data.

    Args:
        model: The CNN.
        data: Calibration samples.
        options: The first network's; those of later ones must not differ in what is measured
            (`readout`).
        batch_size: Samples at once.
        progress: Told (samples done, samples in all).
        seed: Of the positions of maps that are too large to be counted whole.
        check: Called with the graph with neurons and the samples before any of them runs; may
            refuse them.

    Raises:
        UnsupportedLayerError: layers that cannot be converted, all of them at once.
        DataError: samples of another shape, none, or NaN.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Any,
        options: Options,
        batch_size: int,
        progress: Callable[[int, int], None],
        seed: int = 0,
        check: Callable[[Graph, list[np.ndarray]], None] = lambda graph, samples: None,
    ) -> None:
        self.graph = prepare(read_graph(model), options)
        neurons = neurons_of(self.graph, options)
        samples = as_samples(neurons, data)
        check(neurons, samples)
        # A network trained for spikes says itself what they stand for.
        measured = ("input",) if options.recipe in TRAINED else ("input", "neuron")
        names = [node.name for node in neurons.of(*measured)]
        total = len(samples[0])
        self.stats = calibrate(
            analogue(self.graph, names),
            names,
            batches(samples, batch_size),
            lambda done: progress(done, total),
            seed,
        )
        self.notes = _drawn(self.stats, seed)

    def network(self, options: Options, timesteps: int, **simulation: Any) -> keras.Model:
        """The spiking network for these options.

        Args:
            options: What is None in them is chosen here.
            timesteps: T.
            simulation: `schedule`, `stagger`, `coding`, `seed`.
        """
        values = keeps_values(str(options.code))
        if options.thresholds is None:
            options = replace(options, thresholds=automatic_thresholds(timesteps))
        if options.percentile is None and options.recipe not in TRAINED:
            # A large value costs a graded spike no more than a small one.
            wide = values or options.neuron in GRADED
            automatic = VALUES_PERCENTILE if wide else automatic_percentile(timesteps)
            options = replace(options, percentile=automatic)
        graph: Graph = neurons_of(self.graph, options)
        graph = finish(graph, self.stats, options, windows(graph, timesteps, **simulation))
        graph = graph.with_settings(built_for=int(timesteps))
        if values:
            graph = lift_biases(graph, resting_currents(graph))
        graph = graph.with_nodes(graph.nodes, notes=self.notes)
        return build(graph, timesteps=timesteps, **simulation)


def _drawn(stats: Mapping[str, ActivationStats], seed: int) -> list[str]:
    """What a user should know about maps of which only a part was counted."""
    shares = [found.counted for found in stats.values() if found.counted < 1]
    if not shares:
        return []
    return [
        f"calibration: {len(shares)} of {len(stats)} maps are too large to count whole; their "
        f"percentiles are those of positions drawn at random (seed {seed}, at least "
        f"{min(shares):.2%} of a map), their maxima those of all positions"
    ]


def windows(
    graph: Graph,
    timesteps: int,
    schedule: str = "clock_driven",
    stagger: float | None = None,
    **_: Any,
) -> dict[str, int]:
    """The steps for which each layer of neurons may fire: the later it starts, the fewer."""
    waits = 0.0
    if schedule == "clock_driven":
        waits = stagger_in_force(graph, timesteps, stagger)
    return {node.name: max(timesteps - start(node, waits), 1) for node in graph.of("neuron")}
