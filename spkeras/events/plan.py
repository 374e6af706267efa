"""State of a compilation: memory, events and starts of the nodes."""

from collections.abc import Mapping

import numpy as np

from spkeras.events.program import Writer
from spkeras.events.table import Kind
from spkeras.graph import Graph, Node


class EventPlan:
    """State of the compilation of one network: memory, events and starts by node."""

    def __init__(self, graph: Graph, resting: Mapping[str, np.ndarray], stagger: float) -> None:
        self.graph, self.resting, self.stagger = graph, resting, stagger
        self.nodes = simulated(graph)
        self.spiking = {node.name for node in self.nodes if node.op != "readout"}
        self.writer = Writer()
        # They depend on the input without a neuron between.
        inputs = (node.name for node in graph.of("input"))
        self.fed = graph.after(inputs, until=("neuron", "readout"))
        self.starts: dict[str, int] = {}
        self.slots: dict[str, int] = {}
        self.buffers: dict[str, int] = {}
        self.own: dict[str, tuple[int, int]] = {}
        self.counted = self.layers = self.values = 0

    def start(self, node: Node) -> int:
        """Return the first step at which a node can have an effect."""
        if node.op in ("neuron", "readout"):
            return int(node["depth"] * self.stagger)
        if node.name not in self.starts:
            readers = self.graph.consumers[node.name]
            self.starts[node.name] = min(self.start(reader) for reader in readers)
        return self.starts[node.name]

    def buffer(self, node: Node) -> int:
        """Return the address of a node's sum: that of its only reader if this reader sums, too."""
        if node.name not in self.buffers:
            reader = self.graph.sole_consumer(node.name)
            if reader is not None and reader.op in ("neuron", "readout", "add"):
                self.buffers[node.name] = self.memory(reader)
            else:
                self.buffers[node.name] = self.writer.memory(np.zeros(node.shape))
        return self.buffers[node.name]

    def memory(self, reader: Node) -> int:
        """Return the address at which a reader sums its inputs."""
        if reader.op == "add":
            return self.buffer(reader)
        if reader.name not in self.buffers:
            received = np.zeros(self.graph[reader.inputs[0]].shape)
            if reader.is_plain:
                threshold = np.broadcast_to(reader.arrays["threshold"], reader.shape)
                received = np.float32(reader["initial_potential"]) * threshold
            if "constant_input0" in reader.arrays:
                received = received + reader.arrays["constant_input0"]
            self.buffers[reader.name] = self.writer.memory(received)
        return self.buffers[reader.name]

    def events(self, name: str) -> int:
        """Return the slot of a node's events; without one, add the operation that makes it."""
        if name not in self.slots:
            node = self.graph[name]
            self.slots[name] = self.writer.slot(int(np.prod(node.shape)))
            self.writer.operation(
                Kind.GATHER,
                self.start(node),
                slot=self.slots[name],
                target=self.buffer(node),
                size=int(np.prod(node.shape)),
            )
        return self.slots[name]

    def deliver(self, reader: Node, target: int) -> None:
        """Add the operations for inputs of a reader that are not summed in its memory yet."""
        for place, name in enumerate(reader.inputs):
            summed = name not in self.slots and self.buffers.get(name) == target
            if name in self.spiking and not summed:
                sign = -1.0 if reader.op == "subtract" and place else 1.0
                self.pass_on(reader, name, target, sign)

    def pass_on(self, node: Node, name: str, target: int, sign: float) -> None:
        """Add the operation that adds events at their positions."""
        self.writer.operation(
            Kind.PASS,
            self.start(node),
            source=self.events(name),
            target=target,
            weights=self.writer.weights.add([sign]),
        )

    def current(self, name: str, period: int) -> dict[str, int]:
        """Return the fields of the constant current that comes from a node."""
        size = int(np.prod(self.graph[name].shape))
        if name in self.fed:
            before = sum(length for _, length in self.own.values())
            place, _ = self.own.setdefault(name, (before, size))
            return {"bias": place, "own": 1, "bias_period": size}
        current, repeats = repeated(self.resting[name])
        if period == size:
            current, repeats = np.broadcast_to(self.resting[name], self.graph[name].shape), size
        return {"bias": self.writer.weights.add(current), "bias_period": repeats}


def simulated(graph: Graph) -> list[Node]:
    """Return the nodes that run every step, in order: those of the body, and their read-outs."""
    readouts = (node for node in graph.of("readout") if node.inputs[0] in graph.body)
    names = graph.body.union(node.name for node in readouts)
    return [node for node in graph.nodes if node.name in names]


def repeated(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return one row of an array if its rows are equal, else the array; and its size."""
    rows = values.reshape(-1, int(np.prod(values.shape[-2:])))
    rows = rows[:1] if (rows == rows[0]).all() else rows
    return rows.reshape(-1), rows.size
