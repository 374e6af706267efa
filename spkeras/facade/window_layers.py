"""Layers that fire in windows against the CNN's activations, in all stages of `verify`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from spkeras.graph import Graph
from spkeras.metrics import NeuronCheck
from spkeras.metrics.comparison import ValueComparison
from spkeras.ops.compiled import compiled
from spkeras.ops.types import Tensor
from spkeras.ttfs.checks import is_coded, is_relu
from spkeras.ttfs.spike_windows import RealValues, SpikeWindows, build


class WindowLayers:
    """All layers of neurons of a network of windows, compared in all stages.

    Args:
        loop: The network.
    """

    steps: tuple[int, ...] = ()

    def __init__(self, loop: SpikeWindows) -> None:
        self.loop, graph = loop, loop.graph
        fires = is_coded if graph.settings["kernel"] == "trained" else is_relu
        self.names = [node.name for node in graph.nodes if fires(node)]
        ranges = {name: loop.largest(name) for name in self.names}
        self.comparisons = [
            ValueComparison(
                name=name, unit=1.0, finest=1e-6, most=1.0, explained=loop.resolution(name)
            )
            for name in self.names
        ]
        self.ranges = ranges
        waiting = loop if loop.start is None else _waiting(loop, graph)
        clipped = _clipped(graph, ranges) if graph.settings["kernel"] != "trained" else graph
        self.ways = [_real(RealValues(net, self.names)) for net in (graph, clipped)]
        self.ways += [_spiking(net, self.names) for net in (waiting, loop)]

    def add(self, batch: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Compare one batch; returns the outputs of each of `spkeras.facade.verification.STAGES`."""
        found = [way(batch) for way in self.ways]
        found.insert(0, found[0])
        for index, (name, comparison) in enumerate(zip(self.names, self.comparisons, strict=True)):
            values = [own[index] / self.ranges[name] for _, own in found]
            comparison.add(*values)
            silent = int((values[-1] == 0).sum())
            comparison.follow(silent, np.zeros(0), np.zeros(len(batch[0])))
        return [outputs for outputs, _ in found]

    def result(self) -> tuple[NeuronCheck, ...]:
        """One entry per layer of neurons."""
        return tuple(comparison.result() for comparison in self.comparisons)

    def departs_first(self) -> str | None:
        """The first layer that its own levels do not explain."""
        pairs = zip(self.comparisons, self.result(), strict=True)
        return next((check.name for own, check in pairs if check.error > 2 * own.explained), None)

    def settles_last(self) -> None:
        """No layer: each has one window."""


Way = Callable[[Sequence[np.ndarray]], tuple[list[np.ndarray], ...]]


def _real(reference: RealValues) -> Way:
    """Return a function from a batch to (outputs, values) of a network on real values."""
    call = compiled(lambda batch: reference(batch, 1), reference.variables)
    return lambda batch: tuple(_arrays(part) for part in call(batch))


def _spiking(loop: SpikeWindows, names: Sequence[str]) -> Way:
    """Return a function from a batch to (outputs, values of spikes) of a network of windows."""

    def run(batch: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        outputs, spikes = loop.run(batch)
        sent = dict(zip(loop.neurons, spikes, strict=True))
        return outputs, [loop.values(name, sent[name]) for name in names]

    call = compiled(run, list(loop.variables))
    return lambda batch: tuple(_arrays(part) for part in call(batch))


def _arrays(values: Sequence[Any]) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in values]


def _waiting(loop: SpikeWindows, graph: Graph) -> SpikeWindows:
    """Return the network whose layers wait for their whole inputs."""
    config = loop.get_config()
    model = build(graph, config["kernels"])
    (layer,) = (found for found in model.layers if isinstance(found, SpikeWindows))
    return layer


def _clipped(graph: Graph, largest: dict[str, float]) -> Graph:
    """Return the graph with ReLUs that end at the largest value of each layer's spikes."""
    return graph.updated(
        {name: graph[name].with_attributes(max_value=top) for name, top in largest.items()}
    )
