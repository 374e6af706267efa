"""A converted network and its run by events, without Keras."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.graph.macs import macs
from spkeras.passes.constant_inputs import resting_points
from spkeras.plain.values import Values, computed, is_known
from spkeras.recipes.simulation import Simulation
from spkeras.simulation.engine import choose
from spkeras.simulation.frames import in_time
from spkeras.snn.timing import Timed, frontier_of

# Multiply-accumulates of one evaluation of the CNN that take NumPy a few seconds.
_MOST_WORK = 1e11
# The same, times time steps, where dense steps are expected to be cheaper.
_MOST_DEARER = 1e10


class PlainNetwork(Timed):
    """A spiking network with its arrays and the settings of its runs.

    Args:
        name: Name of the model.
        graph: Graph with neurons, with its arrays.
        settings: Those of `spkeras.recipes.Simulation`.

    Raises:
        OptionError: a setting is out of its range.
    """

    windows = 0

    def __init__(self, name: str, graph: Graph, **settings: Any) -> None:
        self.name, self._graph = name, graph
        self.network = SimpleNamespace(graph=graph, frontier=frontier_of(graph))
        own = {"timesteps": 64, "input_encoding": "constant", **settings}
        for key, value in Simulation(**own).get_config().items():
            setattr(self, key, value)
        self.check()

    @property
    def inputs(self) -> list[SimpleNamespace]:
        """Name, shape and dtype of each input, as Keras states them."""
        return [
            SimpleNamespace(name=node.name, shape=(None, *node.shape), dtype=node["dtype"])
            for node in self._graph.of("input")
        ]

    @property
    def layers(self) -> list["PlainNetwork"]:
        """The only layer."""
        return [self]

    @property
    def graph(self) -> Graph:
        """The graph with its arrays."""
        return self._graph

    @property
    def runs(self) -> bool:
        """Whether events can run it with its settings, and every other node is known."""
        nodes = (*self._graph.nodes, *self._graph.reference().nodes)
        if choose(self, "auto").engine not in ("dense", "events"):
            return False
        try:
            choose(self, "events")
        except OptionError:
            return False
        return all(is_known(node) for node in nodes)

    def suits(self, samples: Sequence[np.ndarray]) -> bool:
        """Return whether a run on these samples is over sooner than with Keras, and its import.

        NumPy computes the CNN, and events every step, also where dense steps would be cheaper.
        Frames in time need Keras.
        """
        work = len(samples[0]) * sum(macs(self._graph).values())
        if choose(self, "auto").engine == "dense" and work * self.timesteps > _MOST_DEARER:
            return False
        return not in_time(self._graph, samples) and work < _MOST_WORK

    def units(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the inputs in units of their scale."""
        nodes = self._graph.of("input")
        return [
            np.asarray(x, np.float32) / node.arrays.get("scale", np.float32(1))
            for node, x in zip(nodes, inputs, strict=True)
        ]

    def drive(self, scaled: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the currents at the frontier."""
        values = computed(self._of(self._graph.drive), self._given(self._graph, scaled))
        return [values[node.name] for node in self.network.frontier]

    def decode(self, means: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs from the mean values of the read-outs."""
        readouts = self._graph.of("readout")
        values: Values = {node.inputs[0]: mean for node, mean in zip(readouts, means, strict=True)}
        values = computed(self._of(self._graph.head), values)
        return [values[name] for name in self._graph.outputs]

    def reference(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs of the converted CNN."""
        graph = self._graph.reference()
        values = computed(graph.nodes, self._given(graph, self.units(inputs)))
        return [values[name] for name in graph.outputs]

    def bias_currents(self) -> dict[str, np.ndarray]:
        """Return the current into each neuron and read-out while no neuron fires."""
        cut = resting_points(self._graph)
        silence = {n.name: np.zeros((1, *n.shape), np.float32) for n in cut.of("input")}
        values = computed(cut.nodes, silence)
        return {name: values[name][0] for name in cut.outputs}

    def standing(self, names: Sequence[str]) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
        """Return the function from the frontier to the values of nodes while no neuron fires."""
        nodes = self._of(self._graph.body)

        def standing(drive: Sequence[np.ndarray]) -> list[np.ndarray]:
            first = [node.name for node in self.network.frontier]
            values: Values = dict(zip(first, drive, strict=True))
            for node in self._graph.of("neuron"):
                values[node.name] = np.zeros((len(drive[0]), *node.shape), np.float32)
            values = computed(nodes, values)
            return [values[name] for name in names]

        return standing

    def _of(self, names: frozenset[str]) -> list[Node]:
        return [node for node in self._graph.nodes if node.name in names]

    def _given(self, graph: Graph, scaled: Sequence[np.ndarray]) -> Values:
        pairs = zip(graph.of("input"), scaled, strict=True)
        return {node.name: value for node, value in pairs}
