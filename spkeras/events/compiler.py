"""From a graph with neurons to a program of events.

Spikes are *events*: a place and a size. A linear node either moves events (concatenation,
padding, ...) or sums what they do into memory; a sum goes straight into the potentials of the
neurons that read it where nobody else does, and becomes events again where a further linear
node reads it. All biases have become constant currents of the neurons before.
"""

from collections.abc import Mapping

import numpy as np

from spkeras.events.geometry import (
    Reach,
    averaged,
    axes,
    pooled,
    pooled_places,
    rows,
    runs,
    share_of,
)
from spkeras.events.program import Program, Writer
from spkeras.events.support import body
from spkeras.events.table import Kind
from spkeras.graph import Graph, Node
from spkeras.ops.properties import is_rectifier

_UNIT: dict[float, int] = {1.0: 0}


def compile_program(graph: Graph, resting: Mapping[str, np.ndarray], stagger: int) -> Program:
    """Turn a network of rate-coded neurons into a table of operations.

    Args:
        graph: With neurons, normalised, and not refused by `support.refusal`.
        resting: What reaches each neuron and read-out while nobody sends anything and the
            input is zero, without the batch, by the name of the node that they read.
        stagger: Steps by which each layer starts after the one before it.
    """
    return _Compiler(graph, resting, stagger).program()


class _Compiler:
    def __init__(self, graph: Graph, resting: Mapping[str, np.ndarray], stagger: int) -> None:
        self.graph, self.resting, self.stagger = graph, resting, stagger
        self.nodes = body(graph)
        self.spiking = {node.name for node in self.nodes if node.op != "readout"}
        self.writer = Writer()
        self.fed = self._fed()
        self.slots: dict[str, int] = {}
        self.buffers: dict[str, int] = {}
        self.own: dict[str, tuple[int, int]] = {}
        self.counted = self.layers = self.values = 0

    def _fed(self) -> set[str]:
        """Nodes that depend on the input without a neuron between."""
        found: set[str] = set()
        for node in self.graph.nodes:
            if node.op == "input" or (
                node.op not in ("neuron", "readout") and found.intersection(node.inputs)
            ):
                found.add(node.name)
        return found

    def program(self) -> Program:
        for node in self.nodes:
            getattr(self, f"_{node.op}", self._window)(node)
        writer = self.writer
        return Program(
            np.stack(writer.operations),
            writer.tables.array(),
            writer.weights.array(),
            np.concatenate(writer.state),
            np.array([*writer.regions, writer.places], np.int64),
            tuple((name, size) for name, (_, size) in self.own.items()),
            tuple((node.name, node.shape) for node in self.graph.of("neuron")),
            tuple((node.name, node.shape) for node in self.graph.of("readout")),
        )

    # -- when, and where to

    def start(self, node: Node) -> int:
        """The first step at which what the node does matters."""
        if node.op in ("neuron", "readout"):
            return int(node["depth"]) * self.stagger
        return min(self.start(reader) for reader in self.graph.consumers[node.name])

    def buffer(self, node: Node) -> int:
        """Where the node's sum is kept: with its only reader if that adds it up anyway."""
        if node.name not in self.buffers:
            reader = self.graph.sole_consumer(node.name)
            if reader is not None and reader.op in ("neuron", "readout", "add"):
                self.buffers[node.name] = self.memory(reader)
            else:
                self.buffers[node.name] = self.writer.memory(np.zeros(node.shape))
        return self.buffers[node.name]

    def memory(self, reader: Node) -> int:
        """Where a reader adds up what it receives."""
        if reader.op == "add":
            return self.buffer(reader)
        if reader.name not in self.buffers:
            received = np.zeros(self.graph[reader.inputs[0]].shape)
            if _is_plain(reader):
                threshold = np.broadcast_to(reader.arrays["threshold"], reader.shape)
                received = np.float32(reader["rounding"]) * threshold
            if "offset0" in reader.arrays:
                received = received + reader.arrays["offset0"]
            self.buffers[reader.name] = self.writer.memory(received)
        return self.buffers[reader.name]

    def events(self, name: str) -> int:
        """The slot of a node's events; made of its sum where it has none yet."""
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
        """Bring what is not summed there anyway into the memory of a reader."""
        for place, name in enumerate(reader.inputs):
            summed = name not in self.slots and self.buffers.get(name) == target
            if name in self.spiking and not summed:
                sign = -1.0 if reader.op == "subtract" and place else 1.0
                self._pass(reader, name, target, sign)

    # -- linear nodes

    def _pass(self, node: Node, name: str, target: int, sign: float) -> None:
        """Events as they stand."""
        self.writer.operation(
            Kind.PASS,
            self.start(node),
            source=self.events(name),
            target=target,
            weights=self.writer.weights.add([sign]),
        )

    def _spread(
        self,
        node: Node,
        name: str,
        target: int,
        rows: Reach,
        columns: Reach,
        weights: np.ndarray,
        taps: tuple[int, int],
    ) -> None:
        """A window that keeps channels apart; weights (taps, channels) or one number."""
        channels = self.graph[name].shape[-1]
        varied = weights.size > 1
        spread = weights.size // (taps[0] * taps[1] * channels) if varied else 1
        width_out = self._row(node)
        lead = channels * spread if varied else 0
        factors = dict(_UNIT)
        fields = {
            "rows": self.writer.window(
                rows, width_out * channels * spread, taps[1] * lead, factors
            ),
            "columns": self.writer.window(columns, channels * spread, lead, factors),
        }
        self.writer.operation(
            Kind.WINDOW,
            self.start(node),
            source=self.events(name),
            target=target,
            channels=channels,
            width=len(columns),
            weights=self.writer.weights.add(weights),
            stride=int(varied),
            spread=spread,
            numbers=self.writer.weights.add(list(factors)),
            **fields,
        )

    @staticmethod
    def _row(node: Node) -> int:
        """Positions in a row of an image; a sequence, or a vector, is one row."""
        return node.shape[-2] if len(node.shape) > 1 else 1

    def _window(self, node: Node) -> None:
        (name,) = node.inputs
        shape = self.graph[name].shape
        taps = (1, 1)
        weights = np.ones(1)
        lines: Reach
        columns: Reach
        if node.op == "upsample":
            sizes = [(1, 1)] * (3 - len(shape)) + list(zip(shape, node["size"], strict=False))
            lines, columns = (
                [[(i * factor + k, 0, 1.0) for k in range(factor)] for i in range(size)]
                for size, factor in sizes
            )
        else:
            row, column = axes(node, shape)
            lines, columns = row.reach(), column.reach()
            if node.op == "average_pool":
                lines, columns = (
                    [[(o, 0, share) for o, _, share in e] for e in averaged(axis.reach(), axis.out)]
                    for axis in (row, column)
                )
            else:
                taps = (row.taps, column.taps)
                weights = node.arrays["kernel"]
        self._spread(node, name, self.buffer(node), lines, columns, weights, taps)

    def _scale(self, node: Node) -> None:
        (name,) = node.inputs
        shape = self.graph[name].shape
        scale = np.broadcast_to(node.arrays["scale"], shape).reshape(-1, shape[-1])
        columns: Reach = [[(place, place, 1.0)] for place in range(len(scale))]
        taps = (1, len(scale))
        self._spread(node, name, self.buffer(node), [[(0, 0, 1.0)]], columns, scale, taps)

    def _conv(self, node: Node) -> None:
        (name,) = node.inputs
        kernel = node.arrays["kernel"]
        kernel = kernel[None] if kernel.ndim == 3 else kernel
        if node.op == "conv_transpose":
            kernel = kernel.swapaxes(-1, -2)
        groups = node.attributes.get("groups", 1)
        out = kernel.shape[-1] // groups
        row, column = axes(node, self.graph[name].shape)
        ordered = kernel[row.order][:, column.order]
        ordered = ordered.reshape(*ordered.shape[:3], groups, out).transpose(3, 2, 0, 1, 4)
        first, tap, count = rows(row)[:, None].T
        line, channels = column.out * kernel.shape[-1], kernel.shape[-1]
        steps = {"line": row.spacing * line, "lead": column.taps * out}
        # Neighbouring outputs lie side by side only where a group is all there is.
        for run in runs(column, groups > 1):
            start, place, length = run[:, None, :].T
            plan = np.broadcast_arrays(
                first.T * line + start * channels,
                (tap.T * column.taps + place) * out,
                count.T,
                length * out,
            )
            self._contract(node, ordered, out, np.stack(plan, -1), **steps)

    _conv_transpose = _conv

    def _dense(self, node: Node) -> None:
        kernel = node.arrays["kernel"]
        places = int(np.prod(node.shape[:-1]))
        out = kernel.shape[-1]
        plan = [(place * out, 0, 1, out) for place in range(places)]
        self._contract(node, kernel, out, np.array(plan))

    def _contract(
        self, node: Node, weights: np.ndarray, out: int, plan: np.ndarray, **steps: int
    ) -> None:
        """Rows of weights; plan (positions, 4): target, first weight, rows, length of a row."""
        (name,) = node.inputs
        channels = self.graph[name].shape[-1]
        inverse, shift = _inverse(channels, int(np.prod(self.graph[name].shape)))
        self.writer.operation(
            Kind.CONTRACT,
            self.start(node),
            source=self.events(name),
            target=self.buffer(node),
            channels=channels,
            inverse=inverse,
            shift=shift,
            rows=self.writer.tables.add(plan),
            weights=self.writer.weights.add(weights),
            stride=weights.size // channels,
            grouped=channels // node.attributes.get("groups", 1),
            spread=out,
            **steps,
        )

    def _add(self, node: Node) -> None:
        self.deliver(node, self.buffer(node))

    _subtract = _add

    # -- moves

    def _move(self, node: Node, share: float = 1.0) -> None:
        # Several events may come to stand in one place: there is no merging here.
        sources = [self.events(name) for name in node.inputs if name in self.spiking]
        slot, fresh = self.writer.slot(sum(self.writer.rooms[source] for source in sources)), 1
        for name, places in zip(node.inputs, self._places(node), strict=True):
            if name in self.spiking:
                self.writer.operation(
                    Kind.REMAP,
                    self.start(node),
                    source=self.events(name),
                    slot=slot,
                    rows=self.writer.tables.add(places),
                    fresh=fresh,
                    weights=self.writer.weights.add([share]),
                )
                fresh = 0
        self.slots[node.name] = slot

    _concatenate = _reshape = _permute = _pad = _crop = _move

    def _average_pool(self, node: Node) -> None:
        """Windows side by side only move events: each stands for its share of the mean."""
        share = share_of(node, self.graph[node.inputs[0]].shape)
        if share is None:
            self._window(node)
        else:
            self._move(node, share)

    _global_average_pool = _average_pool

    def _places(self, node: Node) -> list[np.ndarray]:
        """Where each element of each input goes; -1 where it is dropped."""
        index = np.arange(int(np.prod(node.shape))).reshape(node.shape)
        if node.op in ("average_pool", "global_average_pool"):
            return [pooled_places(node, self.graph[node.inputs[0]].shape)]
        if node.op == "concatenate":
            axis = node["axis"] - 1 if node["axis"] > 0 else node["axis"] + index.ndim
            sizes = [self.graph[name].shape[axis] for name in node.inputs]
            return np.split(index, np.cumsum(sizes)[:-1], axis)
        if node.op == "permute":
            return [index.transpose(np.argsort(node["axes"]))]
        if node.op == "pad":
            inside = zip(node["amounts"], self.graph[node.inputs[0]].shape, strict=False)
            return [index[tuple(slice(before, before + size) for (before, _), size in inside)]]
        if node.op == "crop":
            return [np.pad(index, (*node["amounts"], (0, 0)), constant_values=-1)]
        return [index]

    # -- ends

    def _neuron(self, node: Node) -> None:
        target, size = self.memory(node), int(np.prod(node.shape))
        self.deliver(node, target)
        (name,) = node.inputs
        self.slots[node.name] = self.writer.slot(size)
        threshold, period = _repeated(np.broadcast_to(node.arrays["threshold"], node.shape))
        fields = {
            "slot": self.slots[node.name],
            "target": target,
            "size": size,
            "threshold": self.writer.weights.add(threshold),
            "period": period,
            "counted": self.counted,
            "layer": self.layers,
        }
        plain = _is_plain(node)
        extra = {"zero": int(node["reset"] == "zero")} if plain else self._counting(node)
        self.writer.operation(
            Kind.FIRE if plain else Kind.COUNT,
            self.start(node),
            **fields,
            **extra,
            **self._current(name, period if plain else 0),
        )
        self.counted, self.layers = self.counted + size, self.layers + 1

    def _counting(self, node: Node) -> dict[str, int]:
        function = node["function"]
        slope = {"linear": 1.0}.get(function, node.attributes.get("negative_slope") or 0.0)
        bound = 6.0 if function == "relu6" else node.attributes.get("max_value")
        numbers = [node["rounding"], slope, np.inf if bound is None else bound]
        signed = node["model"] in ("signed", "signed_burst")
        return {
            "sent": self.writer.memory(np.zeros(node.shape)),
            "low": -node["limit"] if signed else 0,
            "high": node["limit"],
            "pool": self._pool(node) if node["pool"] else -1,
            "received": int(np.prod(self.graph[node.inputs[0]].shape)),
            "numbers": self.writer.weights.add(numbers),
        }

    def _pool(self, node: Node) -> int:
        """The elements in the window of each output, as pointers and places."""
        windows = pooled(node, self.graph[node.inputs[0]].shape)
        start = self.writer.tables.size
        pointers = np.cumsum([0, *(len(window) for window in windows)]) + start + len(windows) + 1
        return self.writer.tables.add(np.concatenate([pointers, *windows]))

    def _current(self, name: str, period: int) -> dict[str, int]:
        """The constant current that arrives with a node's spikes."""
        size = int(np.prod(self.graph[name].shape))
        if name in self.fed:
            before = sum(length for _, length in self.own.values())
            place, _ = self.own.setdefault(name, (before, size))
            return {"bias": place, "own": 1, "bias_period": size}
        current, repeats = _repeated(self.resting[name])
        if period == size:
            current, repeats = np.broadcast_to(self.resting[name], self.graph[name].shape), size
        return {"bias": self.writer.weights.add(current), "bias_period": repeats}

    def _readout(self, node: Node) -> None:
        (name,) = node.inputs
        target, size = self.memory(node), int(np.prod(node.shape))
        self.deliver(node, target)
        self.writer.operation(
            Kind.READ,
            self.start(node),
            target=target,
            size=size,
            counted=self.values,
            **self._current(name, size),
        )
        self.values += size


def _is_plain(node: Node) -> bool:
    """Whether one potential per neuron is all it needs."""
    if node.op != "neuron":
        return False
    plain = is_rectifier(node["function"], node.attributes)
    return plain and node["model"] == "binary" and not node["pool"]


def _repeated(values: np.ndarray) -> tuple[np.ndarray, int]:
    """One row of an array whose rows are alike, else all of it; and the number of elements."""
    rows = values.reshape(-1, int(np.prod(values.shape[-2:])))
    rows = rows[:1] if (rows == rows[0]).all() else rows
    return rows.reshape(-1), rows.size


def _inverse(divisor: int, largest: int) -> tuple[int, int]:
    """Division by multiplying: n // divisor = n * inverse >> shift for all n up to `largest`.

    Exact while largest < 2^shift / divisor (Granlund & Montgomery 1994).
    """
    shift = (largest * divisor).bit_length() + 1
    return -(-(1 << shift) // divisor), shift
