"""State of a compilation: sites, memory, events and starts of the nodes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spkeras.events.geometry import plane
from spkeras.events.table import Kind
from spkeras.events.writer import Writer
from spkeras.graph import Graph, Node

# Numbers of a site's sum that are computed at once, over rows and steps: they stay in the cache.
_ROWS, _SUMS = 1 << 14, 1 << 16
# Largest number of rows of weights listed at once.
_LISTED = 1 << 20


@dataclass(eq=False)
class Site:
    """A sum that is being compiled.

    Attributes:
        shape: Shape of the sum.
        inputs: Operations that add to it: kind and fields.
        listed: Most rows of weights that one position of it receives in a step.
        whole: Whether all rows are computed at once.
        overlaps: Whether neighbouring rows read the same rows of an array of inputs.
    """

    shape: tuple[int, ...]
    inputs: list[tuple[Kind, dict[str, int]]] = field(default_factory=list)
    listed: int = 0
    whole: bool = False
    overlaps: bool = False

    def fields(self, block: int) -> dict[str, int]:
        """Return the fields of its row; `block`: steps that run at once."""
        lines, width, channels = plane(self.shape)
        row = width * channels
        band = (
            lines if self.whole else max(1, min(lines, _ROWS * (4 if self.overlaps else 1) // row))
        )
        while band > 1 and band * width * self.listed > _LISTED:
            band = -(-band // 2)
        chunk = max(1, min(block, _SUMS // (band * row)))
        if self.listed:
            chunk = max(1, min(chunk, _LISTED // (band * width * self.listed)))
        return {
            "size": lines * row,
            "channels": channels,
            "width": width,
            "lines": lines,
            "band": band,
            "chunk": chunk,
            "inputs": len(self.inputs),
        }


class EventPlan:
    """State of the compilation of one network: sites, memory, events and starts by node."""

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
        self.sites: dict[str, Site] = {}
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

    def site(self, node: Node) -> Site:
        """Return the sum that a linear node is part of: that of its only reader if it sums, too."""
        if node.name not in self.sites:
            reader = self.graph.sole_consumer(node.name)
            if reader is not None and reader.op in ("neuron", "readout", "add"):
                self.sites[node.name] = self.received(reader)
            else:
                self.sites[node.name] = Site(node.shape)
        return self.sites[node.name]

    def received(self, reader: Node) -> Site:
        """Return the sum of a reader's inputs."""
        if reader.op == "add":
            return self.site(reader)
        if reader.name not in self.sites:
            self.sites[reader.name] = Site(self.graph[reader.inputs[0]].shape)
        return self.sites[reader.name]

    def memory(self, reader: Node) -> int:
        """Return the address of what a reader received, with its value before the first step."""
        received = np.zeros(self.graph[reader.inputs[0]].shape)
        if reader.is_plain:
            threshold = np.broadcast_to(reader.arrays["threshold"], reader.shape)
            received = np.float32(reader["initial_potential"]) * threshold
        if "constant_input0" in reader.arrays:
            received = received + reader.arrays["constant_input0"]
        return self.writer.memory(received)

    def events(self, name: str) -> int:
        """Return the slot of a node's events; without one, add the site that makes it."""
        if name not in self.slots:
            node = self.graph[name]
            self.slots[name] = self.slot(node, math.prod(node.shape), valued=True)
            self.close(Kind.GATHER, node, self.site(node), slot=self.slots[name])
        return self.slots[name]

    def slot(self, node: Node, room: int, valued: bool) -> int:
        """Return a new slot for the events of a node."""
        lines, width, _ = plane(node.shape)
        return self.writer.slot(room, lines * width, valued)

    def close(self, kind: Kind, node: Node, site: Site, **fields: int) -> None:
        """Add the rows of a site."""
        self.writer.site(kind, self.start(node), site=site, fields=fields)

    def deliver(self, reader: Node, site: Site) -> None:
        """Add inputs of a reader that are not part of its sum yet."""
        for place, name in enumerate(reader.inputs):
            summed = name not in self.slots and self.sites.get(name) is site
            if name in self.spiking and not summed:
                sign = -1.0 if reader.op == "subtract" and place else 1.0
                self.add(site, Kind.PASS, name, {"weights": self.writer.weights.add([sign])})

    def add(self, site: Site, kind: Kind, name: str, fields: Mapping[str, int]) -> None:
        """Add an operation on the events of a node to a sum."""
        _, width, channels = plane(self.graph[name].shape)
        slot = self.events(name)
        own = {"source": slot, "width": width, "channels": channels}
        site.inputs.append((kind, {**own, "valued": self.writer.valued(slot), **fields}))

    def current(self, name: str) -> dict[str, int]:
        """Return the fields of the constant current that comes from a node."""
        shape = self.graph[name].shape
        size = math.prod(shape)
        if name in self.fed:
            before = sum(length for _, length in self.own.values())
            place, _ = self.own.setdefault(name, (before, size))
            return {"bias": place, "own": 1, "bias_period": size}
        current, repeats = repeated(np.broadcast_to(self.resting[name], shape))
        return {"bias": self.writer.weights.add(current), "bias_period": repeats}


def simulated(graph: Graph) -> list[Node]:
    """Return the nodes that run every step, in order: those of the body, and their read-outs."""
    readouts = (node for node in graph.of("readout") if node.inputs[0] in graph.body)
    names = graph.body.union(node.name for node in readouts)
    return [node for node in graph.nodes if node.name in names]


def repeated(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return one row of an array if its rows are equal, else the array; and its size."""
    rows = values.reshape(-1, math.prod(values.shape[-2:]))
    rows = rows[:1] if (rows == rows[0]).all() else rows
    return rows.reshape(-1), rows.size
