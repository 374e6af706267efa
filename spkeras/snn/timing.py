"""When the layers of a spike loop start and end, from its settings and its graph, without Keras."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.recipes.simulation import Simulation
from spkeras.snn.settings import NAMES, check_start, depth_of, stagger_in_force, start

# rho of offset-spike correction, as published.
_PRESTEPS = 4


class HasGraph(Protocol):
    """The computations of a graph."""

    @property
    def graph(self) -> Graph:
        """The graph."""

    @property
    def frontier(self) -> Sequence[Node]:
        """The nodes before the first neurons whose values neurons and read-outs receive."""


def frontier_of(graph: Graph) -> list[Node]:
    """Return the nodes of the drive that nodes of the body, or read-outs, read."""
    outside = {
        name
        for node in graph.nodes
        if node.name in graph.body or node.op == "readout"
        for name in node.inputs
    }
    drive = graph.drive
    return [node for node in graph.nodes if node.name in drive and node.name in outside]


class Timed:
    """A network that runs step by step, with the settings of its runs.

    Attributes:
        network: Its computations; their graph has the structure, perhaps not the arrays.
        timesteps, schedule, stagger, input_encoding, seed: See `spkeras.snn.spike_loop.SpikeLoop`.
    """

    changeable = NAMES
    network: HasGraph
    timesteps: int
    schedule: str
    stagger: float | None
    input_encoding: str
    seed: int

    @property
    def graph(self) -> Graph:
        """The graph with the weights that the network holds now."""
        raise NotImplementedError

    def bias_currents(self) -> dict[str, np.ndarray]:
        """Return the current into each neuron and read-out while no neuron fires; see `ann`."""
        raise NotImplementedError

    def standing(self, names: Sequence[str]) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
        """Return the function from the frontier to the values of nodes while no neuron fires."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse options out of their range."""
        self.simulation.check_code(self.spike_code)
        check_start(self.network.graph, self.timesteps, self.schedule, self.stagger)
        if self.presteps and (self.schedule, self.offset) != ("clock_driven", 0):
            raise OptionError(
                f"schedule={self.schedule!r}, stagger={self.stagger!r} with "
                "correction='offset_spikes'; allowed: 'clock_driven', 0, since each layer waits for "
                "the one before"
            )

    @property
    def spike_code(self) -> str:
        """The spike code; see `spkeras.ops.code`."""
        readouts = self.network.graph.of("readout")
        return readouts[0]["spike_code"] if readouts else "rate"

    @property
    def depth(self) -> int:
        """Number of layers of neurons on the longest path from input to output."""
        return depth_of(self.network.graph)

    @property
    def latency(self) -> int:
        """Steps from the first input to the final output of a run of T steps."""
        if self.schedule == "clock_driven":
            return self.timesteps + self.presteps * self.depth
        return self.timesteps * (self.depth + 1)

    @property
    def presteps(self) -> int:
        """Steps that each layer takes before it fires: those of offset-spike correction, or 0."""
        corrected = self.network.graph.settings.get("correction") == "offset_spikes"
        return min(_PRESTEPS, self.timesteps) if corrected else 0

    def start(self, node: Node) -> int:
        """Return the step, from 0, at which a layer of neurons or a read-out starts."""
        return start(node, self.offset)

    def first_step(self, output: str) -> int:
        """Return the number of the first step after which an output has received something.

        A layer-synchronous run counts windows, each of which ends with an answer.

        Args:
            output: Name of an output of the graph.
        """
        if self.schedule != "clock_driven":
            return 1
        graph = self.network.graph
        needed = graph.before(output)
        return 1 + max(
            (self.start(node) for node in graph.of("readout") if node.name in needed), default=0
        )

    @property
    def offset(self) -> float:
        """The stagger in force."""
        return stagger_in_force(self.network.graph, self.timesteps, self.stagger)

    @property
    def simulation(self) -> Simulation:
        """The settings of the simulation, checked."""
        return Simulation(**{name: getattr(self, name) for name in NAMES})

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in force, for reports."""
        return {"input_encoding": self.input_encoding, "seed": self.seed, "stagger": self.offset}
